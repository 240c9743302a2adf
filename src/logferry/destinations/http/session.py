"""
One worker's connections: a request goes out, an answer comes back, in words of ours.

Each worker has one aiohttp session with room for a single request, so it never has more
than one connection to a target, and keeps it. What aiohttp raises ends here: an answer
is a :class:`Reply` or a ``TransportError``.

A server may close a kept connection in the moment we send on it. That says nothing
about the server, so such a request is sent once more on a new connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

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

    """

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes
    timeout_s: float
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``text`` is its beginning."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    text: str


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
        self._client: aiohttp.ClientSession | None = None
        self._kept: dict[URL, float] = {}  # origin: since when a connection is kept

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1, keepalive_timeout=24 * 3600, ttl_dns_cache=10
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, outgoing: Outgoing) -> Reply:
        """
        Send a request and return the answer.

        Raises ``ConnectFailed``, ``TlsFailed``, ``ConnectionLost`` or ``TimedOut``.
        """
        origin = outgoing.url.origin()
        if self._is_old(origin):
            await self.close()
        was_kept = origin in self._kept
        try:
            return await self._follow(outgoing)
        except ConnectionLost:
            if not was_kept:
                raise
            # It may have been closed before our request: once more, on a new one.
            return await self._follow(outgoing)

    async def _follow(self, outgoing: Outgoing) -> Reply:
        url = outgoing.url
        for _ in range(_REDIRECTS_MAX + 1):
            reply = await self._exchange(outgoing, url)
            location = reply.headers.get("Location")
            if (
                not self._accepts_redirects
                or reply.status not in _REDIRECT_CODES
                or not location
            ):
                return reply
            following = url.join(URL(location))
            if following.scheme not in {"http", "https"}:
                return reply
            url = following
        return reply

    async def _exchange(self, outgoing: Outgoing, url: URL) -> Reply:
        """Send one request, and put aiohttp's errors into our words."""
        if self._client is None:
            self._client = self._open()
        origin = url.origin()
        try:
            return await self._request(self._client, outgoing, url, origin)
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            self._kept.pop(origin, None)
            raise TimedOut(
                str(error) or f"no answer in {outgoing.timeout_s:g} s"
            ) from (error)
        except aiohttp.ClientSSLError as error:
            raise TlsFailed(f"handshake: {error}") from error
        except aiohttp.ClientConnectorError as error:
            raise ConnectFailed(str(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._kept.pop(origin, None)
            raise ConnectionLost(f"{type(error).__name__}: {error}") from error

    async def _request(
        self,
        client: aiohttp.ClientSession,
        outgoing: Outgoing,
        url: URL,
        origin: URL,
    ) -> Reply:
        headers = outgoing.headers
        body: bytes | AsyncIterator[bytes] = outgoing.body
        if len(outgoing.body) > _WHOLE_BODY_BYTES:
            headers = headers.copy()
            headers["Content-Length"] = str(len(outgoing.body))
            body = _pieces(outgoing.body)
        response = await client.request(
            outgoing.method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=outgoing.tls if outgoing.tls is not None else True,
            proxy=self._proxy_to(origin),
            timeout=aiohttp.ClientTimeout(
                total=outgoing.timeout_s or None,
                connect=self._connect_timeout_s,
                sock_connect=self._connect_timeout_s,
            ),
        )
        text, is_whole = await _read_body(response, self._kept_bytes)
        is_last = response.headers.get("Connection", "").lower() == "close"
        if is_whole and not is_last:
            self._kept.setdefault(origin, self._clock())
        else:
            self._kept.pop(origin, None)
        return Reply(response.status, response.reason or "", response.headers, text)

    def _proxy_to(self, origin: URL) -> URL | None:
        """Return the proxy that leads to ``origin``: ours, or the environment's."""
        if origin not in self._proxies:
            # aiohttp would look into the environment, in a thread, at each request.
            found = self._proxy
            if not found and not proxy_bypass(origin.host or ""):
                found = getproxies().get(origin.scheme, "")
            self._proxies[origin] = URL(found) if found else None
        return self._proxies[origin]

    def _is_old(self, origin: URL) -> bool:
        """Tell whether a kept connection has reached its age."""
        since = self._kept.get(origin)
        return bool(
            self._age_s and since is not None and self._clock() - since >= self._age_s
        )

    async def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        self._kept.clear()
        if client is not None:
            await client.close()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """Yield ``body`` in pieces."""
    for start in range(0, len(body), _WHOLE_BODY_BYTES):
        yield body[start : start + _WHOLE_BODY_BYTES]


async def _read_body(
    response: aiohttp.ClientResponse, kept_bytes: int
) -> tuple[str, bool]:
    """
    Return the beginning of the body, and whether its connection can be kept.

    Raises what aiohttp raises when the body breaks off: half an answer is none.
    """
    if response.content.at_eof():
        return "", True
    kept = b""
    count = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while count < max(BODY_READ_BYTES, kept_bytes):
                piece = await response.content.readany()
                if not piece:
                    return kept.decode("utf-8", "replace"), True
                if len(kept) < kept_bytes:
                    kept += piece[: kept_bytes - len(kept)]
                count += len(piece)
    except BaseException:
        response.close()
        raise
    response.close()
    return kept.decode("utf-8", "replace"), False
