"""The PROXY protocol parser never fails but by its own error."""

from __future__ import annotations

import contextlib
import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from logferry.errors import FramingError
from logferry.sources.network.opening import Opening
from logferry.sources.network.proxy_header import Endpoints, parse_proxy_header

_ports = st.integers(0, 65535)
_START = b"\r\n\r\n\0\r\nQUIT\n"


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, Endpoints]:
    """Draw a header and what it says."""
    version = draw(st.sampled_from([4, 6]))
    source, target = (draw(st.ip_addresses(v=version)) for _ in range(2))
    ports = draw(_ports), draw(_ports)
    ends = Endpoints(str(source), ports[0], str(target), ports[1])
    if draw(st.booleans()):
        line = f"PROXY TCP{version} {source} {target} {ports[0]} {ports[1]}\r\n"
        return line.encode(), ends
    body = source.packed + target.packed
    body += b"".join(port.to_bytes(2, "big") for port in ports)
    body += draw(st.binary(max_size=20))
    family = 0x11 if version == 4 else 0x21
    head = bytes((0x21, family)) + len(body).to_bytes(2, "big")
    return _START + head + body, ends


@given(headers(), st.binary(max_size=20), st.lists(st.integers(0, 80), max_size=6))
def test_any_division_gives_the_same_endpoints_and_rest(
    header: tuple[bytes, Endpoints], rest: bytes, cuts: list[int]
) -> None:
    data, ends = header
    data += rest
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    opening = Opening(is_proxied=True, detects_tls=False)
    for start, end in zip(edges, edges[1:], strict=False):
        opened = opening.feed(data[start:end])
        if opened is not None:
            assert opened.endpoints == ends
            assert opened.rest == rest[: len(opened.rest)]
            assert opened.rest + data[end:] == rest
            return
    raise AssertionError("the header was never complete")


@given(
    st.one_of(
        st.binary(max_size=150),
        st.binary(max_size=150).map(lambda data: _START + data),
        st.binary(max_size=150).map(lambda data: b"PROXY " + data),
        st.text(max_size=60).map(lambda text: f"PROXY TCP4 {text}\r\n".encode()),
    )
)
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    with contextlib.suppress(FramingError):
        header = parse_proxy_header(data)
        if header is not None:
            assert 0 < header.size <= len(data)
            if header.endpoints is not None:
                ipaddress.ip_address(header.endpoints.source_ip)
