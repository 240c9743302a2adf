"""Opening connections: addresses in turn, one deadline, options on the socket."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from helpers.daemon import free_port
from logferry.errors import ConnectFailed, TimedOut
from logferry.runtime import connect
from logferry.runtime.connect import Endpoint, open_stream, probe_tcp
from logferry.runtime.socket_options import InetSocketOptions

pytestmark = pytest.mark.integration

A, B = "127.0.0.1", "127.0.0.2"


def stand_for(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> None:
    """Let every name stand for ``addresses``."""

    async def found(loop: object, endpoint: Endpoint) -> list[tuple[int, tuple]]:
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


async def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port(A, B)
    stand_for(monkeypatch, port, A, B)
    listener, fillers = full_listener(A, port)
    with socket.create_server((B, port)):
        began_at = time.monotonic()
        stream = await open_stream(Endpoint("logs.example", port, 1.0))
        assert stream.peer == f"AF_INET({B}:{port})"
        assert 0.4 < time.monotonic() - began_at < 1.0  # half of the whole
        stream.close()
    for sock in (listener, *fillers):
        sock.close()


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
        async with asyncio.timeout(5):
            await ended.wait()
    with pytest.raises(ConnectFailed):
        await probe_tcp(Endpoint(A, port, 5))


def test_an_endpoint_is_shown_in_the_form_of_the_reference() -> None:
    six = InetSocketOptions({"ip_protocol": 6})
    assert Endpoint("logs", 514, 1).shown == "AF_INET(logs:514)"
    live = Endpoint("logs", 514, 1, address="192.0.2.1")
    assert live.shown == "AF_INET(192.0.2.1:514)"
    assert Endpoint("::1", 514, 1, six).shown == "AF_INET6([::1]:514)"
