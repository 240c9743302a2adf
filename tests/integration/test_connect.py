"""Opening connections: addresses in turn, one deadline, options on the socket."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector
from helpers.daemon import free_port
from logferry.errors import ConnectFailed, TimedOut
from logferry.runtime import connect
from logferry.runtime.connect import STAGGER_S, Endpoint, open_stream, probe_tcp
from logferry.runtime.socket_options import InetSocketOptions

pytestmark = pytest.mark.integration

A, B = "127.0.0.1", "127.0.0.2"


def stand_for(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> None:
    """Let every name stand for ``addresses``."""

    async def found(endpoint: Endpoint) -> list[tuple[int, tuple]]:
        return [(socket.AF_INET, (address, port)) for address in addresses]

    monkeypatch.setattr(connect, "_addresses", found)


def full_listener(address: str, port: int) -> tuple[socket.socket, list[socket.socket]]:
    """Listen so that further connections get no answer at all."""
    listener = socket.create_server((address, port), backlog=0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((address, port))
        fillers.append(filler)
    return listener, fillers


async def test_the_next_address_is_tried_when_one_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port(A, B)
    stand_for(monkeypatch, port, A, B)
    with socket.create_server((B, port)):
        stream = await open_stream(Endpoint("logs.example", port, 5))
        assert stream.peer == f"AF_INET({B}:{port})"
        stream.close()


async def test_an_address_that_swallows_packets_costs_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port(A, B)
    stand_for(monkeypatch, port, A, B)
    listener, fillers = full_listener(A, port)
    with socket.create_server((B, port)):
        began_at = time.monotonic()
        stream = await open_stream(Endpoint("logs.example", port, 10.0))
        assert stream.peer == f"AF_INET({B}:{port})"
        assert STAGGER_S <= time.monotonic() - began_at < 5
        stream.close()
    for sock in (listener, *fillers):
        sock.close()


async def test_the_loser_of_the_race_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port(A, B)
    stand_for(monkeypatch, port, A, B)
    listener, fillers = full_listener(A, port)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket.create_server((B, port)):
        stream = await open_stream(Endpoint("logs.example", port, 10.0))
        stream.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    for sock in (listener, *fillers):
        sock.close()


@pytest.mark.parametrize("fault", ["hangs", "another name"])
async def test_an_address_with_a_bad_handshake_leaves_the_name_to_the_others(
    fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port(A, B)
    stand_for(monkeypatch, port, A, B)
    certificates = Certificates(tmp_path)
    context = ssl.create_default_context(cafile=str(certificates.ca))
    contexts = {A: None if fault == "hangs" else certificates.context("other.example")}
    contexts[B] = certificates.context("logs.example")
    for context_ in (contexts[A], contexts[B]):
        if context_ is not None:
            context_.verify_mode = ssl.CERT_NONE
    async with Collector(A, port, contexts[A]), Collector(B, port, contexts[B]):
        stream = await open_stream(Endpoint("logs.example", port, 1.0, tls=context))
        assert stream.peer == f"AF_INET({B}:{port})"
        stream.close()


async def test_a_numeric_address_is_used_whatever_ip_protocol_says() -> None:
    port = free_port(A)
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        stream = await open_stream(Endpoint("::1", port, 5))
        assert stream.peer == f"AF_INET6([::1]:{port})"
        stream.close()


def link_local() -> str | None:
    """Return an address of this machine that needs a scope."""
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        digits, *_, name = line.split()
        address = ipaddress.IPv6Address(int(digits, 16))
        if address.is_link_local:
            return f"{address}%{name}"
    return None


async def test_a_link_local_address_needs_its_scope_but_its_certificate_does_not(
    tmp_path: Path,
) -> None:
    address = link_local()
    if address is None:
        pytest.skip("this machine has no link-local address")
    port = free_port(A)
    certificates = Certificates(tmp_path)
    server = certificates.context(address.partition("%")[0])
    server.verify_mode = ssl.CERT_NONE
    client = ssl.create_default_context(cafile=str(certificates.ca))
    async with Collector(address, port, server):
        stream = await open_stream(Endpoint(address, port, 5, tls=client))
        assert address.partition("%")[0] in stream.peer
        stream.close()


async def test_a_fixed_local_port_connects_to_one_server_after_the_other() -> None:
    """Also while an older connection from it still stands, or is in TIME_WAIT."""
    port, local = free_port(A, B), free_port(A)
    with socket.create_server((A, port)), socket.create_server((B, port)):
        first = await open_stream(Endpoint(A, port, 5, bind=(A, local)))
        second = await open_stream(Endpoint(B, port, 5, bind=(A, local)))
        first.close()
        third = await open_stream(Endpoint(B, port, 5, bind=("127.0.0.3", 0)))
        name = socket.socket(fileno=third.descriptor)
        assert name.getsockname()[0] == "127.0.0.3"
        name.detach()
        for stream in (second, third):
            stream.close()


async def test_one_deadline_holds_for_everything() -> None:
    port = free_port(A)
    listener, fillers = full_listener(A, port)
    began_at = time.monotonic()
    with pytest.raises(TimedOut, match=r"no connection within 0\.4 s"):
        await open_stream(Endpoint(A, port, 0.4))
    assert time.monotonic() - began_at < 2
    for sock in (listener, *fillers):
        sock.close()


async def test_refusal_and_unknown_names_say_what_is_wrong() -> None:
    port = free_port(A)
    with pytest.raises(ConnectFailed, match="Connection refused"):
        await open_stream(Endpoint(A, port, 5))
    with pytest.raises(ConnectFailed, match="cannot resolve 'no-such-host.invalid'"):  # noqa: RUF043
        await open_stream(Endpoint("no-such-host.invalid", port, 5))


async def test_delivery_timeout_and_keepalive_are_put_on_the_socket() -> None:
    port = free_port(A)
    options = InetSocketOptions(
        {
            "tcp_keepalive_time": 7,
            "tcp_keepalive_intvl": 3,
            "tcp_keepalive_probes": 2,
        }
    )
    with socket.create_server((A, port)):
        endpoint = Endpoint(A, port, 5, options, user_timeout_s=2.5)
        stream = await open_stream(endpoint)
        sock = socket.socket(fileno=stream.descriptor)
        values = [
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_USER_TIMEOUT,
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_NODELAY,
            )
        ]
        assert values == [2500, 7, 3, 2, 1]
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        sock.detach()
        stream.close()


async def test_a_bare_probe_connects_and_hangs_up() -> None:
    port = free_port(A)
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, A, port)
    async with server:
        await probe_tcp(Endpoint(A, port, 5))
        async with asyncio.timeout(30):
            await ended.wait()
    with pytest.raises(ConnectFailed):
        await probe_tcp(Endpoint(A, port, 5))


def test_an_endpoint_is_shown_in_the_form_of_the_reference() -> None:
    six = InetSocketOptions({"ip_protocol": 6})
    assert Endpoint("logs", 514, 1).shown == "AF_INET(logs:514)"
    live = Endpoint("logs", 514, 1, address="192.0.2.1")
    assert live.shown == "AF_INET(192.0.2.1:514)"
    assert Endpoint("::1", 514, 1).shown == "AF_INET6([::1]:514)"
    assert Endpoint("logs", 514, 1, six).shown == "AF_INET6([logs]:514)"
