"""
Headers that a request needs at the moment it is sent: tokens and signatures.

``cloud-auth(oauth2())`` fetches a token, keeps it until shortly before its end, and
fetches another one at once when a server answers 401. ``python-http-header()`` calls a
class of the user's, with the reference's contract::

    class Signature:
        def __init__(self, options): ...                       # a dict of strings
        def get_headers(self, body, headers): ...              # -> ["Name: value", …]
        def on_http_response_received(self, http_code): ...    # optional

``get_headers`` runs in the event loop and must not wait for anything.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict
from yarl import URL

from logferry.codegen.python.code import find_name
from logferry.destinations.http.auth_options import (
    CloudAuthOptions,
    OAuth2Options,
    PythonHeaderOptions,
)
from logferry.destinations.http.session import Outgoing, Session
from logferry.errors import ConnectFailed, ResponseError, TransportError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from logferry.destinations.http.options import HttpDestinationOptions

__all__ = ["Credentials", "OAuth2Token", "PythonHeaders", "credentials_of"]

_TOKEN_TIMEOUT_S = 30.0
_LIFETIME_DEFAULT_S = 300.0
"""Of a token that does not say how long it lives."""


class Credentials(Protocol):
    """What adds headers to requests."""

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return headers to set. Raises ``TransportError`` when there are none."""
        ...

    def on_status(self, status: int) -> bool:
        """An answer came; true when the request is worth sending again at once."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def credentials_of(
    options: HttpDestinationOptions,
    clock: Callable[[], float],
    context: ssl.SSLContext | None,
) -> list[Credentials]:
    """
    Return what the options ask for.

    Raises ``ResponseError`` when a class of the user's cannot be made.
    """
    found: list[Credentials] = []
    cloud = cast("CloudAuthOptions | None", options.cloud_auth)
    if cloud is not None and cloud.oauth2 is not None:
        oauth2 = cast("OAuth2Options", cloud.oauth2)
        found.append(OAuth2Token(oauth2, clock, context))
    python = cast("PythonHeaderOptions | None", options.python_http_header)
    if python is not None:
        found.append(PythonHeaders(python))
    return found


class OAuth2Token:
    """
    A token that is always fresh.

    Args:
        options: where and for what.
        clock: monotonic seconds.
        context: how to connect when the token's URL is ``https``.

    """

    def __init__(
        self,
        options: OAuth2Options,
        clock: Callable[[], float],
        context: ssl.SSLContext | None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._context = context
        self._session = Session(
            clock, connect_timeout_s=_TOKEN_TIMEOUT_S, kept_bytes=64 * 1024
        )
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends_at = 0.0
        self._was_refused = False

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return the header with the token, fetched if need be."""
        del body, headers
        async with self._lock:
            if not self._token or self._clock() >= self._ends_at:
                await self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    async def _fetch(self) -> None:
        options = self._options
        fields = {
            "grant_type": "client_credentials",
            "scope": options.scope,
            "resource": options.resource,
            "audience": options.audience,
            "authorization_details": options.authorization_details,
        }
        headers = CIMultiDict(
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            }
        )
        if options.auth_method == "basic":
            pair = f"{options.client_id}:{options.client_secret}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        else:
            fields["client_id"] = options.client_id
            fields["client_secret"] = options.client_secret
        body = urlencode({name: value for name, value in fields.items() if value})
        url = URL(options.token_url)
        reply = await self._session.send(
            Outgoing(
                "POST",
                url,
                headers,
                body.encode(),
                _TOKEN_TIMEOUT_S,
                self._context if url.scheme == "https" else None,
            )
        )
        if reply.status != 200:
            raise ConnectFailed(f"no token: {reply.status} {reply.reason}")
        self._take(reply.text)

    def _take(self, text: str) -> None:
        """Read a token and its lifetime (RFC 6749, 5.1)."""
        try:
            answer = orjson.loads(text)
            self._token = str(answer["access_token"])
            lifetime_s = float(answer.get("expires_in", _LIFETIME_DEFAULT_S))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ConnectFailed(f"no token in the answer: {error!r}") from error
        wait_s = max(lifetime_s / 2, lifetime_s - self._options.refresh_offset)
        self._ends_at = self._clock() + wait_s

    def on_status(self, status: int) -> bool:
        """A 401 means that the token is not good any more: once, with a new one."""
        if status != 401:
            self._was_refused = False
            return False
        is_worth_it = not self._was_refused
        self._was_refused = True
        self._token = ""
        return is_worth_it

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()


class PythonHeaders:
    """Headers made by the user's class; ``ResponseError`` when it cannot be made."""

    def __init__(self, options: PythonHeaderOptions) -> None:
        self._is_critical = options.mark_errors_as_critical
        code = options._values.get("code", ())  # as check_class() left it
        try:
            self._maker: Any = find_name(code, options.class_)(dict(options.options))
        except Exception as error:  # whatever the user's code raises
            raise ResponseError(f"{options.class_}: {error!r}") from error

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return what the class returns."""
        given = [f"{name}: {value}" for name, value in headers.items()]
        try:
            made = self._maker.get_headers(body.decode("utf-8", "replace"), given)
            pairs = [str(line).partition(":") for line in made]
        except Exception as error:  # whatever the user's code raises
            if self._is_critical:
                raise ConnectFailed(f"headers cannot be made: {error!r}") from error
            return {}
        return {name.strip(): value.strip() for name, _, value in pairs}

    def on_status(self, status: int) -> bool:
        """Tell the class, if it wants to know."""
        listener = getattr(self._maker, "on_http_response_received", None)
        if listener is not None:
            try:
                listener(status)
            except Exception as error:  # whatever the user's code raises
                raise TransportError(f"on_http_response_received: {error!r}") from error
        return False

    async def close(self) -> None:
        """Nothing to close."""
