"""
One worker's connections: a request goes out, an answer comes back, in words of ours.

Each worker has one aiohttp session with room for a single request, so it never has more
than one connection to a target, and keeps it: the first request on a connection is
aiohttp's, the others take the ``lane``. What aiohttp raises ends here: an answer is a
:class:`Reply` or a ``TransportError``.

A server may close a kept connection in the moment we send on it. That says nothing
about the server, so such a request is sent once more on a new connection.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from logferry.destinations.http.lane import Connector, Lane
from logferry.destinations.http.proxy import is_socks, make_connector, proxy_to
from logferry.destinations.http.request import encode_head
from logferry.errors import ConnectFailed, ConnectionLost, TimedOut, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from multidict import CIMultiDict, CIMultiDictProxy

__all__ = ["Outgoing", "Reply", "Session"]

BODY_KEPT_BYTES: Final = 1024
"""What is kept of an answer for logs and dead letters (the reference's number)."""

BODY_JUDGED_BYTES: Final = 8 * 1024 * 1024
"""What is kept where the body says what became of each message."""

BODY_READ_BYTES: Final = 256 * 1024
"""A longer answer is not read to its end; its connection is closed."""

BODY_TIMEOUT_S: Final = 30.0
"""The status has come: how long the rest may take where ``timeout()`` is no limit."""

_WHOLE_BODY_BYTES = 1024 * 1024  # aiohttp warns of larger ones in one piece
_SECRET_HEADERS = ("Authorization", "Cookie", "Proxy-Authorization")
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 47
_ORIGINS_MAX = 256  # to which connections are kept
_REDIRECTS_MAX = 3
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """
    A request.

    Attributes:
        method: ``POST``, ``PUT`` or ``GET``.
        url: where to.
        headers: all of them.
        body: the body.
        timeout_s: for the whole, 0 for no limit.
        tls: how to connect to ``https``.
        head: the request's head, if it was made before (``encode_head``).

    """

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes
    timeout_s: float
    tls: ssl.SSLContext | None
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``text`` is its beginning."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    text: str


@dataclass(frozen=True, slots=True)
class _Client:
    """aiohttp's client, and what opens its connections."""

    session: aiohttp.ClientSession
    connector: Connector


@dataclass(frozen=True, slots=True)
class _Kept:
    """A connection that waits for the next request."""

    lane: Lane
    since: float
    is_straight: bool  # no web proxy in between


class Session:
    """
    The connections of one worker.

    Args:
        clock: monotonic seconds.
        connect_timeout_s: for names, TCP and TLS.
        connection_age_s: no connection is kept longer, 0 for no limit.
        proxy: URL of a proxy, empty for that of the environment, if any.
        accepts_redirects: follow them.
        kept_bytes: what is kept of the body of an answer.

    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        connect_timeout_s: float,
        connection_age_s: float = 0.0,
        proxy: str = "",
        accepts_redirects: bool = False,
        kept_bytes: int = BODY_KEPT_BYTES,
    ) -> None:
        self._kept_bytes = kept_bytes
        self._clock = clock
        self._connect_timeout_s = connect_timeout_s
        self._age_s = connection_age_s
        self._proxy = proxy
        self._proxies: dict[URL, URL | None] = {}
        self._accepts_redirects = accepts_redirects
        self._clients: dict[URL | None, _Client] = {}  # by the SOCKS proxy, if any
        self._kept: dict[URL, _Kept] = {}  # by origin

    def _client_through(self, socks: URL | None) -> _Client:
        """Return the client that goes through ``socks``, or directly."""
        found = self._clients.get(socks)
        if found is not None:
            return found
        try:
            connector = make_connector(socks)
        except ImportError as error:
            raise ConnectFailed(
                f"proxy {socks} needs the package aiohttp-socks"
            ) from error
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        found = self._clients[socks] = _Client(session, connector)
        return found

    async def send(self, outgoing: Outgoing) -> Reply:
        """
        Send a request and return the answer.

        Raises ``ConnectFailed``, ``TlsFailed``, ``ConnectionLost`` or ``TimedOut``.
        """
        origin = outgoing.url.origin()
        if len(self._kept) > _ORIGINS_MAX:
            await self.close()  # somebody redirects us to ever new hosts
        kept = self._kept.get(origin)
        if kept is None:
            return await self._follow(outgoing)
        if self._age_s and self._clock() - kept.since >= self._age_s:
            await self.close()
            return await self._follow(outgoing)
        was_open = kept.lane.is_open
        try:
            return await self._follow(outgoing)
        except ConnectionLost:
            if not was_open:
                raise
            # It may have been closed before our request: once more, on a new one.
            await self.close()
            return await self._follow(outgoing)

    async def _follow(self, outgoing: Outgoing) -> Reply:
        reply = await self._exchange(outgoing)
        if not self._accepts_redirects:
            return reply
        for _ in range(_REDIRECTS_MAX):
            location = reply.headers.get("Location")
            if reply.status not in _REDIRECT_CODES or not location:
                break
            try:
                url = outgoing.url.join(URL(location))
            except ValueError:
                break
            if url.scheme not in {"http", "https"} or not url.host:
                break
            headers = outgoing.headers
            if url.origin() != outgoing.url.origin():
                headers = _without_secrets(headers)
            outgoing = replace(outgoing, url=url, headers=headers, head=b"")
            reply = await self._exchange(outgoing)
        return reply

    async def _exchange(self, outgoing: Outgoing) -> Reply:
        """Send one request, and put aiohttp's errors into our words."""
        origin = outgoing.url.origin()
        kept = self._kept.get(origin)
        try:
            if kept is not None and kept.is_straight and kept.lane.is_open:
                return await self._take_lane(kept.lane, outgoing, origin)
            return await self._request(outgoing, origin)
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            limit_s = outgoing.timeout_s or BODY_TIMEOUT_S
            raise TimedOut(str(error) or f"no answer in {limit_s:g} s") from error
        except aiohttp.ClientSSLError as error:
            raise TlsFailed(f"handshake: {error}") from error
        except aiohttp.ClientConnectorError as error:
            raise ConnectFailed(_why_not_connected(error)) from error
        except (
            aiohttp.ClientError,
            HttpProcessingError,
            OSError,
            ValueError,
        ) as error:
            raise ConnectionLost(f"{type(error).__name__}: {error}") from error

    async def _take_lane(self, lane: Lane, outgoing: Outgoing, origin: URL) -> Reply:
        """Send a request on a kept connection."""
        head = outgoing.head or encode_head(
            outgoing.method, outgoing.url, outgoing.headers
        )
        is_whole = False
        try:
            if outgoing.timeout_s:
                async with asyncio.timeout(outgoing.timeout_s):
                    message, content = await lane.ask(head, outgoing.body)
                    body, is_whole = await _read_body(content, self._kept_bytes)
            else:
                message, content = await lane.ask(head, outgoing.body)
                body, is_whole = await _read_body(content, self._kept_bytes)
            is_whole = is_whole and not message.should_close
        finally:
            if not is_whole:
                lane.close()
                self._kept.pop(origin, None)
        return Reply(
            message.code,
            message.reason or "",
            message.headers,
            _text(body, message.headers, self._kept_bytes) if body else "",
        )

    async def _request(self, outgoing: Outgoing, origin: URL) -> Reply:
        """Send a request with aiohttp's client, on a new connection if need be."""
        before = self._kept.pop(origin, None)
        headers = outgoing.headers
        body: bytes | AsyncIterator[bytes] = outgoing.body
        if len(outgoing.body) > _WHOLE_BODY_BYTES:
            headers = headers.copy()
            headers["Content-Length"] = str(len(outgoing.body))
            body = _pieces(outgoing.body)
        proxy = self._proxy_to(origin)
        is_direct = proxy is None or is_socks(proxy)
        client = self._client_through(proxy if is_direct else None)
        response = await client.session.request(
            outgoing.method,
            outgoing.url,
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=outgoing.tls if outgoing.tls is not None else True,
            proxy=None if is_direct else proxy,
            timeout=aiohttp.ClientTimeout(
                total=outgoing.timeout_s or None,
                connect=self._connect_timeout_s,
                sock_connect=self._connect_timeout_s,
            ),
        )
        is_whole = False
        try:
            answer, is_whole = await _read_body(response.content, self._kept_bytes)
        finally:
            if not is_whole:
                response.close()
        lane = Lane(client.connector.last)
        if is_whole and lane.is_open:
            is_same = before is not None and before.lane == lane
            since = before.since if before and is_same else self._clock()
            self._kept[origin] = _Kept(lane, since, is_direct)
        return Reply(
            response.status,
            response.reason or "",
            response.headers,
            _text(answer, response.headers, self._kept_bytes) if answer else "",
        )

    def _proxy_to(self, origin: URL) -> URL | None:
        """Return the proxy that leads to ``origin``: ours, or the environment's."""
        if origin not in self._proxies:
            # aiohttp would look into the environment, in a thread, at each request.
            self._proxies[origin] = proxy_to(origin, self._proxy)
        return self._proxies[origin]

    async def close(self) -> None:
        """Close all connections."""
        clients = list(self._clients.values())
        self._clients.clear()
        self._kept.clear()
        self._proxies.clear()
        for client in clients:
            await client.session.close()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """Yield ``body`` in pieces."""
    for start in range(0, len(body), _WHOLE_BODY_BYTES):
        yield body[start : start + _WHOLE_BODY_BYTES]


def _why_not_connected(error: aiohttp.ClientConnectorError) -> str:
    """Return aiohttp's error without what only aiohttp's authors want to know."""
    code = error.os_error.errno
    # Those of names are negative and have a text of their own.
    why = os.strerror(code) if code and code > 0 else str(error.os_error)
    return f"cannot connect to {error.host}:{error.port}: {why}"


def _without_secrets(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return what may go to a host that nobody named in the configuration."""
    headers = headers.copy()
    for name in _SECRET_HEADERS:
        headers.popall(name, None)
    return headers


async def _read_body(
    content: aiohttp.StreamReader, kept_bytes: int
) -> tuple[bytes, bool]:
    """
    Return the beginning of a body as it came, and whether that was all.

    Raises what aiohttp raises when the body breaks off: half an answer is none.
    """
    if content.at_eof():
        return b"", True
    kept = b""
    count = 0
    async with asyncio.timeout(BODY_TIMEOUT_S):
        while count < max(BODY_READ_BYTES, kept_bytes):
            piece = await content.readany()
            if not piece:
                return kept, True
            if len(kept) < kept_bytes:
                kept += piece[: kept_bytes - len(kept)]
            count += len(piece)
    return kept, False


def _text(body: bytes, headers: Mapping[str, str], limit: int) -> str:
    """Return the first ``limit`` bytes of an answer as text, unpacked if need be."""
    if headers.get("Content-Encoding", "").lower() in _PACKED:
        try:
            body = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, limit)
        except zlib.error:
            body = b""
    return body.decode("utf-8", "replace")
