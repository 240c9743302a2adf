"""The control socket: the real syslog-ng-ctl against us, ours against syslog-ng."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import peers
from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

CONFIG = """
options {{ stats(level(1)); }};
source s {{ network(ip(127.0.0.1) port({port})); }};
filter f_x {{ message("number"); }};
destination d {{ network("127.0.0.1" port({out}) time-reopen(1)); }};
log {{ source(s); filter(f_x); destination(d); }};
"""


async def run(program: str, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Run one of Debian's programs; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(str(peers.require(program)), *arguments),
        env=peers.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture
async def pair(tmp_path):
    """A daemon that delivers to a collector."""
    port, out = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = CONFIG.format(port=port, out=out)
    async with (
        Collector("127.0.0.1", out) as collector,
        Daemon(text, tmp_path) as daemon,
        Sender("127.0.0.1", port) as sender,
    ):
        await sender.send(3)
        await collector.wait_for_lines(3)
        yield daemon
    assert daemon.returncode == 0


@pytest.mark.peers
async def test_the_real_ctl_works_against_our_daemon(pair):
    async def ctl(*words: str) -> str:
        status, output, errors = await run(
            "usr/sbin/syslog-ng-ctl", *words, f"--control={pair.control}"
        )
        assert status == 0, (words, output, errors)
        return output

    # syslog-ng 3.38 knows one form of statistics, and no healthcheck: it reads the word
    # and asks for the CSV. The words of newer ones are in test_drop_in_transports.py.
    assert (await ctl("stats", "prometheus")).startswith("SourceName;")
    rows = (await ctl("stats")).splitlines()
    assert rows[0] == "SourceName;SourceId;SourceInstance;State;Type;Number"
    assert "filter;f_x;;a;matched;3" in rows
    assert "source;s;;a;processed;3" in rows
    assert "filter.f_x.matched=3" in await ctl("query", "get", "filter.*")
    assert (await ctl("query", "get", "--sum", "filter.f_x.*")).strip() == "3"
    assert "filter.f_x.matched" in await ctl("query", "list", "*")
    assert "source s" in await ctl("config")
    assert "source s" in await ctl("config", "--preprocessed")
    assert "matches active configuration" in await ctl("config", "--verify")
    assert str(pair.config) in await ctl("list-files")
    assert (await ctl("verbose", "--set=on")).strip() == "VERBOSE=1"
    assert (await ctl("debug")).strip() == "DEBUG=0"
    assert "digraph" in await ctl("export-config-graph")
    assert "stored" in await ctl("credentials", "add", "key.pem", "secret")
    assert "key.pem\tPENDING" in await ctl("credentials", "status")
    assert "open source" in await ctl("show-license-info")
    assert "Re-open" in await ctl("reopen")
    assert (await ctl("reload")).strip() == "Config reload successful"
    assert "reset to 0" in await ctl("stats", "--reset")
    assert "filter;f_x;;a;matched;0" in await ctl("stats")
    assert "removed" in await ctl("stats", "--remove-orphans")
    assert (await ctl("stop")).strip() == "Shutdown initiated"
    await pair.wait_for("shutting down")


@pytest.mark.peers
async def test_our_ctl_works_against_the_real_daemon(tmp_path):
    port = free_port("127.0.0.1")
    source = f"network(ip(127.0.0.1) port({port}))"
    async with peers.SyslogNg(tmp_path, "peer", source) as peer:
        control = os.path.relpath(peer.control)

        async def ctl(*words: str) -> tuple[int, str]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "logferry.cli.syslog_ng_ctl"),
                *(*words, f"--control={control}"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            output, _ = await process.communicate()
            return process.returncode, output.decode()

        async with asyncio.timeout(30):
            while (await ctl("stats"))[0]:
                await asyncio.sleep(0.1)
        status, output = await ctl("stats")
        assert status == 0
        assert output.startswith("SourceName;SourceId;")
        assert "source.s.processed=0" in (await ctl("query", "get", "source.*"))[1]
        assert await ctl("config", "--verify") == (
            0,
            "Configuration file matches active configuration\n",
        )
        assert "source s" in (await ctl("config"))[1]
        assert (await ctl("verbose", "--set=on"))[1] == "VERBOSE=1\n"
        assert (await ctl("list-files"))[0] == 0
        assert (await ctl("credentials", "status"))[0] == 0
        assert await ctl("log-level") == (1, "Invalid arguments received\n")  # new
        assert await ctl("reload") == (0, "Config reload successful\n")
        assert await ctl("stop") == (0, "Shutdown initiated\n")


async def test_prometheus_and_csv_tell_the_same(pair):
    csv = await pair.ctl("STATS", "CSV")
    text = await pair.ctl("STATS", "PROMETHEUS")
    assert "filter;f_x;;a;matched;3" in csv
    assert 'syslogng_filtered_events_total{id="f_x",result="matched"} 3' in text


async def test_several_commands_follow_each_other_on_one_connection(pair):
    reader, writer = await asyncio.open_unix_connection(pair.control)
    for _ in range(3):
        writer.write(b"STATS\n")
        answer = await reader.readuntil(b"\n.\n")
        assert answer.startswith(b"SourceName;")
    writer.close()


async def test_survives_garbage_and_half_commands(pair):
    for data in (
        b"\0" * 1000 + b"\n",
        os.urandom(5000),
        b"STATS",
        b"A" * 100_000,
        b"QUERY\n",
        b"QUERY NONSENSE *\n",
        b"CONFIG GET\n",
        b"PWD\n",
        b"PWD add\n",
        b"LOG\n",
        b"SOURCE STOP\n",
        b"\xff\xfe\n",
        b"stats \xff\n",
    ):
        reader, writer = await asyncio.open_unix_connection(pair.control)
        writer.write(data)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):  # it hung up amid our data
            await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert "SourceName" in await pair.ctl("STATS")


async def test_survives_ten_thousand_connections(pair):
    def connect_often() -> None:
        for _ in range(100):
            with contextlib.ExitStack() as stack:
                for _ in range(100):
                    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                    sock.connect(pair.control)

    await asyncio.to_thread(connect_often)
    assert "SourceName" in await pair.ctl("STATS")


async def test_idle_connections_do_not_keep_an_operator_out(pair):
    idle = [await asyncio.open_unix_connection(pair.control) for _ in range(400)]
    assert "SourceName" in await pair.ctl("STATS")
    for _, writer in idle:
        writer.close()


async def test_is_for_its_owner_only(pair):
    assert stat.S_IMODE(Path(pair.control).stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_refuses_another_user_even_when_the_socket_is_open_to_all(pair):
    Path(pair.control).chmod(0o777)
    pair.folder.chmod(0o777)
    script = (
        "import os, socket, sys\n"
        "sock = socket.socket(socket.AF_UNIX)\n"
        "folder = os.open(sys.argv[1], os.O_PATH)\n"
        "os.setuid(65534)\n"
        "sock.connect(f'/proc/self/fd/{folder}/ctl')\n"
        "try:\n"
        "    sock.sendall(b'STATS\\n')\n"
        "    data = sock.recv(10)\n"
        "except OSError:\n"
        "    data = b''\n"
        "sys.exit(3 if data == b'' else 0)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(pair.folder)
    )
    assert await process.wait() == 3
    await pair.wait_for("Control connection of another user refused; uid='65534'")


async def test_pool_queues_and_events_speak_to_people_and_to_programs(pair):
    assert "127.0.0.1" in await pair.ctl("POOL")
    (pool,) = json.loads(await pair.ctl("POOL", "--json"))
    assert pool["destination"] == "d#0"
    (queue,) = json.loads(await pair.ctl("QUEUES", "--json"))
    assert (queue["accepted"], queue["messages"]) == (3, 0)
    assert (queue["destination"], queue["restart"]) == ("d#0", "nothing")
    assert "d#0" in await pair.ctl("QUEUES")
    events = json.loads(await pair.ctl("EVENTS", "--json"))
    assert "StartingUp" in {event["event"] for event in events}
    said = await pair.ctl("EVENTS")
    assert "] syslog-ng starting up;" in said
    assert await pair.ctl("EVENTS", "2") == "\n".join(said.splitlines()[-2:]) + "\n"
    assert await pair.ctl("EVENTS", "0") == ""
    assert (await pair.ctl("EVENTS", "all")).startswith("FAIL say events")


async def test_log_levels_can_be_changed_while_running(pair):
    assert (await pair.ctl("LOG", "LEVEL")).strip().endswith("set to 0")
    assert (await pair.ctl("LOG", "LEVEL", "DEBUG")).strip().endswith("set to 2")
    await pair.wait_for("Verbosity changed; log_level='2'")
    assert await pair.ctl("LOG", "TRACE") == "OK TRACE=0\n"
    assert await pair.ctl("LOG", "VERBOSE", "OFF") == "OK VERBOSE=0\n"
    assert (await pair.ctl("LOG", "LEVEL")).strip().endswith("set to 0")
    assert (await pair.ctl("LOG", "LEVEL", "NONSENSE")).startswith("FAIL")


async def test_healthcheck_measures_the_event_loop(pair):
    answer = await pair.ctl("HEALTHCHECK")
    found = re.search(r"syslogng_io_worker_latency_seconds (\S+)", answer)
    assert found is not None
    assert 0 <= float(found[1]) < 5


async def test_config_shows_no_secrets(tmp_path):
    text = """
destination d {
    http(
        url("http://bob:hunter2@127.0.0.1:1/") user("bob") password("hunter2")
        headers("Authorization: Bearer hunter2")
    );
};
source s { internal(); };
log { source(s); destination(d); };
"""
    async with Daemon(text, tmp_path) as daemon:
        original = await daemon.ctl("CONFIG", "GET", "ORIGINAL")
        assert 'password("********")' in original
        for words in (
            ("CONFIG", "GET", "ORIGINAL"),
            ("CONFIG", "GET", "PREPROCESSED"),
            ("EXPORT_CONFIG_GRAPH",),
            ("EVENTS",),
            ("STATS", "CSV"),
            ("STATS", "PROMETHEUS"),
            ("POOL",),
        ):
            assert "hunter2" not in await daemon.ctl(*words), words
        assert "matches" in await daemon.ctl("CONFIG", "VERIFY")
    assert "hunter2" not in "\n".join(daemon.events)


def attach(daemon: Daemon, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "logferry.cli.syslog_ng_ctl", "attach", *words),
            f"--control={daemon.control}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def seen(process: subprocess.Popen[str], text: str) -> None:
    """Read the terminal until ``text`` is there."""

    def read() -> None:
        assert process.stderr is not None
        while text not in (line := process.stderr.readline()):
            assert line, f"no {text!r}"

    await asyncio.wait_for(asyncio.to_thread(read), 20)


async def test_a_terminal_can_see_the_log_for_a_while(pair):
    process = attach(pair, "logs", "--seconds", "2", "--log-level=debug")
    await seen(process, "Verbosity changed; log_level='2'")
    assert (await pair.ctl("RELOAD")).startswith("OK")
    await seen(process, "Configuration reload finished")
    await pair.wait_for("Configuration reload finished")  # ours has it too
    output, _ = await asyncio.to_thread(process.communicate)
    assert (process.returncode, output) == (0, "[console output ends here]\n")
    await pair.wait_for("Verbosity changed; log_level='2'")
    assert (await pair.ctl("LOG", "LEVEL")).strip().endswith("set to 0")


async def test_a_terminal_that_goes_away_leaves_the_daemon_its_streams(pair):
    process = attach(pair, "stdio", "--log-level", "debug")
    await seen(process, "Verbosity changed; log_level='2'")
    assert "another terminal" in await asyncio.to_thread(
        lambda: attach(pair).communicate(timeout=20)[0]
    )
    process.kill()
    process.communicate()
    async with asyncio.timeout(30):  # until it is noticed
        while not (await pair.ctl("LOG", "LEVEL")).strip().endswith("set to 0"):
            await asyncio.sleep(0.05)
    assert (await pair.ctl("RELOAD")).startswith("OK")
    await pair.wait_for("Configuration reload finished")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["debugger"], "no interactive debugger"),
        (["logs", "--log-level=nonsense"], "Invalid log level"),
        (["nonsense"], "Unknown attach mode"),
        (["logs", "--seconds=x"], "takes a number"),
        (["logs", "more"], "Too many"),
    ],
)
async def test_what_cannot_be_attached_is_refused_with_the_reason(pair, words, reason):
    process = attach(pair, *words)
    output, errors = await asyncio.to_thread(process.communicate, None, 20)
    assert process.returncode == 1
    assert reason in output + errors


async def test_a_passphrase_keeps_its_blanks(pair):
    answer = await pair.ctl("PWD", "add", "some.key", "two  blanks ")
    assert answer.startswith("OK")


async def test_a_mistake_beside_a_secret_does_not_tell_it(tmp_path):
    text = """
source s {{ internal(); }};
destination d {{ http(url("http://bob:hunter2@127.0.0.1:1/") password("hunter2") {more}); }};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text.format(more=""), tmp_path) as daemon:
        daemon.config.write_text("@version: 4.27\n" + text.format(more="nonsense(1)"))
        assert (await daemon.ctl("RELOAD")).startswith("FAIL")
        await daemon.wait_for("nonsense")
        assert "hunter2" not in await daemon.ctl("EVENTS")
    assert "hunter2" not in "\n".join(daemon.events)


async def test_queues_say_why_nothing_is_delivered_and_what_a_restart_loses(tmp_path):
    port = free_port("127.0.0.1")
    text = f"""
source s {{ network(ip(127.0.0.1) port({port})); }};
destination f {{ file("{tmp_path}/nowhere/out" time-reopen(0.2)); }};
destination p {{ pipe("{tmp_path}/nowhere/pipe" time-reopen(60)); }};
destination n {{ network("127.0.0.1" port({free_port("127.0.0.1")}) time-reopen(60)); }};
destination q {{
    network("127.0.0.1" port({free_port("127.0.0.1")}) time-reopen(60)
        disk-buffer(reliable(yes) capacity-bytes(10MiB) dir("{tmp_path}")));
}};
log {{ source(s); destination(f); destination(p); destination(n); destination(q); }};
"""
    refused = ("n#0", "q#0")
    async with Daemon(text, tmp_path) as daemon, Sender("127.0.0.1", port) as sender:
        await sender.send(5)
        async with asyncio.timeout(30):
            while True:
                rows = {
                    row["destination"]: row
                    for row in json.loads(await daemon.ctl("QUEUES", "--json"))
                }
                is_all_there = all(row["messages"] == 5 for row in rows.values())
                if is_all_there and all("refused" in rows[n]["why"] for n in refused):
                    break
                await asyncio.sleep(0.05)
        assert {name: row["restart"] for name, row in rows.items()} == {
            "f#0": "lost",
            "p#0": "lost",
            "n#0": "lost",
            "q#0": "kept",
        }
        assert rows["f#0"]["state"] == "failing"
        assert "No such file" in rows["f#0"]["why"]
        assert rows["p#0"]["state"] == "failing"
        said = await daemon.ctl("QUEUES")
        assert "a restart now loses up to 15 messages that wait in memory" in said
        (tmp_path / "nowhere").mkdir()
        async with asyncio.timeout(30):
            while "f#0 5" in await daemon.ctl("QUEUES"):
                await asyncio.sleep(0.05)
        (row, *_) = json.loads(await daemon.ctl("QUEUES", "--json"))
        assert (row["destination"], row["state"], row["why"]) == ("f#0", "up", "")
