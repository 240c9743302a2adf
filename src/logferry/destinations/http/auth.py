"""
Headers that a request needs at the moment it is sent: tokens and signatures.

``cloud-auth()`` fetches a token (OAuth 2, Azure, Google's metadata server), keeps it
until shortly before its end, and fetches another one at once when a server answers
401; accounts with a key make their own (``google.py``). ``azure-auth-header()`` signs
requests. ``python-http-header()`` calls a class of
the user's, with the reference's contract::

    class Signature:
        def __init__(self, options): ...                       # a dict of strings
        def get_headers(self, body, headers): ...              # -> ["Name: value", …]
        def on_http_response_received(self, http_code): ...    # optional

``get_headers`` runs in the event loop and must not wait for anything, unless it is
``async``. Bytes of a body that are not UTF-8 come as surrogates. When
``on_http_response_received`` returns true the request is sent again at once, with new
headers; once, until an answer was accepted without. Both are our additions.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import inspect
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import quote, urlencode

import orjson
from multidict import CIMultiDict
from yarl import URL

from logferry.codegen.python.code import find_name
from logferry.destinations.http.google import ServiceAccount
from logferry.destinations.http.session import Outgoing, Session
from logferry.errors import ConnectFailed, ResponseError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from logferry.destinations.http.auth_options import (
        AzureHeaderOptions,
        AzureMonitorOptions,
        AzureOptions,
        CloudAuthOptions,
        GcpOptions,
        GcpServiceAccountOptions,
        GcpUserManagedOptions,
        OAuth2Options,
        PythonHeaderOptions,
    )
    from logferry.destinations.http.options import HttpDestinationOptions
    from logferry.message.model import UnixNanos
    from logferry.runtime.environment import Environment

__all__ = [
    "AzureHeaders",
    "Credentials",
    "PythonHeaders",
    "Token",
    "TokenSource",
    "credentials_of",
]

_TOKEN_TIMEOUT_S = 30.0
_LIFETIME_DEFAULT_S = 300.0
"""Of a token that does not say how long it lives."""

_FORM_HEADERS: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
}


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
    environment: Environment,
    context: ssl.SSLContext | None,
) -> list[Credentials]:
    """
    Return what the options ask for.

    Raises ``ResponseError`` when a class of the user's cannot be made, or a key file
    cannot be used.
    """
    clock = environment.clock
    found: list[Credentials] = []
    source = _token_source(cast("CloudAuthOptions | None", options.cloud_auth))
    if source is not None:
        found.append(Token(source, clock, context))
    account = _service_account(cast("CloudAuthOptions | None", options.cloud_auth))
    if account is not None:
        found.append(ServiceAccount(account, clock, environment.now))
    azure = cast("AzureHeaderOptions | None", options.azure_auth_header)
    if azure is not None:
        found.append(AzureHeaders(azure, environment.now))
    python = cast("PythonHeaderOptions | None", options.python_http_header)
    if python is not None:
        found.append(PythonHeaders(python))
    return found


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The request that gets a token, and how long before its end it is repeated."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    refresh_offset_s: float = 60.0


def _service_account(
    options: CloudAuthOptions | None,
) -> GcpServiceAccountOptions | None:
    gcp = None if options is None else cast("GcpOptions | None", options.gcp)
    if gcp is None:
        return None
    return cast("GcpServiceAccountOptions | None", gcp.service_account)


def _token_source(options: CloudAuthOptions | None) -> TokenSource | None:
    if options is None:
        return None
    if options.oauth2 is not None:
        return _of_oauth2(cast("OAuth2Options", options.oauth2))
    azure = cast("AzureOptions | None", options.azure)
    if azure is not None and azure.monitor is not None:
        return _of_azure(cast("AzureMonitorOptions", azure.monitor))
    gcp = cast("GcpOptions | None", options.gcp)
    if gcp is not None and gcp.user_managed_service_account is not None:
        account = cast("GcpUserManagedOptions", gcp.user_managed_service_account)
        url = f"{account.metadata_url.rstrip('/')}/{account.name}/token"
        return TokenSource("GET", url, {"Metadata-Flavor": "Google"}, b"")
    return None


def _of_oauth2(options: OAuth2Options) -> TokenSource:
    fields = {
        "grant_type": "client_credentials",
        "scope": options.scope,
        "resource": options.resource,
        "audience": options.audience,
        "authorization_details": options.authorization_details,
    }
    headers = dict(_FORM_HEADERS)
    if options.auth_method == "basic":
        pair = f"{options.client_id}:{options.client_secret}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
    else:
        fields["client_id"] = options.client_id
        fields["client_secret"] = options.client_secret
    body = _form(fields)
    return TokenSource("POST", options.token_url, headers, body, options.refresh_offset)


def _of_azure(options: AzureMonitorOptions) -> TokenSource:
    tenant = quote(options.tenant_id, safe="")
    url = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    fields = {
        "grant_type": "client_credentials",
        "scope": options.scope,
        "client_id": options.app_id,
        "client_secret": options.app_secret,
    }
    return TokenSource("POST", options.auth_url or url, _FORM_HEADERS, _form(fields))


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode({name: value for name, value in fields.items() if value}).encode()


class Token:
    """
    A token that is always fresh.

    Args:
        source: the request that gets one.
        clock: monotonic seconds.
        context: how to connect when the token's URL is ``https``.

    """

    def __init__(
        self,
        source: TokenSource,
        clock: Callable[[], float],
        context: ssl.SSLContext | None,
    ) -> None:
        self._source = source
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
        source = self._source
        url = URL(source.url)
        reply = await self._session.send(
            Outgoing(
                source.method,
                url,
                CIMultiDict(source.headers),
                source.body,
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
        wait_s = max(lifetime_s / 2, lifetime_s - self._source.refresh_offset_s)
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


class AzureHeaders:
    """Signatures of the HTTP Data Collector API (Microsoft's page of that name)."""

    def __init__(
        self, options: AzureHeaderOptions, now: Callable[[], UnixNanos]
    ) -> None:
        self._options = options
        self._key = base64.b64decode(options.secret)
        self._now = now

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return the signature of ``body``, and the date that is part of it."""
        del headers
        options = self._options
        date = formatdate(self._now() / 1e9, usegmt=True)
        signed = (
            f"{options.method}\n{len(body)}\n{options.content_type}\n"
            f"x-ms-date:{date}\n{options.path}"
        )
        digest = hmac.digest(self._key, signed.encode(), "sha256")
        signature = base64.b64encode(digest).decode("ascii")
        return {
            "Authorization": f"SharedKey {options.workspace_id}:{signature}",
            "Content-Type": options.content_type,
            "x-ms-date": date,
        }

    def on_status(self, status: int) -> bool:
        """Nothing to learn."""
        del status
        return False

    async def close(self) -> None:
        """Nothing to close."""


class PythonHeaders:
    """Headers made by the user's class; ``ResponseError`` when it cannot be made."""

    def __init__(self, options: PythonHeaderOptions) -> None:
        self._is_critical = options.mark_errors_as_critical
        self._was_repeated = False
        code = options._values.get("code", ())  # as check_class() left it
        try:
            self._maker: Any = find_name(code, options.class_)(dict(options.options))
        except Exception as error:  # whatever the user's code raises
            raise ResponseError(f"{options.class_}: {error!r}") from error

    async def headers(self, body: bytes, headers: CIMultiDict[str]) -> dict[str, str]:
        """Return what the class returns."""
        given = [f"{name}: {value}" for name, value in headers.items()]
        try:
            made = self._maker.get_headers(
                body.decode("utf-8", "surrogateescape"), given
            )
            if inspect.isawaitable(made):
                async with asyncio.timeout(_TOKEN_TIMEOUT_S):
                    made = await made
            pairs = [str(line).partition(":") for line in made]
        except Exception as error:  # whatever the user's code raises
            if self._is_critical:
                raise ConnectFailed(f"headers cannot be made: {error!r}") from error
            return {}
        return {name.strip(): value.strip() for name, _, value in pairs}

    def on_status(self, status: int) -> bool:
        """Tell the class, if it wants to know."""
        listener = getattr(self._maker, "on_http_response_received", None)
        wants_again = False
        if listener is not None:
            # The answer is there: an error of the user's code changes nothing.
            with contextlib.suppress(Exception):
                wants_again = bool(listener(status))
        is_worth_it = wants_again and not self._was_repeated
        self._was_repeated = wants_again
        return is_worth_it

    async def close(self) -> None:
        """Nothing to close."""
