"""Pipes, programs and unix sockets: what they take, and what happens when they fail."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest

from helpers.configs import loaded
from logferry.daemon.registry import destination_kinds
from logferry.message.batch import RecordBatch
from logferry.queues.memory import MemoryQueue
from logferry.runtime.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logferry.destinations.base import Destination

pytestmark = pytest.mark.integration


def made(driver: str) -> tuple[Destination, MemoryQueue]:
    """Return the destination that ``driver`` configures, and its queue."""
    configuration, _ = loaded(f"destination d {{ {driver}; }};")
    spec = configuration.destinations["d"].drivers[0]
    queue = MemoryQueue(1000)
    return destination_kinds()[spec.kind].create(spec, Environment(), queue), queue


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def lines(*texts: bytes) -> RecordBatch:
    return RecordBatch.of([text + b"\n" for text in texts])


async def test_a_pipe_is_made_and_gets_the_records(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    destination, queue = made(f'pipe("{path}" perm(0600))')
    await destination.start()
    destination.push(lines(b"one", b"two"))
    await until(lambda: not queue.count)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reading, 100) == b"one\ntwo\n"
    os.close(reading)
    await destination.stop(0.0)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_full_pipe_is_waited_for_and_nothing_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    destination, queue = made(f'pipe("{path}")')
    await destination.start()
    sent = [b"%05d" % number + b"x" * 1000 for number in range(500)]
    destination.push(lines(*sent))
    await until(lambda: queue.count < 500)
    assert queue.count  # a pipe holds 64 KiB
    got = b""
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    while got.count(b"\n") < 500:
        await asyncio.sleep(0)
        try:
            got += os.read(reading, 1 << 16)
        except BlockingIOError:
            continue
    os.close(reading)
    assert got.split(b"\n")[:-1] == sent
    await destination.stop(0.0)


async def test_what_is_no_pipe_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    destination, queue = made(f'pipe("{path}" time-reopen(100))')
    await destination.start()
    destination.push(lines(b"one"))
    await asyncio.sleep(0.01)
    assert (queue.count, path.read_text()) == (1, "")
    await destination.stop(0.0)


async def test_a_program_reads_the_records(tmp_path: Path) -> None:
    out = tmp_path / "out"
    destination, queue = made(f'program("cat > {out}")')
    await destination.start()
    destination.push(lines(b"one", b"two"))
    await until(lambda: not queue.count)
    await destination.stop(1.0)
    await until(lambda: out.exists() and out.read_bytes() == b"one\ntwo\n")


async def test_a_program_that_ends_is_started_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    destination, _queue = made(f'program("head -n 1 >> {out}" time-reopen(0.01))')
    await destination.start()
    async with asyncio.timeout(30):
        while not out.exists() or out.read_bytes().count(b"\n") < 2:
            destination.push(lines(b"a line"))
            await asyncio.sleep(0.01)
    await destination.stop(0.0)


async def test_a_program_that_does_not_exist_is_not_started_again() -> None:
    destination, queue = made('program("no-such-program-at-all" time-reopen(0.01))')
    await destination.start()
    for _ in range(100):
        destination.push(lines(b"x" * 500))
        await asyncio.sleep(0.001)
    left = queue.count
    await asyncio.sleep(0.05)
    assert 0 < left == queue.count
    await destination.stop(0.0)


@pytest.mark.parametrize("kind", ["stream", "dgram"])
async def test_a_unix_socket_gets_the_records(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "socket")
    types = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM}
    with socket.socket(socket.AF_UNIX, types[kind]) as server:
        server.bind(path)
        if kind == "stream":
            server.listen()
        destination, queue = made(f'unix-{kind}("{path}")')
        await destination.start()
        destination.push(lines(b"one", b"two"))
        await until(lambda: not queue.count)
        if kind == "stream":
            peer, _ = server.accept()
            assert peer.recv(100) == b"one\ntwo\n"
            peer.close()
        else:
            assert [server.recv(100), server.recv(100)] == [b"one\n", b"two\n"]
        await destination.stop(0.0)


async def test_a_socket_that_comes_later_gets_what_waited(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    destination, queue = made(f'unix-dgram("{path}" time-reopen(0.01))')
    await destination.start()
    destination.push(lines(b"one"))
    await asyncio.sleep(0.02)
    assert queue.count == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        await until(lambda: not queue.count)
        assert server.recv(100) == b"one\n"
        await destination.stop(0.0)


async def test_a_closed_connection_is_opened_again(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()
        destination, queue = made(f'unix-stream("{path}" time-reopen(0.01))')
        await destination.start()
        destination.push(lines(b"one"))
        await until(lambda: not queue.count)
        first, _ = server.accept()
        first.close()
        destination.push(lines(b"two"))
        await until(lambda: not queue.count)
        second, _ = server.accept()
        assert second.recv(100) == b"two\n"
        second.close()
        await destination.stop(0.0)


async def test_nobody_logged_in_takes_records_all_the_same() -> None:
    destination, queue = made('usertty("nobody-at-all")')
    await destination.start()
    destination.push(lines(b"one"))
    await until(lambda: not queue.count)
    await destination.stop(0.0)


async def test_throttle_holds_records_back(tmp_path: Path) -> None:
    destination, queue = made(f'pipe("{tmp_path}/fifo" throttle(5))')
    await destination.start()
    destination.push(lines(*[b"x"] * 50))
    await until(lambda: queue.count <= 45)
    assert queue.count > 30
    await destination.stop(0.0)


async def test_standard_output_gets_the_records(
    capfd: pytest.CaptureFixture[str],
) -> None:
    destination, queue = made("stdout()")
    await destination.start()
    destination.push(lines(b"one", b"two"))
    await until(lambda: not queue.count)
    await destination.stop(0.0)
    assert capfd.readouterr().out == "one\ntwo\n"
