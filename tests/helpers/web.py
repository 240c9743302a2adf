"""
A web server for tests: records every request, and misbehaves on command.

It is aiohttp's, and speaks HTTP as that does; what no web server says (resets, garbage,
answers of other ages) is done on the transport.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import ssl

    from aiohttp import StreamReader
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage

_HEAD_BYTES_MAX = 1 << 20
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


Script = Callable[[Request], Response | Fault | bytes]
"""From a request to its answer; bytes are sent as they are, and that is the end."""


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=1 << 30
    )


class WebServer:
    """
    An aiohttp server on one address.

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
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._numbers: dict[object, int] = {}  # of connections, by protocol
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
        self._web = web.Server(
            self._answer,
            request_factory=_request,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=3600,
            max_line_size=_HEAD_BYTES_MAX,
            max_field_size=_HEAD_BYTES_MAX,
        )
        self._listener = await asyncio.get_running_loop().create_server(
            self._accept, self.address, self.port, ssl=self._context
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    def _accept(self) -> web.RequestHandler:
        assert self._web is not None
        self.connections += 1
        handler = self._web()
        self._numbers[handler] = self.connections
        return handler

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._web is not None:
            await self._web.shutdown(0)
            self._web = None

    async def _answer(self, asked: web.BaseRequest) -> web.StreamResponse:
        body = await asked.read()
        headers = {name.lower(): value for name, value in asked.headers.items()}
        number = self._numbers[asked.protocol]
        request = Request(asked.method, asked.raw_path, headers, body, number)
        self.requests.append(request)
        answer = self.script(request)
        try:
            if isinstance(answer, Fault | bytes):
                return await self._misbehave(answer, asked)
            if answer.delay_s:
                await self._pause(asked, answer.delay_s)
            if 200 <= answer.status < 300:
                self.accepted.append(body)
            response = web.Response(
                status=answer.status,
                reason="Status",
                body=answer.body,
                headers=answer.headers,
            )
            if answer.closes:
                response.headers["Connection"] = "keep-alive"  # a lie
                await response.prepare(asked)
                await response.write_eof()
                response.force_close()
            return response
        finally:
            self._changed.set()

    async def _pause(self, asked: web.BaseRequest, pause_s: float) -> None:
        """Wait, but neither for a client that is gone nor beyond ``stop``."""
        transport, clock = asked.transport, asyncio.get_running_loop().time
        ends_at = clock() + pause_s
        while transport is not None and not transport.is_closing():
            if self._listener is None or clock() >= ends_at:
                break
            await asyncio.sleep(min(0.01, pause_s))

    async def _misbehave(
        self, fault: Fault | bytes, asked: web.BaseRequest
    ) -> web.StreamResponse:
        """Do what a web server does not: on its transport, behind its back."""
        self._changed.set()
        transport = asked.transport
        assert transport is not None
        response = web.StreamResponse()
        if isinstance(fault, bytes):
            transport.write(fault)
            await asyncio.sleep(0)
            transport.close()
            return response
        if fault in {Fault.RESET_MID_BODY, Fault.STALL_MID_BODY}:
            response.content_length = 100
            await response.prepare(asked)
            await response.write(b"half")
        if fault is Fault.GARBAGE:
            transport.write(b"\x00\xffnot http at all\r\n\r\n")
        if fault in {Fault.STALL, Fault.STALL_MID_BODY}:
            await self._pause(asked, 3600)
        if fault in {Fault.RESET, Fault.RESET_MID_BODY}:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        transport.close()
        return response

    async def wait_for_requests(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until ``count`` requests were answered or refused."""
        await self._wait(lambda: len(self.requests) >= count, timeout_s, count)

    async def wait_for_lines(self, count: int, timeout_s: float = 30.0) -> None:
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
