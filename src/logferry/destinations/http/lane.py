"""
A kept connection: requests go out on it without ceremony.

aiohttp opens connections (names, TLS, proxies) and takes answers apart. What its client
does besides for each request (cookies, redirects, middlewares, a task for the body, a
trip through the pool) costs 60 of 105 microseconds, and a worker needs none of it: it
has one request under way, and its head was made before. So the first request on a
connection is the client's; then :class:`Connector` tells which connection it was, and a
:class:`Lane` writes to it and lets the same protocol object parse.

A lane that meets anything unexpected closes its connection; the pool, where it counts
as idle, notices that by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.http_parser import RawResponseMessage
    from aiohttp.tracing import Trace

__all__ = ["Connector", "Lane"]


class Connector(aiohttp.TCPConnector):
    """Opens connections, one at a time, and remembers which was used last."""

    last: ResponseHandler | None = None

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Return a connection for ``req``."""
        connection = await super().connect(req, traces, timeout)
        self.last = connection.protocol
        return connection


class _Writes(Protocol):
    def write(self, data: bytes) -> None: ...


class Lane:
    """
    One connection, between two requests of aiohttp's client or of its own.

    Args:
        protocol: the connection's.

    """

    __slots__ = ("_protocol",)

    def __init__(self, protocol: ResponseHandler | None) -> None:
        assert protocol is not None
        self._protocol = protocol

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lane) and self._protocol is other._protocol

    def __hash__(self) -> int:
        return hash(self._protocol)

    @property
    def is_open(self) -> bool:
        """
        A request may be sent.

        Not when the server has closed the connection, nor when it has said something
        that nobody asked for: it would be taken for the next answer.
        """
        return self._protocol.is_connected() and not self._protocol.should_close

    async def ask(
        self, head: bytes, body: bytes
    ) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
        """
        Send a request; return status and headers of the answer, and its body's reader.

        ``head`` is what ``request.encode_head`` returns. Raises what aiohttp raises.
        """
        protocol = self._protocol
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        transport = cast("_Writes", protocol.transport)
        transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        while True:
            message, content = await protocol.read()
            if not 100 <= message.code < 200 or message.code == 101:
                return message, content

    def close(self) -> None:
        """Close the connection."""
        self._protocol.abort()
