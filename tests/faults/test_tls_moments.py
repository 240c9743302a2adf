"""
TLS servers that vanish, trickle or refuse, and switches at bad moments; the laws hold.

What ``test_tcp.py`` asks of TCP, asked of TLS. The laws are those of
``helpers/laws.py``. "One window" is asserted by number where what was lost is known.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from pathlib import Path

import pytest

from helpers.black_hole import Hole, black_hole
from helpers.certificates import Certificates
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import broken_laws, flood, settled
from helpers.name_server import NameServer
from helpers.reader import tls_reader
from helpers.relay import Load, Relay

pytestmark = pytest.mark.integration

A, B, C = "127.0.0.1", "127.0.0.2", "127.0.0.3"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST
BACKOFF = "backoff(initial(0.02) max(0.5) jitter(0))"

hole = black_hole


def driver(
    port: int, certificates: Certificates, options: str = "", primary: str = A
) -> str:
    return (
        f'network("{primary}" port({port}) transport(tls) {certificates.client()} '
        f'{BACKOFF} {options} failover(servers("{B}")))'
    )


async def test_black_hole_is_left_after_delivery_timeout(
    tmp_path: Path, hole: Hole
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(B)
    a = tls_reader(tmp_path, certificates, "a", hole.address, port).inside(
        "ip", "netns", "exec", hole.name
    )
    b = tls_reader(tmp_path, certificates, "b", B, port)
    text = driver(port, certificates, "delivery-timeout(1)", hole.address)
    async with a, b, Relay(tmp_path, text) as relay:
        await flood(relay, 5000)
        await a.wait_for(4999)
        await settled(relay, 5000)
        hole.dig()
        dug_at = time.monotonic()
        await flood(relay, 5000)
        await b.wait_for(9999)
        assert time.monotonic() - dug_at < 3  # delivery-timeout() + 1 s, and slack
        await asyncio.sleep(0.2)
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(10_000, connections, losses=1) == []
        assert numbers(b.lines()) == list(range(5000, 10_000))
        await settled(relay, 10_000)


async def test_black_hole_at_connect_is_left_after_connect_timeout(
    tmp_path: Path, hole: Hole
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(B)
    hole.dig()
    b = tls_reader(tmp_path, certificates, "b", B, port)
    text = driver(port, certificates, "connect-timeout(0.5)", hole.address)
    async with b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await b.wait_for(999)
        assert relay.said("no connection within 0.5 s")
        assert broken_laws(1000, b.connections(), losses=0) == []
        await settled(relay, 1000)


async def test_trickling_server_is_left_and_loses_nothing(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    trickle = ("--rate", "100", "--buffer", "4096")
    a = tls_reader(tmp_path, certificates, "a", A, port, *trickle)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    text = driver(port, certificates, "delivery-timeout(1)")
    async with a, b, Relay(tmp_path, text) as relay:
        await flood(relay, 50_000)
        await b.wait_for(49_999, 40)
        first = numbers(b.lines())[0]
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(50_000, connections, losses=1, excused=first) == []
        await settled(relay, 50_000)


async def test_refusing_servers_are_passed_by(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B, C)
    text = (
        f'network("{A}" port({port}) transport(tls) {certificates.client()} '
        f'{BACKOFF} failover(servers("{B}" "{C}")))'
    )
    async with (
        tls_reader(tmp_path, certificates, "c", C, port) as c,
        Relay(tmp_path, text) as relay,
    ):
        await flood(relay, 10_000)
        await c.wait_for(9999)
        assert broken_laws(10_000, c.connections(), losses=0) == []
        await settled(relay, 10_000)
        assert len(relay.said("Connection refused")) == 2


async def test_name_that_disappears_costs_nothing_and_is_still_what_is_certified(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    a = Collector(A, port, certificates.context("logs.example"))
    b = Collector(B, port, certificates.context(B))
    async with NameServer() as names, a, b:
        names.zone["logs.example", "A"] = (1, [A])
        text = (
            f'network("dns:logs.example" port({port}) transport(tls) '
            f"{certificates.client()} {BACKOFF} "
            f'failover(servers("{B}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, text) as relay:
            await flood(relay, 5000)
            await a.wait_for_lines(5000)
            names.zone.clear()
            await relay.daemon.wait_for("keeping those known")
            await flood(relay, 5000)
            await a.wait_for_lines(10_000)
            await settled(relay, 10_000)
            await a.stop()
            await flood(relay, 5000)
            await b.wait_for_lines(5000)
            assert broken_laws(15_000, [a.lines, b.lines], losses=1) == []
            await settled(relay, 15_000)


@pytest.mark.slow
async def test_a_thousand_switches_in_a_row(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    text = (
        f'network("{A}" port({port}) transport(tls) {certificates.client()} '
        f'time-reopen(0.001) failover(servers("{B}")))'
    )
    servers = [Collector(item, port, certificates.context(item)) for item in (A, B)]
    async with servers[0], servers[1], Relay(tmp_path, text) as relay:
        for switch in range(1000):
            server = servers[switch % 2]
            await server.wait_for_connections(switch // 2 + 1)
            await relay.sender.send(10)
            last = b"number %06d" % (10 * switch + 9)
            async with asyncio.timeout(30):
                while not (server.lines and server.lines[-1].endswith(last)):
                    await asyncio.sleep(0.001)
            server.reset_connections()
        await servers[0].wait_for_connections(501)
        arrived = [number for server in servers for number in numbers(server.lines)]
        assert set(arrived) == set(range(10_000))
        # A reset may overtake the acknowledgement of the ten that it follows, and the
        # next one that of those ten again: twice comes what was sent again, no more.
        resent = await relay.series("output_resent_events_total")
        assert len(arrived) <= 10_000 + resent
        await settled(relay, 10_000)


async def test_switch_during_reload_loses_nothing(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    a = tls_reader(tmp_path, certificates, "a", A, port)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, certificates)) as relay:
        load = Load(relay)
        await a.wait_for_lines(2000)
        reloading = asyncio.create_task(relay.daemon.ctl("RELOAD"))
        await a.kill()
        for _ in range(5):
            assert "successful" in await relay.daemon.ctl("RELOAD")
        assert "successful" in await reloading
        await b.wait_for_lines(1)
        sent = await load.stop()
        await b.wait_for(sent - 1)
        first = numbers(b.lines())[0]
        excused = max(0, first - len(a.lines()))
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(sent, connections, losses=1, excused=excused) == []
        await settled(relay, sent)


async def test_reset_during_stop_still_reaches_the_next_server(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    context = certificates.context(A)
    with socket.create_server((A, port)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        relay = Relay(tmp_path, driver(port, certificates))
        async with tls_reader(tmp_path, certificates, "b", B, port) as b:
            async with relay:
                raw, _ = await asyncio.to_thread(listener.accept)
                victim = await asyncio.to_thread(
                    context.wrap_socket, raw, server_side=True
                )
                listener.close()
                sending = asyncio.create_task(relay.sender.send(20_000))
                accepted, before = 0, -1
                while accepted != before or not accepted:  # the victim's kernel is full
                    before = accepted
                    await asyncio.sleep(0.3)
                    accepted = await relay.counter("processed")
                delivered = await relay.counter("written")
                assert delivered < accepted
                stopping = asyncio.create_task(relay.daemon.stop())
                await relay.daemon.wait_for("shutting down")
                victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                victim.close()
                assert await stopping == 0
                sending.cancel()
            arrived = numbers(b.lines())
            # What the dead kernel had not acknowledged, all of it and in order.
            assert arrived == list(range(arrived[0], arrived[-1] + 1))
            assert arrived[0] <= delivered
            assert arrived[-1] >= accepted - 1
