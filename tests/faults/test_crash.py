"""
Kill -9 at random moments: what was accepted arrives, in order, once or nearly so.

A file is written to and a client sends while the daemon is killed and started again
and its server comes and goes. The laws:

* every line of the file arrives (its position moves only when lines are durable);
* of what each TCP connection sent, a prefix arrives: only its very end can be lost, and
  no more than its window and what its socket held;
* what arrives for the first time is in order; what arrives again (because neither the
  removal of a record nor the position in the file was durable yet) is recent.

``LOGFERRY_TEST_KILLS`` says how often; the default keeps ``make test`` short.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from typing import TYPE_CHECKING

import pytest

from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

KILLS = int(os.environ.get("LOGFERRY_TEST_KILLS", "20"))
WINDOW = 1000
CHUNK_BYTES = 128 * 1024
SOCKET_BYTES = 64 * 1024
LINE_BYTES = 60
LINES_PER_TURN = 60
TURN_S = 0.01
DUPLICATES_MAX = 4 * 1024 * 1024 // LINE_BYTES
SEED = int(os.environ.get("LOGFERRY_TEST_SEED", "1"))

CONFIG = """
options {{ use-dns(no); keep-hostname(yes); }};
source s_file {{ file("{file}" follow-freq(0.02) flags(no-parse)
    log-iw-size({window})); }};
source s_tcp {{ network(ip("127.0.0.1") port({input}) max-connections(10)
    log-iw-size({total}) so-rcvbuf({socket}) flags(no-parse)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.1)
    template("$MSG\\n")
    disk-buffer(reliable(yes) capacity-bytes(64M))); }};
log {{ source(s_file); source(s_tcp); destination(d); flags(flow-control); }};
"""


class Server:
    """Comes and goes, and keeps what each connection brought apart."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections: list[list[bytes]] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=1 << 20
        )

    async def _serve(self, reader, writer) -> None:
        lines: list[bytes] = []
        self.connections.append(lines)
        self._writers.add(writer)
        rest = b""
        try:
            while data := await reader.read(1 << 18):
                *found, rest = (rest + data).split(b"\n")
                lines += found
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def stop(self) -> None:
        """Stop listening; what the kernel has acknowledged is read to its end."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            if writer.can_write_eof():
                writer.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)


class Load:
    """Writes lines to the file and to the daemon, each with its number."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        self.port = port
        self.file_count = 0
        self.sent: list[tuple[int, int]] = []  # by connection
        self.tcp_count = 0
        self._is_over = False
        self._tasks = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._send()),
        ]

    def _line(self, kind: str, number: int) -> bytes:
        return f"{kind} {number:09} ".ljust(LINE_BYTES - 1, "x").encode() + b"\n"

    async def _write(self) -> None:
        with self.path.open("ab") as file:
            while not self._is_over:
                for _ in range(LINES_PER_TURN):
                    file.write(self._line("f", self.file_count))
                    self.file_count += 1
                file.flush()
                await asyncio.sleep(TURN_S)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_over:
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
                first = self.tcp_count
                try:
                    await loop.sock_connect(sock, ("127.0.0.1", self.port))
                    await self._send_on(sock)
                    sock.shutdown(socket.SHUT_WR)
                    await loop.sock_recv(sock, 1)
                except OSError:
                    await asyncio.sleep(TURN_S)
                if self.tcp_count > first:
                    self.sent.append((first, self.tcp_count))

    async def _send_on(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_over:
            numbers = range(self.tcp_count, self.tcp_count + LINES_PER_TURN)
            self.tcp_count += LINES_PER_TURN
            await loop.sock_sendall(sock, b"".join(self._line("t", n) for n in numbers))
            await asyncio.sleep(TURN_S)

    async def stop(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)


async def come_and_go(server: Server, chance: random.Random) -> None:
    while True:
        await server.start()
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        server.stop()
        await asyncio.sleep(chance.uniform(0.05, 0.6))


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(60 + 5 * KILLS)
async def test_killed_at_random_nothing_accepted_is_lost(tmp_path) -> None:
    chance = random.Random(SEED)
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    log = tmp_path / "input.log"
    log.touch()
    config = CONFIG.format(
        file=log,
        input=ports[0],
        output=ports[1],
        window=WINDOW,
        total=10 * WINDOW,
        socket=SOCKET_BYTES,
    )
    server, load = Server(ports[1]), Load(log, ports[0])
    outages = asyncio.create_task(come_and_go(server, chance))
    for _ in range(KILLS):
        daemon = Daemon(config, tmp_path)
        await daemon.start()
        await asyncio.sleep(chance.uniform(0.0, 1.2))
        await daemon.kill()
        assert not [event for event in daemon.events if "Internal error" in event]
    async with Daemon(config, tmp_path) as daemon:
        await asyncio.sleep(0.5)
        await load.stop()
        outages.cancel()
        server.stop()
        await server.start()
        await all_arrived(server, daemon, load)
    server.stop()
    check_file(server, load)
    check_client(server, load)
    check_order(server, b"f ")
    check_order(server, b"t ")


def numbers(lines: list[bytes], kind: bytes) -> list[int]:
    return [int(line[2:11]) for line in lines if line.startswith(kind)]


def all_numbers(server: Server, kind: bytes) -> list[int]:
    return [n for lines in server.connections for n in numbers(lines, kind)]


async def all_arrived(server: Server, daemon: Daemon, load: Load) -> None:
    """Wait until the file's last line is there and nothing waits."""
    last = load.file_count - 1
    for _ in range(600):
        answer = await daemon.ctl("STATS", "PROMETHEUS")
        waiting = [line for line in answer.splitlines() if "disk_queue_events{" in line]
        is_empty = all(line.endswith(" 0") for line in waiting)
        if is_empty and any(last in numbers(c, b"f ") for c in server.connections):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("\n".join([*daemon.events[-20:], *waiting]))


def check_file(server: Server, load: Load) -> None:
    missing = set(range(load.file_count)) - set(all_numbers(server, b"f "))
    assert not missing, f"{len(missing)} of {load.file_count}: {sorted(missing)[:5]}"


def check_client(server: Server, load: Load) -> None:
    """Each connection lost nothing but its end."""
    arrived = set(all_numbers(server, b"t "))
    for first, last in load.sent:
        there = arrived & set(range(first, last))
        count = len(there)
        assert there == set(range(first, first + count)), (first, last)
        in_sockets = 4 * SOCKET_BYTES // LINE_BYTES  # the kernel doubles each
        unsettled = WINDOW + CHUNK_BYTES // LINE_BYTES
        assert last - first - count <= LINES_PER_TURN + in_sockets + unsettled
    assert arrived, "the client was never heard"


def check_order(server: Server, kind: bytes) -> None:
    """What comes for the first time comes in order; what comes again is recent."""
    highest = -1
    seen = set()
    for number in all_numbers(server, kind):
        if number in seen:
            assert number > highest - DUPLICATES_MAX
        else:
            assert number > highest
        seen.add(number)
        highest = max(highest, number)
