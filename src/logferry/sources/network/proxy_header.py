"""
The PROXY protocol, versions 1 and 2: who is behind a load balancer.

Parsing is incremental and does no I/O. Source: HAProxy's ``proxy-protocol.txt``,
sections 2.1 (text, at most 107 bytes) and 2.2 (binary).
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from logferry.errors import FramingError
from logferry.records import record

__all__ = ["Endpoints", "ProxyHeader", "parse_proxy_header"]

_V1_BYTES_MAX: Final = 107
_V1_START: Final = b"PROXY "
_V2_START: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED_BYTES: Final = 16
_SHOWN_BYTES: Final = 60

_LOCAL, _PROXY = 0x20, 0x21
_FAMILY_BYTES: Final = {0x1: 4, 0x2: 16}

_v1 = re.compile(rb"PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) (\d{1,5}) (\d{1,5})\r\n")
_v1_unknown = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")


@record
class Endpoints:
    """Both ends of the connection that the proxy accepted."""

    source_ip: str
    source_port: int
    target_ip: str
    target_port: int


@record
class ProxyHeader:
    """
    A header, parsed.

    Attributes:
        size: its length in bytes.
        endpoints: ``None`` when the proxy does not know, or speaks for itself
            (``UNKNOWN``, ``LOCAL``): the connection's own addresses hold then.
        version: 1 or 2.

    """

    size: int
    endpoints: Endpoints | None
    version: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """
    Return the header that ``data`` begins with; ``None`` when more bytes are needed.

    Raises ``FramingError`` when no header can begin so.
    """
    if data.startswith(_V2_START[: len(data)]):
        return _parse_v2(data)
    if data.startswith(_V1_START[: len(data)]):
        return _parse_v1(data)
    raise _error(data)


def _error(data: bytes) -> FramingError:
    return FramingError("Error parsing PROXY protocol header", data[:_SHOWN_BYTES])


def _parse_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, _V1_BYTES_MAX) + 1
    if not end:
        if len(data) >= _V1_BYTES_MAX:
            raise _error(data)
        return None
    line = data[:end]
    if _v1_unknown.fullmatch(line):
        return ProxyHeader(end, None, 1)
    match = _v1.fullmatch(line)
    if match is None:
        raise _error(line)
    kind = IPv4Address if match[1] == b"TCP4" else IPv6Address
    source_port, target_port = int(match[4]), int(match[5])
    try:
        source_ip, target_ip = (
            str(kind(match[2].decode())),
            str(kind(match[3].decode())),
        )
    except (AddressValueError, UnicodeDecodeError) as error:
        raise _error(line) from error
    if max(source_port, target_port) > 0xFFFF:
        raise _error(line)
    return ProxyHeader(
        end, Endpoints(source_ip, source_port, target_ip, target_port), 1
    )


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_FIXED_BYTES:
        return None
    command, family = data[12], data[13] >> 4
    if command not in {_LOCAL, _PROXY}:
        raise _error(data[:_V2_FIXED_BYTES])
    length = int.from_bytes(data[14:16], "big")
    size = _V2_FIXED_BYTES + length
    address_bytes = _FAMILY_BYTES.get(family)
    if command == _PROXY and address_bytes is not None:
        if length < 2 * address_bytes + 4:
            raise _error(data[:_V2_FIXED_BYTES])
        if len(data) < size:
            return None
        return ProxyHeader(size, _endpoints(data, address_bytes), 2)
    # LOCAL, unix sockets, unspecified: nothing we could use; the rest is skipped.
    return ProxyHeader(size, None, 2) if len(data) >= size else None


def _endpoints(data: bytes, address_bytes: int) -> Endpoints:
    kind = IPv4Address if address_bytes == 4 else IPv6Address
    source = _V2_FIXED_BYTES
    target = source + address_bytes
    ports = target + address_bytes
    return Endpoints(
        str(kind(data[source:target])),
        int.from_bytes(data[ports : ports + 2], "big"),
        str(kind(data[target:ports])),
        int.from_bytes(data[ports + 2 : ports + 4], "big"),
    )
