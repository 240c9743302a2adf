"""A web server for tests: records every request, and misbehaves on command."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Response:
    """What it is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    closes: bool = False  # without saying so


class Fault(Enum):
    """Ways not to answer."""

    RESET = auto()
    RESET_MID_BODY = auto()
    STALL = auto()
    STALL_MID_BODY = auto()
    GARBAGE = auto()
    HANG_UP = auto()


Script = Callable[[Request], Response | Fault]


class WebServer:
    """
    An HTTP server on one address.

    Attributes:
        script: decides the answer to each request; may be replaced at any time.
        requests: what came, in order, with or without an answer.
        accepted: bodies that were answered with 2xx.
        connections: how many connections were accepted.

    """

    def __init__(
        self,
        address: str,
        script: Script | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.address = address
        self.port = 0  # any free one, then always the same
        self.script: Script = script or (lambda _: Response())
        self.requests: list[Request] = []
        self.accepted: list[bytes] = []
        self.connections = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """Its base URL."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{self.address}:{self.port}"

    @property
    def lines(self) -> list[bytes]:
        """Lines of all accepted bodies."""
        return [line for body in self.accepted for line in body.split(b"\n")]

    async def __aenter__(self) -> WebServer:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._serve, self.address, self.port, ssl=self._context, limit=1 << 22
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer, self.connections):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: int,
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body, connection)
        self.requests.append(request)
        answer = self.script(request)
        try:
            if isinstance(answer, Fault):
                return await self._misbehave(answer, writer)
            if answer.delay_s:
                await asyncio.sleep(answer.delay_s)
            if 200 <= answer.status < 300:
                self.accepted.append(body)
            lines = [f"HTTP/1.1 {answer.status} Status"]
            lines += [f"{name}: {value}" for name, value in answer.headers.items()]
            lines += [f"Content-Length: {len(answer.body)}", "", ""]
            writer.write("\r\n".join(lines).encode() + answer.body)
            await writer.drain()
            return not answer.closes
        finally:
            self._changed.set()

    async def _misbehave(self, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        self._changed.set()
        partial = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
        if fault in {Fault.RESET_MID_BODY, Fault.STALL_MID_BODY}:
            writer.write(partial)
            await writer.drain()
        if fault is Fault.GARBAGE:
            writer.write(b"\x00\xffnot http at all\r\n\r\n")
            await writer.drain()
        if fault in {Fault.STALL, Fault.STALL_MID_BODY}:
            await asyncio.sleep(3600)
        if fault in {Fault.RESET, Fault.RESET_MID_BODY}:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        return False

    async def wait_for_requests(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until ``count`` requests were answered or refused."""
        await self._wait(lambda: len(self.requests) >= count, timeout_s, count)

    async def wait_for_lines(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until ``count`` lines were accepted."""
        await self._wait(lambda: len(self.lines) >= count, timeout_s, count)

    async def _wait(
        self, is_done: Callable[[], bool], timeout_s: float, count: int
    ) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not is_done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.url}: waited for {count}, have {len(self.requests)} requests, "
                f"{len(self.lines)} lines"
            ) from None
