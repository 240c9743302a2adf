"""Local sockets in the real daemon: in by stream and datagram."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from helpers.daemon import Daemon

pytestmark = pytest.mark.integration


async def lines_of(path: Path, count: int) -> list[bytes]:
    """Wait until a file holds ``count`` lines and return them."""
    async with asyncio.timeout(30):
        while True:
            lines = path.read_bytes().splitlines() if path.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


def site(folder: Path, source: str, template: str = "$HOST $PROGRAM $PID $MSG") -> str:
    return f"""
    options {{ keep-hostname(yes); }};
    source s {{ {source.replace("DIR", os.path.relpath(folder))} }};
    log {{
        source(s);
        destination {{ file("{folder}/out" template("{template}\\n")); }};
        flags(flow-control);
    }};
    """


def connected(path: Path, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.connect(os.path.relpath(path))
    return sock


async def test_a_stream_socket_takes_lines(tmp_path: Path) -> None:
    text = site(tmp_path, 'unix-stream("DIR/log");', "$TRANSPORT $PROGRAM $PID $MSG")
    async with Daemon(text, tmp_path):
        with connected(tmp_path / "log", socket.SOCK_STREAM) as sock:
            sock.sendall(
                b"<13>Nov 21 12:00:00 su[7]: one\n<13>Nov 21 12:00:00 a: two\0"
            )
            lines = await lines_of(tmp_path / "out", 2)
    assert lines == [b"local+unix-stream su 7 one", b"local+unix-stream a  two"]


async def test_a_datagram_socket_takes_messages_of_this_machine(
    tmp_path: Path,
) -> None:
    text = site(
        tmp_path,
        'unix-dgram("DIR/log");',
        "$LOGHOST $HOST $PROGRAM $PID $MSG",
    )
    async with Daemon(text, tmp_path):
        mode = (tmp_path / "log").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o666
        with connected(tmp_path / "log", socket.SOCK_DGRAM) as sock:
            sock.send(b"<13>Nov 21 12:00:00 su[7]: one\n")
            lines = await lines_of(tmp_path / "out", 1)
    own, *fields = lines[0].split()
    assert fields == [own, b"su", b"7", b"one"]


@pytest.mark.parametrize("kind", ["stream", "dgram"])
async def test_credentials_of_the_sender_are_values(tmp_path: Path, kind: str) -> None:
    template = "${.unix.pid} ${.unix.uid} ${.unix.gid} ${.unix.exe}"
    text = site(tmp_path, f'unix-{kind}("DIR/log");', template)
    number = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM
    async with Daemon(text, tmp_path):
        with connected(tmp_path / "log", number) as sock:
            sock.send(b"<13>one\n")
            (line,) = await lines_of(tmp_path / "out", 1)
    exe = Path("/proc/self/exe").readlink()
    assert line == f"{os.getpid()} {os.getuid()} {os.getgid()} {exe}".encode()


async def test_credentials_are_left_out_on_request(tmp_path: Path) -> None:
    text = site(
        tmp_path, 'unix-dgram("DIR/log" so-passcred(no));', "[${.unix.pid}] $MSG"
    )
    async with Daemon(text, tmp_path):
        with connected(tmp_path / "log", socket.SOCK_DGRAM) as sock:
            sock.send(b"<13>one")
            (line,) = await lines_of(tmp_path / "out", 1)
    assert line.startswith(b"[] ")


async def test_a_socket_left_behind_is_replaced_but_not_a_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.path.relpath(tmp_path / "log"))
    text = site(
        tmp_path, 'unix-stream("DIR/log"); unix-dgram("DIR/file" optional(yes));'
    )
    (tmp_path / "file").write_bytes(b"precious")
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for("Cannot make the optional socket")
        with connected(tmp_path / "log", socket.SOCK_STREAM) as sock:
            sock.sendall(b"<13>Nov 21 12:00:00 a: one\n")
            await lines_of(tmp_path / "out", 1)
    assert (tmp_path / "file").read_bytes() == b"precious"


async def test_connections_over_the_limit_are_closed(tmp_path: Path) -> None:
    text = site(tmp_path, 'unix-stream("DIR/log" max-connections(1));')
    async with Daemon(text, tmp_path) as daemon:
        with (
            connected(tmp_path / "log", socket.SOCK_STREAM),
            connected(tmp_path / "log", socket.SOCK_STREAM) as second,
        ):
            await daemon.wait_for("rejecting connection")
            assert await asyncio.to_thread(second.recv, 1) == b""


async def test_a_silent_connection_is_closed(tmp_path: Path) -> None:
    text = site(tmp_path, 'unix-stream("DIR/log" idle-timeout(0.2));')
    async with Daemon(text, tmp_path):
        with connected(tmp_path / "log", socket.SOCK_STREAM) as sock:
            assert await asyncio.to_thread(sock.recv, 1) == b""


@pytest.mark.parametrize("kind", ["stream", "dgram"])
async def test_a_changed_source_keeps_its_socket_and_its_clients(
    tmp_path: Path, kind: str
) -> None:
    driver = f'unix-{kind}("DIR/log" EXTRA);'
    number = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM
    one = site(tmp_path, driver.replace("EXTRA", "log-iw-size(2000)"), "$MSG")
    two = site(
        tmp_path, driver.replace("EXTRA", "log-iw-size(3000) perm(0600)"), "$MSG"
    )
    async with Daemon(one, tmp_path) as daemon:
        with connected(tmp_path / "log", number) as sock:
            sock.send(b"<13>Nov 21 12:00:00 a: one\n")
            await lines_of(tmp_path / "out", 1)
            before = (tmp_path / "log").stat()
            daemon.config.write_text("@version: 4.27\n" + two)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            sock.send(b"<13>Nov 21 12:00:00 a: two\n")
            with connected(tmp_path / "log", number) as second:
                second.send(b"<13>Nov 21 12:00:00 a: three\n")
                lines = await lines_of(tmp_path / "out", 3)
        after = (tmp_path / "log").stat()
    assert lines == [b"one", b"two", b"three"]
    assert after.st_ino == before.st_ino
    assert stat.S_IMODE(after.st_mode) == 0o600


@pytest.mark.parametrize("kind", ["stream", "dgram"])
async def test_datagrams_and_lines_are_not_lost_while_reloads_follow_each_other(
    tmp_path: Path, kind: str
) -> None:
    driver = f'unix-{kind}("DIR/log" log-iw-size(NUMBER));'
    number = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM

    def text(round_number: int) -> str:
        size = str(1000 + round_number)
        return site(tmp_path, driver.replace("NUMBER", size), "$MSG")

    async with Daemon(text(0), tmp_path) as daemon:
        with connected(tmp_path / "log", number) as sock:

            def send() -> None:
                for index in range(3000):
                    sock.send(b"<13>Nov 21 12:00:00 a: %d\n" % index)

            sending = asyncio.create_task(asyncio.to_thread(send))
            for round_number in range(1, 6):
                daemon.config.write_text("@version: 4.27\n" + text(round_number))
                assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sending
            lines = await lines_of(tmp_path / "out", 3000)
    assert [int(line) for line in lines] == list(range(3000))


async def test_a_socket_that_somebody_removed_is_made_anew_by_a_reload(
    tmp_path: Path,
) -> None:
    one = site(tmp_path, 'unix-stream("DIR/log");', "$MSG")
    two = site(tmp_path, 'unix-stream("DIR/log" log-iw-size(3000));', "$MSG")
    async with Daemon(one, tmp_path) as daemon:
        (tmp_path / "log").unlink()
        daemon.config.write_text("@version: 4.27\n" + two)
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        with connected(tmp_path / "log", socket.SOCK_STREAM) as sock:
            sock.send(b"<13>Nov 21 12:00:00 a: one\n")
            await lines_of(tmp_path / "out", 1)


async def test_connections_without_keep_alive_end_at_a_reload(tmp_path: Path) -> None:
    text = site(tmp_path, 'unix-stream("DIR/log" keep-alive(no));', "$MSG")
    async with Daemon(text, tmp_path) as daemon:
        with connected(tmp_path / "log", socket.SOCK_STREAM) as sock:
            await daemon.wait_for("connection accepted")
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            sock.settimeout(10)
            assert await asyncio.to_thread(sock.recv, 10) == b""
