"""Python code of the configuration in the real daemon: every place it may stand in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from helpers.daemon import Daemon
from logferry.queues.files import owner_of

pytestmark = pytest.mark.integration


async def records(path: Path, count: int) -> list[str]:
    """Wait until a file holds ``count`` lines and return them."""
    async with asyncio.timeout(30):
        while True:
            lines = path.read_text().splitlines() if path.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


SOURCE = """
from syslogng import LogSource, LogMessage
class Numbers(LogSource):
    def init(self, options):
        self.count = options["count"]
        self.is_over = False
        return True
    def run(self):
        for number in range(self.count):
            message = LogMessage(f"message {number}")
            message["PROGRAM"] = "numbers"
            message["number"] = number
            message.set_pri(11)
            self.post_message(message)
        while not self.is_over:
            import time; time.sleep(0.01)
    def request_exit(self):
        self.is_over = True
"""


async def test_messages_of_a_source_reach_a_destination_whole(tmp_path: Path) -> None:
    text = f"""
    python {{{SOURCE}
from syslogng import LogDestination
class Keep(LogDestination):
    def open(self):
        self.file = open("{tmp_path}/out", "a")
        return True
    def send(self, message):
        row = [message["number"], message["MESSAGE"], message["PROGRAM"],
               message.get_pri(), message["x"], message.get_timestamp().year > 2000]
        import json
        print(json.dumps(row), file=self.file)
        return self.QUEUED
    def flush(self):
        self.file.flush()
        return self.SUCCESS
    }};
    source s {{ python(class("Numbers") options("count" => 250)); }};
    destination d {{ python(class("Keep") batch-lines(40)); }};
    log {{ source(s); rewrite {{ set("y" value("x")); }}; destination(d);
        flags(flow-control); }};
    """
    async with Daemon(text, tmp_path) as daemon:
        lines = await records(tmp_path / "out", 250)
    assert [json.loads(line) for line in lines] == [
        [number, f"message {number}", "numbers", 11, "y", True] for number in range(250)
    ]
    assert daemon.returncode == 0


async def test_a_failed_send_is_repeated_and_then_dead(tmp_path: Path) -> None:
    text = f"""
    python {{{SOURCE}
from syslogng import LogDestination
class Picky(LogDestination):
    def send(self, values):
        if values["n"] == 1:
            raise RuntimeError("not this one")
        if values["n"] == 3:
            return self.DROP
        with open("{tmp_path}/out", "a") as file:
            print(values["n"], file=file)
        return True
    }};
    source s {{ python(class("Numbers") options("count" => 5)); }};
    destination d {{ python(class("Picky") retries(2) time-reopen(0.05)
        value-pairs(pair("n", "$number"))); }};
    log {{ source(s); destination(d); }};
    """
    async with Daemon(text, tmp_path) as daemon:
        lines = await records(tmp_path / "out", 3)
        await daemon.wait_for("not this one", count=2)
        stats = await daemon.ctl("stats", "prometheus")
    assert lines == ["0", "2", "4"]
    assert 'python_failures_total{class="Picky",kind="destination"} 2' in stats


async def test_a_fetcher_is_asked_until_it_has_no_more(tmp_path: Path) -> None:
    text = f"""
    python {{
from syslogng import LogFetcher, LogMessage
class Few(LogFetcher):
    def init(self, options):
        self.left = ["a", "b", "c"]
        return True
    def fetch(self):
        if not self.left:
            return self.NO_DATA, None
        return self.SUCCESS, LogMessage(self.left.pop(0))
    }};
    source s {{ python-fetcher(class(Few)); }};
    log {{ source(s); destination {{ file("{tmp_path}/out" template("$MSG\\n")); }}; }};
    """
    async with Daemon(text, tmp_path):
        assert await records(tmp_path / "out", 3) == ["a", "b", "c"]


STUCK = """
from syslogng import LogDestination
import os, threading, time
class Stuck(LogDestination):
    def init(self, options):
        self.calls = options["calls"]
        return True
    def send(self, message):
        os.mkdir(self.calls)
        threading.Event().wait()
    def deinit(self):
        threading.Event().wait()
"""


def stuck_config(tmp_path: Path, calls: str, code: str = STUCK) -> str:
    return f"""
    options {{ shutdown-grace(0.5); }};
    python {{{code}}};
    source s {{ file("{tmp_path}/in" follow-freq(0.1)); }};
    destination stuck {{ python(class("Stuck") options("calls" => "{tmp_path}/{calls}")
        persist-name("stuck") disk-buffer(reliable(yes) capacity-bytes(10M))); }};
    destination other {{ file("{tmp_path}/out" template("$MSG\\n")); }};
    log {{ source(s); destination(stuck); destination(other); }};
    """


async def until_there(path: Path) -> None:
    async with asyncio.timeout(30):
        while not path.exists():
            await asyncio.sleep(0.02)


def queued(tmp_path: Path) -> int:
    found = owner_of(tmp_path / "state" / "syslog-ng-00000.rqf")
    assert found is not None
    return found[1].count


async def test_a_class_that_never_returns_holds_nothing_else_up(tmp_path: Path) -> None:
    """The daemon lives, says so, stops in time and keeps what is queued."""
    (tmp_path / "in").write_text("".join(f"<13>a: line {n}\n" for n in range(50)))
    text = stuck_config(tmp_path, "calls")
    async with Daemon(text, tmp_path) as daemon:
        await until_there(tmp_path / "calls")
        assert len(await records(tmp_path / "out", 50)) == 50
        await daemon.wait_for("Python destination does not return from a call")
        pools = json.loads(await daemon.ctl("POOL", "--json"))
        assert [(pool["state"], pool["reason"]) for pool in pools] == [
            ("blocked", "send() does not return")
        ]
        metrics = await daemon.ctl("STATS", "PROMETHEUS")
        seconds = metrics.partition("python_call_seconds{")[2].split("\n")[0].split()[1]
        assert float(seconds) >= 10
        with (tmp_path / "in").open("a") as file:
            file.write("<13>a: one more\n")
        await records(tmp_path / "out", 51)
    assert daemon.returncode == 0
    assert any("deinit() of Python code does not return" in e for e in daemon.events)
    assert queued(tmp_path) == 51


async def test_a_reload_leaves_a_call_that_never_returns_behind(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(f"<13>a: line {n}\n" for n in range(50)))
    async with Daemon(stuck_config(tmp_path, "calls"), tmp_path) as daemon:
        await until_there(tmp_path / "calls")
        good = STUCK.replace(
            "os.mkdir(self.calls)", "open(self.calls, 'a').write('x\\n')"
        )
        good = good.replace("threading.Event().wait()", "pass")
        text = stuck_config(tmp_path, "delivered", good)
        daemon.config.write_text("@version: 4.27\n" + text)
        await daemon.ctl("RELOAD")
        assert len(await records(tmp_path / "delivered", 50)) == 50
    assert daemon.returncode == 0
    assert queued(tmp_path) == 0
