"""Several worker processes on the same ports, seen from outside as one daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

HOME = "127.0.0.1"


class Crew:
    """Two workers that forward to a collector."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.input_port, self.port = free_port(HOME), free_port(HOME)
        self.collector = Collector(HOME, self.port)
        self.daemon = Daemon(
            f"""
            options {{ time-reopen(0.2); workers(2); }};
            source s {{ network(ip("{HOME}") port({self.input_port}) max-connections(200)); }};
            destination d {{ network("{HOME}" port({self.port})); }};
            log {{ source(s); destination(d); flags(flow-control); }};
            {more}
            """,
            folder,
        )

    async def __aenter__(self) -> Crew:
        await self.collector.start()
        await self.daemon.start()
        await self.daemon.wait_for("starting up", count=3)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.daemon.stop()
        await self.collector.stop()

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        path = f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children"
        return [int(word) for word in Path(path).read_text().split()]

    async def send(self, connections: int, count: int) -> None:
        """Send ``count`` numbered messages over each of several connections."""
        for _ in range(connections):
            async with Sender(HOME, self.input_port) as sender:
                await sender.send(count)

    async def written(self) -> int:
        """Return how many messages the destination has delivered."""
        rows = (await self.daemon.ctl("stats")).splitlines()
        (row,) = [row for row in rows if row.startswith("dst.") and ";written;" in row]
        return int(row.rpartition(";")[2])


async def test_workers_share_the_port_and_the_numbers_are_added_up(
    tmp_path: Path,
) -> None:
    async with Crew(tmp_path) as crew:
        assert len(crew.workers()) == 2
        await crew.send(40, 25)
        await crew.collector.wait_for_lines(1000)
        assert sorted(numbers(crew.collector.lines)) == sorted([*range(25)] * 40)
        assert crew.collector.connections == 2
        async with asyncio.timeout(30):
            while await crew.written() != 1000:
                await asyncio.sleep(0.05)
    assert crew.daemon.returncode == 0


async def test_order_is_kept_within_a_connection(tmp_path: Path) -> None:
    async with Crew(tmp_path) as crew:
        await crew.send(1, 20_000)
        await crew.collector.wait_for_lines(20_000)
    assert numbers(crew.collector.lines) == list(range(20_000))


async def test_a_dead_worker_is_started_again_and_the_other_goes_on(
    tmp_path: Path,
) -> None:
    async with Crew(tmp_path) as crew:
        victim = crew.workers()[1]
        os.kill(victim, signal.SIGKILL)
        await crew.daemon.wait_for("Worker process died")
        await crew.send(10, 10)
        await crew.collector.wait_for_lines(100)
        await crew.daemon.wait_for("starting up", count=4)
        assert victim not in crew.workers()
        assert len(crew.workers()) == 2
        await crew.send(40, 10)
        await crew.collector.wait_for_lines(500)


async def test_reload_reaches_every_worker(tmp_path: Path) -> None:
    async with Crew(tmp_path) as crew:
        assert "successful" in await crew.daemon.ctl("RELOAD")
        await crew.daemon.wait_for("Configuration reload finished", count=2)
        crew.daemon.config.write_text("@version: 4.27\nsource s { nothing(); };")
        assert (await crew.daemon.ctl("RELOAD")).startswith("FAIL")
        await crew.send(4, 10)
        await crew.collector.wait_for_lines(40)


async def test_counters_are_answered_while_a_worker_dies_and_comes_back(
    tmp_path: Path,
) -> None:
    async with Crew(tmp_path) as crew:
        os.kill(crew.workers()[1], signal.SIGKILL)
        is_back = asyncio.create_task(crew.daemon.wait_for("starting up", count=4))
        while not is_back.done():
            assert (await crew.daemon.ctl("STATS")).startswith("SourceName;")
            assert not (await crew.daemon.ctl("QUERY", "LIST", "*")).startswith("FAIL")
        assert "output_events_total" in await crew.daemon.ctl("STATS", "PROMETHEUS")


async def test_what_a_crew_does_not_know_closes_the_connection(tmp_path: Path) -> None:
    async with Crew(tmp_path) as crew:
        with pytest.raises(OSError, match="closed the connection"):
            await crew.daemon.ctl("NONSENSE")
        await crew.daemon.wait_for("Unknown command read on control channel")


@pytest.mark.parametrize("is_signal", [True, False])
async def test_a_reload_moves_the_page_of_the_crew(
    tmp_path: Path, is_signal: bool
) -> None:
    pages = [free_port(HOME), free_port(HOME)]

    def options(port: int) -> str:
        return f"options {{ metrics-page(ip({HOME}) port({port})); }};"

    async with Crew(tmp_path, options(pages[0])) as crew:
        await crew.daemon.wait_for(f":{pages[0]}/metrics")
        text = crew.daemon.config.read_text()
        crew.daemon.config.write_text(text.replace(str(pages[0]), str(pages[1])))
        if is_signal:
            crew.daemon.signal(signal.SIGHUP)
        else:
            assert (await crew.daemon.ctl("RELOAD")).startswith("OK")
        await crew.daemon.wait_for(f":{pages[1]}/metrics")
        reader, writer = await asyncio.open_connection(HOME, pages[1])
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"syslogng_output_events_total" in await reader.read()
        writer.close()
        with pytest.raises(OSError, match=r"refused|failed"):
            await asyncio.open_connection(HOME, pages[0])
        await crew.send(4, 10)
        await crew.collector.wait_for_lines(40)
        with contextlib.ExitStack() as stack:
            import socket

            taken = free_port(HOME)
            stack.enter_context(socket.create_server((HOME, taken)))
            crew.daemon.config.write_text(text.replace(str(pages[0]), str(taken)))
            await crew.daemon.ctl("RELOAD")
            await crew.daemon.wait_for("cannot serve metrics-page()")
        _, writer = await asyncio.open_connection(HOME, pages[1])  # where it was
        writer.close()


async def test_nothing_is_lost_when_a_worker_is_killed_under_load(
    tmp_path: Path,
) -> None:
    # What the kernel took for a worker that dies is gone with it; its senders see
    # their connections break. What went to the other workers arrives.
    async with Crew(tmp_path) as crew:
        victim = crew.workers()[0]
        senders = [Sender(HOME, crew.input_port) for _ in range(12)]
        async with contextlib.AsyncExitStack() as stack:
            for sender in senders:
                await stack.enter_async_context(sender)
            broken: set[int] = set()
            for step in range(40):
                if step == 10:
                    os.kill(victim, signal.SIGKILL)
                for index, sender in enumerate(senders):
                    if index not in broken:
                        try:
                            await sender.send(5)
                        except ConnectionError:
                            broken.add(index)
                await asyncio.sleep(0.005)
        whole = 12 - len(broken)
        assert 0 < whole < 12
        async with asyncio.timeout(30):
            while numbers(crew.collector.lines).count(199) < whole:
                await asyncio.sleep(0.05)
        counts = [numbers(crew.collector.lines).count(number) for number in range(200)]
        assert min(counts) >= whole
        await crew.daemon.wait_for("starting up", count=4)
        await crew.send(20, 5)
    assert crew.daemon.returncode == 0


async def test_a_terminal_sees_what_all_workers_say(tmp_path: Path) -> None:
    async with Crew(tmp_path) as crew:
        import subprocess
        import sys

        terminal = subprocess.Popen(
            [
                *(sys.executable, "-m", "logferry.cli.syslog_ng_ctl", "attach", "logs"),
                *("--seconds=3", f"--control={crew.daemon.control}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        await asyncio.sleep(1)
        assert "successful" in await crew.daemon.ctl("RELOAD")
        output, errors = await asyncio.to_thread(terminal.communicate, None, 20)
        assert output == "[console output ends here]\n"
        assert errors.count("Configuration reload finished") == 2


async def test_workers_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    async with Crew(tmp_path) as crew:
        workers = crew.workers()
        await crew.daemon.kill()
        async with asyncio.timeout(30):
            while any(_is_alive(pid) for pid in workers):
                await asyncio.sleep(0.05)


async def test_a_worker_that_cannot_start_ends_the_run_with_its_reason(
    tmp_path: Path,
) -> None:
    crew = Crew(tmp_path)
    with contextlib.ExitStack() as stack:
        import socket

        stack.enter_context(socket.create_server((HOME, crew.input_port)))
        with pytest.raises(AssertionError, match="cannot listen"):
            await crew.daemon.start()
        await crew.daemon.stop()
    assert crew.daemon.returncode == 2


def _is_alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
