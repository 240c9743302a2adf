"""
A log server in a process of its own: it can be frozen, killed, slow, or behind a wall.

Run as a program it writes what it reads, byte for byte, to one file per connection
(``OUTPUT.0``, ``OUTPUT.1`` …), so that nothing is lost when it is killed: it writes
before it reads again.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helpers.certificates import Certificates


class Reader:
    """Starts the program and controls it; ``lines()`` is what it has read."""

    def __init__(
        self, folder: Path, name: str, address: str, port: int, *arguments: str
    ) -> None:
        self.output = folder / name
        self._arguments = (str(self.output), address, str(port), *arguments)
        self._prefix: tuple[str, ...] = ()
        self._process: asyncio.subprocess.Process | None = None

    def inside(self, *command: str) -> Reader:
        """Run it under ``command``, such as ``ip netns exec NAME``."""
        self._prefix = command
        return self

    async def __aenter__(self) -> Reader:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *self._prefix,
            sys.executable,
            __file__,
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """Kill it; its kernel answers with RST if it had not read everything."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def connections(self) -> list[list[bytes]]:
        """Return the complete lines of each connection, in order."""
        found = []
        for number in range(10_000):
            path = self.output.with_name(f"{self.output.name}.{number}")
            if not path.exists():
                break
            found.append(path.read_bytes().split(b"\n")[:-1])
        return found

    def lines(self) -> list[bytes]:
        """Return all complete lines."""
        return [line for connection in self.connections() for line in connection]

    async def wait_for(self, number: int, timeout_s: float = 30.0) -> None:
        """Wait until the message with ``number`` has come."""
        end = b"number %06d" % number
        try:
            async with asyncio.timeout(timeout_s):
                while not any(
                    lines and any(line.endswith(end) for line in lines[-50:])
                    for lines in self.connections()
                ):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            counts = [len(lines) for lines in self.connections()]
            raise AssertionError(f"{self.output.name}: {counts} lines") from None

    async def wait_for_lines(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until ``count`` lines have come."""
        async with asyncio.timeout(timeout_s):
            while len(self.lines()) < count:
                await asyncio.sleep(0.02)


def tls_reader(
    folder: Path,
    certificates: Certificates,
    name: str,
    address: str,
    port: int,
    *arguments: str,
) -> Reader:
    """Return a reader that speaks TLS and demands a certificate."""
    cert, key = certificates.files(address)
    tls = ("--tls", str(cert), str(key), str(certificates.ca))
    return Reader(folder, name, address, port, *tls, *arguments)


def _serve(
    connection: socket.socket, path: str, rate: int, context: ssl.SSLContext | None
) -> None:
    with open(path, "wb", buffering=0) as output:
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            while data := connection.recv(rate or 1 << 18):
                output.write(data)
                if rate:
                    time.sleep(1)
        except OSError:
            pass
        connection.close()


def main() -> None:
    """Listen and read for ever."""
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=int, default=0, help="bytes a second")
    parser.add_argument("--buffer", type=int, default=0, help="SO_RCVBUF")
    parser.add_argument("--tls", nargs=3, help="certificate, key, CA")
    arguments = parser.parse_args()
    context = None
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls[:2])
        context.load_verify_locations(arguments.tls[2])
        context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if arguments.buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, arguments.buffer)
    listener.bind((arguments.address, arguments.port))
    listener.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    number = 0
    while True:
        connection, _ = listener.accept()
        path = f"{arguments.output}.{number}"
        while Path(path).exists():  # of an earlier life
            number += 1
            path = f"{arguments.output}.{number}"
        Path(path).touch()
        threading.Thread(
            target=_serve,
            args=(connection, path, arguments.rate, context),
            daemon=True,
        ).start()


if __name__ == "__main__":
    main()
