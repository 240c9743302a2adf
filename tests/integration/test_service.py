"""Service manners: systemd, signals, users, locks, pid files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
UNIT = Path(__file__).resolve().parents[2] / "packaging/logferry.service"


def text(port: int, folder: Path) -> str:
    return f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{folder}/out.log"); }};
log {{ source(s); destination(d); }};
"""


@pytest.fixture
def open_path():
    """A folder that everybody can reach: pytest's own are their owner's only."""
    with tempfile.TemporaryDirectory(prefix="logferry-", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


class NotifySocket:
    """What systemd listens on for a unit of type notify."""

    def __init__(self, path: Path) -> None:
        self.path = os.path.relpath(path)
        self.words: list[str] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> NotifySocket:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(self.path)
        asyncio.get_running_loop().add_reader(self._sock, self._on_readable)
        return self

    def _on_readable(self) -> None:
        self.words += self._sock.recv(4096).decode().split("\n")
        self._changed.set()

    async def wait_for(self, word: str, count: int = 1) -> None:
        async with asyncio.timeout(30):
            while self.words.count(word) < count:
                self._changed.clear()
                await self._changed.wait()

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_accepts_the_unit(tmp_path):
    unit = tmp_path / "logferry.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/logferry", sys.executable))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in result.stderr.splitlines() if "logferry" in line]
    assert complaints == []
    assert result.returncode == 0, result.stderr


def test_the_unit_watches_a_daemon_that_notifies():
    lines = UNIT.read_text().splitlines()
    assert "Type=notify" in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)


async def test_systemd_hears_of_start_reload_watchdog_and_stop(tmp_path, monkeypatch):
    port = free_port(HOST)
    async with NotifySocket(tmp_path / "notify") as notify:
        monkeypatch.setenv("NOTIFY_SOCKET", notify.path)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        async with Daemon(text(port, tmp_path), tmp_path) as daemon:
            monkeypatch.delenv("NOTIFY_SOCKET")
            await notify.wait_for("READY=1")
            assert f"MAINPID={daemon.pid}" in notify.words
            await notify.wait_for("WATCHDOG=1", 3)
            daemon.signal(signal.SIGHUP)
            await notify.wait_for("RELOADING=1")
            assert any(word.startswith("MONOTONIC_USEC=") for word in notify.words)
            await notify.wait_for("READY=1", 2)
        await notify.wait_for("STOPPING=1")
    assert daemon.returncode == 0


async def test_the_journal_gets_levels_instead_of_times(tmp_path, monkeypatch):
    # The log of `Daemon` is a pipe: what the journal's socket would be.
    script = (
        "import os, sys\n"
        "status = os.fstat(2)\n"
        "os.environ['JOURNAL_STREAM'] = f'{status.st_dev}:{status.st_ino}'\n"
        "from logferry.cli.run import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    config = tmp_path / "a.conf"
    config.write_text("@version: 4.27\n" + text(free_port(HOST), tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, "-f", str(config)),
        *("--state-dir", str(tmp_path / "state")),
        *("--control", os.path.relpath(tmp_path / "ctl")),
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = []
    while line := await asyncio.wait_for(process.stderr.readline(), 20):
        lines.append(line.decode())
        if "starting up" in lines[-1]:
            process.terminate()
    assert await process.wait() == 0
    assert any(item.startswith("<5>syslog-ng starting up;") for item in lines), lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stops_gracefully_on(tmp_path, number):
    async with Daemon(text(free_port(HOST), tmp_path), tmp_path) as daemon:
        daemon.signal(number)
        await daemon.wait_for("shutting down")
    assert daemon.returncode == 0


async def test_usr1_opens_rotated_files_anew(tmp_path):
    port = free_port(HOST)
    out, old = tmp_path / "out.log", tmp_path / "out.log.1"
    async with (
        Daemon(text(port, tmp_path), tmp_path) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(1)
        async with asyncio.timeout(30):
            while not out.exists() or not out.read_bytes():
                await asyncio.sleep(0.01)
        out.rename(old)
        daemon.signal(signal.SIGUSR1)
        async with asyncio.timeout(30):
            while not out.exists():
                await sender.send(1)
                await asyncio.sleep(0.02)
    assert old.read_bytes()


async def test_the_pid_file_is_written_and_removed(tmp_path):
    pid_file = tmp_path / "run.pid"
    arguments = ("--pidfile", str(pid_file))
    async with Daemon(text(free_port(HOST), tmp_path), tmp_path, *arguments) as daemon:
        assert pid_file.read_text() == f"{daemon.pid}\n"
    assert not pid_file.exists()


async def test_a_pid_file_that_cannot_be_written_stops_nobody(tmp_path):
    arguments = ("--pidfile", "/nowhere/run.pid")
    async with Daemon(text(free_port(HOST), tmp_path), tmp_path, *arguments) as daemon:
        await daemon.wait_for("Error creating pid file; pidfile='/nowhere/run.pid'")
    assert daemon.returncode == 0


async def test_two_daemons_never_share_a_state_directory(tmp_path):
    async with Daemon(text(free_port(HOST), tmp_path), tmp_path) as daemon:
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logferry.cli.main", "run"),
            *("-f", str(daemon.config), "--state-dir", str(tmp_path / "state")),
            *("--control", os.path.relpath(tmp_path / "ctl2")),
            stderr=subprocess.PIPE,
        )
        _, errors = await second.communicate()
        assert second.returncode == 2
        assert f"process {daemon.pid}" in errors.decode()
        assert "SourceName" in await daemon.ctl("STATS")  # the first is unharmed


async def test_two_daemons_never_share_a_folder_of_queues(tmp_path):
    """Each has a state directory of its own, and both name the same dir()."""
    configuration = f"""
    source s {{ network(ip("{HOST}") port({free_port(HOST)})); }};
    destination d {{ network("{HOST}" port({free_port(HOST)})
        disk-buffer(reliable(yes) dir("{tmp_path}/queues"))); }};
    log {{ source(s); destination(d); }};
    """
    async with Daemon(configuration, tmp_path) as daemon:
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logferry.cli.main", "run"),
            *("-f", str(daemon.config), "--state-dir", str(tmp_path / "state2")),
            *("--control", os.path.relpath(tmp_path / "ctl2")),
            stderr=subprocess.PIPE,
        )
        _, errors = await second.communicate()
        assert second.returncode == 2
        assert f"process {daemon.pid}" in errors.decode()
        assert "SourceName" in await daemon.ctl("STATS")  # the first is unharmed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_root_is_given_up_after_a_privileged_port_was_bound(open_path):
    port = next(
        number for number in range(800, 1024) if _is_free(number)
    )  # below 1024: root's
    out = free_port(HOST)
    config = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ network("{HOST}" port({out})); }};
log {{ source(s); destination(d); }};
"""
    arguments = ("--user", "nobody")
    async with (
        Collector(HOST, out) as collector,
        Daemon(config, open_path, *arguments) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(2)
        await collector.wait_for_lines(2)
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
        assert set(uids.split()[1:]) == {str(_uid("nobody"))}
        groups = next(line for line in status.splitlines() if line.startswith("Groups"))
        assert "0" not in groups.split()[1:]
        assert "SourceName" in await daemon.ctl("STATS")
    assert daemon.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_the_new_user_can_write_its_state(open_path):
    source = open_path / "in.log"
    source.write_text("app: one\n")
    source.chmod(0o644)
    config = f"""
source s {{ file("{source}" follow-freq(0.1)); }};
destination d {{ file("{open_path}/out.log"); }};
log {{ source(s); destination(d); }};
"""
    async with Daemon(config, open_path, "--user", "nobody") as daemon:
        async with asyncio.timeout(30):
            while not (open_path / "out.log").exists():
                await asyncio.sleep(0.02)
    assert daemon.returncode == 0
    assert not [event for event in daemon.events if "rror" in event]
    owners = {path.stat().st_uid for path in (open_path / "state").iterdir()}
    assert owners == {_uid("nobody")}


async def test_an_unknown_user_is_an_error_before_anything_starts(tmp_path):
    config = tmp_path / "a.conf"
    config.write_text("@version: 4.27\n" + text(free_port(HOST), tmp_path))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "logferry.cli.main", "run", "-f", str(config)),
        *("--state-dir", str(tmp_path / "state"), "--user", "no-such-user"),
        stderr=subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "there is no user 'no-such-user'" in errors.decode()


def _uid(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_uid


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
