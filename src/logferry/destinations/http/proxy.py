"""
The way to a server: directly, through a web proxy, or through one that speaks SOCKS.

``proxy()`` says which, else the environment does, with the variables that curl reads:
``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``. Names are resolved here
for ``socks4`` and ``socks5``, and by the proxy for ``socks4a`` and ``socks5h``. SOCKS
needs the package ``aiohttp-socks``, an extra of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from logferry.destinations.http.lane import Connector

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["is_socks", "make_connector", "proxy_to"]

_SOCKS: Final = {
    "socks4": ("SOCKS4", False),
    "socks4a": ("SOCKS4", True),
    "socks5": ("SOCKS5", False),
    "socks5h": ("SOCKS5", True),
}
"""By scheme: the protocol, and whether the proxy resolves names."""

_SOCKS_PORT: Final = 1080
_IDLE_S: Final = 24 * 3600
"""Idle connections; the server will close them earlier."""

_NAMES_KEPT_S: Final = 10


def is_socks(proxy: URL) -> bool:
    """Tell whether ``proxy`` speaks SOCKS."""
    return proxy.scheme in _SOCKS


def proxy_to(origin: URL, given: str) -> URL | None:
    """Return the proxy that leads to ``origin``: ours, or the environment's."""
    found = given
    if not found and not proxy_bypass(origin.host or ""):
        proxies = getproxies()
        found = proxies.get(origin.scheme) or proxies.get("all") or ""
    if not found:
        return None
    return URL(found if "://" in found else f"http://{found}")


def make_connector(socks: URL | None) -> Connector:
    """
    Return what opens connections, one at a time.

    Raises ``ImportError`` when SOCKS is asked for and nobody here speaks it.
    """
    options: dict[str, Any] = {
        "limit": 1,
        "keepalive_timeout": _IDLE_S,
        "ttl_dns_cache": _NAMES_KEPT_S,
    }
    if socks is None:
        return Connector(**options)

    import aiohttp_socks  # an extra, and only some need it

    class SocksConnector(Connector, aiohttp_socks.ProxyConnector):
        async def connect(
            self,
            req: ClientRequest,
            traces: list[Trace],
            timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
        ) -> Connection:
            try:
                return await super().connect(req, traces, timeout)
            except aiohttp_socks.ProxyError as error:
                raise aiohttp.ClientConnectionError(f"SOCKS: {error}") from error

    assert socks.host is not None
    name, resolves = _SOCKS[socks.scheme]
    return SocksConnector(
        host=socks.host,
        port=socks.port or _SOCKS_PORT,
        proxy_type=aiohttp_socks.ProxyType[name],
        username=socks.user,
        password=socks.password,
        rdns=resolves,
        **options,
    )
