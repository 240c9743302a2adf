"""The PROXY protocol, header by header."""

from __future__ import annotations

import socket
import struct

import pytest

from logferry.errors import FramingError
from logferry.sources.network.opening import Opening
from logferry.sources.network.proxy_header import (
    Endpoints,
    ProxyHeader,
    parse_proxy_header,
)

START = b"\r\n\r\n\0\r\nQUIT\n"
ENDS = Endpoints("192.0.2.1", 1111, "10.10.0.1", 2222)


def binary(command: int, family: int, body: bytes) -> bytes:
    """Return a header of version 2."""
    return START + struct.pack("!BBH", command, family, len(body)) + body


def addresses(family: socket.AddressFamily, source: str, target: str) -> bytes:
    """Return addresses and the ports 1111 and 2222."""
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    return ends + struct.pack("!HH", 1111, 2222)


V4 = binary(0x21, 0x11, addresses(socket.AF_INET, "192.0.2.1", "10.10.0.1"))


@pytest.mark.parametrize(
    ("data", "endpoints"),
    [
        (b"PROXY TCP4 192.0.2.1 10.10.0.1 1111 2222\r\n", ENDS),
        (
            b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
            Endpoints("2001:db8::1", 1, "2001:db8::2", 65535),
        ),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n", None),
        (V4, ENDS),
        (
            binary(0x21, 0x21, addresses(socket.AF_INET6, "2001:db8::1", "::1")),
            Endpoints("2001:db8::1", 1111, "::1", 2222),
        ),
        (binary(0x21, 0x11, V4[16:] + b"\x04\0\x01x"), ENDS),
        (binary(0x20, 0x00, b""), None),
        (binary(0x21, 0x31, b"\0" * 216), None),
        (binary(0x21, 0x00, b"tlv"), None),
    ],
)
def test_headers_are_understood_however_they_come(
    data: bytes, endpoints: Endpoints | None
) -> None:
    for size in range(len(data)):
        assert parse_proxy_header(data[:size]) is None
    version = 2 if data.startswith(START) else 1
    expected = ProxyHeader(len(data), endpoints, version)
    assert parse_proxy_header(data) == expected
    assert parse_proxy_header(data + b"<13>next") == expected


@pytest.mark.parametrize(
    "data",
    [
        b"<13>a message",
        b"PROXYdsfj\r\n",
        b"PROXY TCP4 192.0.2.1 10.10.0.1 1111 2222\n",
        b"PROXY TCP4 192.0.2.1 10.10.0.1 1111 65536\r\n",
        b"PROXY TCP4 192.0.2.256 10.10.0.1 1111 2222\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY TCP4  192.0.2.1 10.10.0.1 1111 2222\r\n",
        b"PROXY UDP4 192.0.2.1 10.10.0.1 1111 2222\r\n",
        b"PROXY " + b"x" * 101,
        binary(0x11, 0x11, V4[16:]),
        binary(0x22, 0x11, V4[16:]),
        binary(0x21, 0x11, V4[16:27]),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        parse_proxy_header(data)


def test_an_opening_returns_what_follows_the_header() -> None:
    opening = Opening(is_proxied=True, detects_tls=False)
    assert opening.feed(V4[:5]) is None
    opened = opening.feed(V4[5:] + b"rest")
    assert opened is not None
    assert (opened.endpoints, opened.is_tls, opened.rest) == (ENDS, False, b"rest")


@pytest.mark.parametrize(("first", "is_tls"), [(b"\x16\x03", True), (b"<1", False)])
def test_an_opening_tells_tls_from_text(first: bytes, is_tls: bool) -> None:
    opened = Opening(is_proxied=False, detects_tls=True).feed(first)
    assert opened is not None
    assert opened.is_tls is is_tls
    assert opened.rest == first
