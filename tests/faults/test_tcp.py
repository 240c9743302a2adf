"""
Servers that die in every way TCP knows, under load; the laws hold every time.

The laws are those of ``helpers/laws.py``. Servers are real processes or real sockets;
where the exact truth matters (what had the dead kernel acknowledged?) the test itself
holds the socket and asks.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import signal
import socket
import struct
import termios
import time
from pathlib import Path

import pytest

from helpers.black_hole import Hole, black_hole
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import LINE_BYTES, WINDOW_MESSAGES, broken_laws, flood, settled
from helpers.name_server import NameServer
from helpers.reader import Reader
from helpers.relay import Load, Relay

pytestmark = pytest.mark.integration

A, B, C = "127.0.0.1", "127.0.0.2", "127.0.0.3"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST
hole = black_hole
BACKOFF = "backoff(initial(0.02) max(0.5) jitter(0))"


def driver(port: int, options: str = "", primary: str = A, failover: str = B) -> str:
    return (
        f'network("{primary}" port({port}) {BACKOFF} {options} '
        f'failover(servers("{failover}")))'
    )


def unread_bytes(sock: socket.socket) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, waiting)
    return waiting[0]


async def full_buffer(sock: socket.socket) -> int:
    """Return what the kernel holds unread for ``sock`` once it takes no more."""
    count = -1
    while (now := unread_bytes(sock)) != count or not now:
        count = now
        await asyncio.sleep(0.2)
    return count


async def test_reset_under_load_resends_exactly_what_was_not_acknowledged(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    with socket.create_server((A, port)) as listener:
        async with (
            Reader(tmp_path, "b", B, port) as b,
            Relay(tmp_path, driver(port)) as relay,
        ):
            victim, _ = await asyncio.to_thread(listener.accept)
            listener.close()
            sending = asyncio.create_task(flood(relay, 200_000))
            read = b""
            while len(read) < 1_000_000:  # a while of normal service
                read += await asyncio.to_thread(victim.recv, 1 << 16)
            unread = await full_buffer(victim)
            victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            victim.close()
            await sending
            await b.wait_for(199_999)
            acknowledged = (len(read) + unread) // LINE_BYTES
            rest = numbers(b.lines())
            assert rest == list(range(acknowledged, 200_000))
            excused = acknowledged - len(read) // LINE_BYTES
            connections = [read.split(b"\n")[:-1], *b.connections()]
            assert broken_laws(200_000, connections, losses=1, excused=excused) == []
            await settled(relay, 200_000)
            # What was sent again is what was not acknowledged, and at most a window.
            unacked = await relay.series("output_unacked_events_total")
            assert 0 < unacked <= WINDOW_MESSAGES
            assert await relay.series("output_resent_events_total") == unacked


async def test_fin_under_load_loses_nothing(tmp_path: Path) -> None:
    port = free_port(A, B)
    a = Collector(A, port)
    async with (
        a,
        Reader(tmp_path, "b", B, port) as b,
        Relay(tmp_path, driver(port)) as relay,
    ):
        load = Load(relay)
        await a.wait_for_lines(10_000)
        victim = next(iter(a._writers)).get_extra_info("socket")
        sock = socket.socket(fileno=os.dup(victim.fileno()))
        sock.shutdown(socket.SHUT_WR)  # FIN first, read on: the half of a close
        await b.wait_for_lines(1)
        sent = await load.stop()
        await b.wait_for(sent - 1)
        sock.close()
        assert broken_laws(sent, [a.lines, *b.connections()], losses=1) == []
        assert "EOF" not in "".join(relay.said("broken"))
        assert relay.said("Syslog connection closed")
        await settled(relay, sent)


@pytest.mark.parametrize(
    "queue", ["", "disk-buffer(reliable(yes) capacity-bytes(64M))"]
)
async def test_killed_server_loses_only_what_its_kernel_had_acknowledged(
    queue: str, tmp_path: Path
) -> None:
    port = free_port(A, B)
    a, b = Reader(tmp_path, "a", A, port), Reader(tmp_path, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, queue)) as relay:
        load = Load(relay)
        await a.wait_for_lines(5000)
        await a.kill()
        await b.wait_for_lines(1)
        sent = await load.stop()
        await b.wait_for(sent - 1)
        # What lay in the dead program's kernel is a gap at one place, before the
        # first message that the other server got.
        first = numbers(b.lines())[0]
        excused = max(0, first - len(a.lines()))
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(sent, connections, losses=1, excused=excused) == []
        await settled(relay, sent)


async def test_frozen_server_is_left_after_delivery_timeout_and_gets_nothing_twice(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    a, b = Reader(tmp_path, "a", A, port), Reader(tmp_path, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, "delivery-timeout(0.5)")) as relay:
        await relay.sender.send(1000)
        await a.wait_for_lines(1000)
        a.signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        sending = asyncio.create_task(flood(relay, 199_000))
        await relay.daemon.wait_for("nothing was acknowledged for 0.5 s")
        # The kernel of a frozen program goes on acknowledging until it is full.
        assert time.monotonic() - frozen_at < 10
        await sending
        await b.wait_for(199_999)
        a.signal(signal.SIGCONT)  # it wakes up and reads what its kernel had
        first = numbers(b.lines())[0]
        await a.wait_for(first - 1)
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(200_000, connections, losses=1) == []
        # We cut the connection: what was sent elsewhere did not trickle in later.
        assert numbers(a.lines()) == list(range(first))
        await settled(relay, 200_000)


async def test_listener_that_nobody_accepts_from_is_left_after_delivery_timeout(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    with socket.create_server((A, port), backlog=1) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with (
            Reader(tmp_path, "b", B, port) as b,
            Relay(tmp_path, driver(port, "delivery-timeout(0.5)")) as relay,
        ):
            await flood(relay, 100_000)
            await b.wait_for(99_999)
            first = numbers(b.lines())[0]
            assert broken_laws(100_000, b.connections(), losses=1, excused=first) == []
            await settled(relay, 100_000)


async def test_trickling_server_is_left_and_loses_nothing(tmp_path: Path) -> None:
    port = free_port(A, B)
    a = Reader(tmp_path, "a", A, port, "--rate", "100", "--buffer", "4096")
    b = Reader(tmp_path, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, "delivery-timeout(1)")) as relay:
        await flood(relay, 50_000)
        await b.wait_for(49_999, 40)
        first = numbers(b.lines())[0]
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(50_000, connections, losses=1, excused=first) == []
        await settled(relay, 50_000)


async def test_refusing_server_is_passed_by(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    text = f'network("{A}" port({port}) {BACKOFF} failover(servers("{B}" "{C}")))'
    async with Reader(tmp_path, "c", C, port) as c, Relay(tmp_path, text) as relay:
        await flood(relay, 10_000)
        await c.wait_for(9999)
        assert broken_laws(10_000, c.connections(), losses=0) == []
        await settled(relay, 10_000)
        assert len(relay.said("Connection refused")) == 2


async def test_name_that_disappears_costs_nothing(tmp_path: Path) -> None:
    port = free_port(A, B)
    a, b = Collector(A, port), Collector(B, port)
    async with NameServer() as names, a, b:
        names.zone["logs.example", "A"] = (1, [A])
        text = (
            f'network("dns:logs.example" port({port}) {BACKOFF} '
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


async def test_server_that_closes_each_connection_at_once_is_no_tight_loop(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    accepted = 0

    async def hang_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal accepted
        accepted += 1
        writer.close()

    server = await asyncio.start_server(hang_up, A, port)
    async with server, Reader(tmp_path, "b", B, port) as b:
        options = f'failover(servers("{B}") failback(tcp-probe-interval(0.2)))'
        text = f'network("{A}" port({port}) {BACKOFF} {options})'
        async with Relay(tmp_path, text) as relay:
            for _ in range(20):
                await relay.sender.send(100)
                await asyncio.sleep(0.1)
            await b.wait_for(1999)
            assert accepted < 25  # 2 s of probes every 0.2 s, and what they give back
            await settled(relay, 2000)


# -- black holes ------------------------------------------------------------------


async def test_black_hole_is_left_after_delivery_timeout(
    tmp_path: Path, hole: Hole
) -> None:
    port = free_port(B)
    a = Reader(tmp_path, "a", hole.address, port).inside(
        "ip", "netns", "exec", hole.name
    )
    text = driver(port, "delivery-timeout(1)", primary=hole.address)
    async with a, Reader(tmp_path, "b", B, port) as b, Relay(tmp_path, text) as relay:
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
    port = free_port(B)
    hole.dig()
    text = driver(port, "connect-timeout(0.5)", primary=hole.address)
    async with Reader(tmp_path, "b", B, port) as b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await b.wait_for(999)
        assert relay.said("no connection within 0.5 s")
        assert broken_laws(1000, b.connections(), losses=0) == []
        await settled(relay, 1000)


async def test_idle_black_hole_is_noticed_by_keepalive(
    tmp_path: Path, hole: Hole
) -> None:
    port = free_port(B)
    a = Reader(tmp_path, "a", hole.address, port).inside(
        "ip", "netns", "exec", hole.name
    )
    text = driver(
        port,
        "tcp-keepalive-time(1) tcp-keepalive-intvl(1) tcp-keepalive-probes(1)",
        primary=hole.address,
    )
    async with a, Collector(B, port) as b, Relay(tmp_path, text):
        await asyncio.sleep(0.2)
        hole.dig()
        await b.wait_for_connections(1)  # although nobody wants to send anything


# -- switches at bad moments --------------------------------------------------------


@pytest.mark.slow
async def test_a_thousand_switches_in_a_row(tmp_path: Path) -> None:
    port = free_port(A, B)
    text = f'network("{A}" port({port}) time-reopen(0.001) failover(servers("{B}")))'
    servers = [Collector(A, port), Collector(B, port)]
    async with servers[0], servers[1], Relay(tmp_path, text) as relay:
        for switch in range(1000):
            server = servers[switch % 2]
            await server.wait_for_connections(switch // 2 + 1)
            await relay.sender.send(10)
            expected = [10 * switch + i for i in range(10)]
            await server.wait_for_lines(10 * (switch // 2 + 1))
            assert numbers(server.lines[-10:]) == expected
            server.reset_connections()
        await servers[0].wait_for_connections(501)
        connections = [server.lines for server in servers]
        assert broken_laws(10_000, connections, losses=1000) == []
        await settled(relay, 10_000)
        switched = await relay.daemon.ctl("STATS", "PROMETHEUS")
        line = next(
            item for item in switched.split("\n") if "server_switches_total" in item
        )
        assert line.endswith(" 1000")


async def test_switch_during_reload_loses_nothing(tmp_path: Path) -> None:
    port = free_port(A, B)
    a, b = Reader(tmp_path, "a", A, port), Reader(tmp_path, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port)) as relay:
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


async def test_reload_with_another_list_of_servers_loses_nothing(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, c = Reader(tmp_path, "a", A, port), Reader(tmp_path, "c", C, port)
    relay = Relay(tmp_path, driver(port, "persist-name(x)"))
    async with a, c, relay:
        load = Load(relay)
        await a.wait_for_lines(2000)
        text = driver(port, "persist-name(x)", primary=C)
        relay.daemon.config.write_text("@version: 4.27\n" + relay.text(text))
        assert "successful" in await relay.daemon.ctl("RELOAD")
        await c.wait_for_lines(1)
        sent = await load.stop()
        await c.wait_for(sent - 1)
        connections = [*a.connections(), *c.connections()]
        assert broken_laws(sent, connections, losses=1) == []


async def test_switch_during_stop_delivers_to_the_next_server(tmp_path: Path) -> None:
    port = free_port(A, B)
    a, b = Reader(tmp_path, "a", A, port), Reader(tmp_path, "b", B, port)
    relay = Relay(tmp_path, driver(port))
    async with a, b:
        async with relay:
            await flood(relay, 2000)
            await a.wait_for(1999)
            a.signal(signal.SIGSTOP)
            await relay.sender.send(1000)
            async with asyncio.timeout(30):
                while await relay.counter("processed") < 3000:
                    await asyncio.sleep(0.02)
            stopping = asyncio.create_task(relay.daemon.stop())
            await a.kill()
            assert await stopping == 0
        excused = 3000 - len(a.lines()) - len(set(b.lines()))
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(3000, connections, losses=1, excused=excused) == []
        # A frozen kernel acknowledged all of it: excused is what it took with it.
        assert excused in {0, 1000}


async def test_reset_during_stop_still_reaches_the_next_server(tmp_path: Path) -> None:
    """What was under way when both happened at once is delivered, not forgotten."""
    port = free_port(A, B)
    with socket.create_server((A, port)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        text = f'network("{A}" port({port}) time-reopen(0.3) failover(servers("{B}")))'
        relay = Relay(tmp_path, text)
        async with Reader(tmp_path, "b", B, port) as b:
            async with relay:
                victim, _ = await asyncio.to_thread(listener.accept)
                listener.close()
                sending = asyncio.create_task(relay.sender.send(20_000))
                unread = await full_buffer(victim)
                accepted = await relay.counter("processed")
                stopping = asyncio.create_task(relay.daemon.stop())
                await relay.daemon.wait_for("shutting down")
                victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                victim.close()
                assert await stopping == 0
                sending.cancel()
            first = unread // LINE_BYTES
            assert first < accepted
            assert numbers(b.lines()) == list(range(first, accepted))
