"""
What a connection may begin with, before its first frame.

A PROXY protocol header, and, for ``transport(auto)`` with keys, the first byte of a
TLS handshake. Pure: bytes in, a decision out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from logferry.sources.network.proxy_header import Endpoints, parse_proxy_header

__all__ = ["Opened", "Opening"]

_TLS_HANDSHAKE: Final = 0x16  # RFC 8446, 5.1: no text and no octet count begins so


@dataclass(frozen=True, slots=True)
class Opened:
    """
    How the connection goes on.

    Attributes:
        endpoints: whose it is, when a header said so.
        is_tls: a TLS handshake follows; only meaningful when it was looked for.
        rest: the bytes behind the opening.

    """

    endpoints: Endpoints | None
    is_tls: bool
    rest: bytes


class Opening:
    """
    Collects the first bytes until they are understood.

    Args:
        is_proxied: a PROXY protocol header comes first.
        detects_tls: look whether TLS follows.

    """

    def __init__(self, *, is_proxied: bool, detects_tls: bool) -> None:
        self._is_proxied = is_proxied
        self.detects_tls = detects_tls
        self._endpoints: Endpoints | None = None
        self._data = b""

    def feed(self, data: bytes) -> Opened | None:
        """
        Return how to go on; ``None`` when more bytes are needed.

        Raises ``FramingError`` when the header cannot be understood.
        """
        self._data += data
        if self._is_proxied:
            header = parse_proxy_header(self._data)
            if header is None:
                return None
            self._is_proxied = False
            self._endpoints = header.endpoints
            self._data = self._data[header.size :]
        if self.detects_tls and not self._data:
            return None
        is_tls = self.detects_tls and self._data[0] == _TLS_HANDSHAKE
        return Opened(self._endpoints, is_tls, self._data)
