"""``network-load-balancer()`` on the real daemon: spread by load, stuck behind nobody."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import broken_laws, false_counters
from helpers.name_server import NameServer
from helpers.reader import Reader
from helpers.relay import Load, Relay

pytestmark = pytest.mark.integration

A, B, C, D = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"


def driver(port: int, options: str = "") -> str:
    return (
        f'network-load-balancer(targets("{A}" "{B}" "{C}") port({port}) '
        f"time-reopen(0.1) {options})"
    )


async def all_connected(relay: Relay, count: int) -> None:
    await relay.daemon.wait_for("Syslog connection established", count=count)


async def test_every_target_gets_a_share_and_nothing_comes_twice(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    servers = [Collector(address, port) for address in (A, B, C)]
    async with (
        servers[0],
        servers[1],
        servers[2],
        Relay(tmp_path, driver(port)) as relay,
    ):
        await all_connected(relay, 3)
        for _ in range(60):
            await relay.sender.send(100)
            await asyncio.sleep(0.01)
        async with asyncio.timeout(30):
            while sum(len(server.lines) for server in servers) < 6000:
                await asyncio.sleep(0.05)
        found = [number for server in servers for number in numbers(server.lines)]
        assert sorted(found) == list(range(6000))
        assert min(len(server.lines) for server in servers) >= 600
        assert broken_laws(6000, [server.lines for server in servers], losses=0) == []
        assert await false_counters(relay, 6000) == []


@pytest.mark.parametrize(
    "queue", ["", "disk-buffer(reliable(yes) capacity-bytes(64M))"]
)
async def test_what_a_killed_target_had_goes_to_the_others(
    queue: str, tmp_path: Path
) -> None:
    port = free_port(A, B, C)
    a, b, c = (
        Reader(tmp_path, name, address, port)
        for name, address in (("a", A), ("b", B), ("c", C))
    )
    async with a, b, c, Relay(tmp_path, driver(port, queue)) as relay:
        await all_connected(relay, 3)
        load = Load(relay)
        await b.wait_for_lines(2000)
        await b.kill()
        await relay.daemon.wait_for("connection failed")
        sent = await load.stop()
        async with asyncio.timeout(30):
            while await relay.counter("queued"):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        connections = [*a.connections(), *b.connections(), *c.connections()]
        # Only the dead target's kernel can have swallowed something.
        taken = {n for lines in connections for n in numbers(lines)}
        gap = [number for number in range(sent) if number not in taken]
        assert broken_laws(sent, connections, losses=1, excused=len(gap)) == []
        assert not gap or gap[-1] - gap[0] < sent // 2
        assert await false_counters(relay, sent) == []


async def test_a_frozen_target_holds_nobody_up(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    a, b, c = (
        Reader(tmp_path, name, address, port)
        for name, address in (("a", A), ("b", B), ("c", C))
    )
    text = driver(port, "delivery-timeout(0.5)")
    async with a, b, c, Relay(tmp_path, text) as relay:
        await all_connected(relay, 3)
        b.signal(signal.SIGSTOP)
        for _ in range(100):
            await relay.sender.send(1000)
        async with asyncio.timeout(30):
            while await relay.counter("queued"):
                await asyncio.sleep(0.05)
        b.signal(signal.SIGCONT)
        async with asyncio.timeout(30):
            while len(a.lines()) + len(b.lines()) + len(c.lines()) < 100_000:
                await asyncio.sleep(0.1)
        connections = [*a.connections(), *b.connections(), *c.connections()]
        assert broken_laws(100_000, connections, losses=2) == []
        assert await false_counters(relay, 100_000) == []


async def test_a_target_that_is_dead_at_start_costs_nothing(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    a, c = Collector(A, port), Collector(C, port)
    async with a, c, Relay(tmp_path, driver(port)) as relay:
        await all_connected(relay, 2)
        await relay.sender.send(1000)
        async with asyncio.timeout(30):
            while len(a.lines) + len(c.lines) < 1000:
                await asyncio.sleep(0.02)
        async with Collector(B, port) as b:
            await b.wait_for_connections(1)
            for _ in range(30):
                await relay.sender.send(10)
                await asyncio.sleep(0.01)
            await b.wait_for_lines(10)


async def test_spares_are_used_only_while_no_target_is_connected(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C, D)
    text = driver(port, f'failover(servers("{D}"))')
    a, spare = Collector(A, port), Collector(D, port)
    async with a, spare, Relay(tmp_path, text) as relay:
        await all_connected(relay, 2)
        await relay.sender.send(100)
        await a.wait_for_lines(100)
        await a.stop()
        await relay.daemon.wait_for("Syslog connection closed; fd")
        await relay.sender.send(100)
        await spare.wait_for_lines(100)
        await a.start()
        await all_connected(relay, 3)
        await relay.sender.send(100)
        await a.wait_for_lines(200)
        assert numbers(spare.lines) == list(range(100, 200))


async def test_a_drained_target_gets_nothing_until_it_is_undrained(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b = Collector(A, port), Collector(B, port)
    async with a, b, Relay(tmp_path, driver(port)) as relay:
        await all_connected(relay, 2)
        assert (await relay.daemon.ctl("DRAIN", A)).startswith("OK")
        for _ in range(10):
            await relay.sender.send(100)
            await asyncio.sleep(0.01)
        await b.wait_for_lines(1000)
        assert a.lines == []
        async with asyncio.timeout(30):
            while True:
                answer = await relay.daemon.ctl("POOL", "--json")
                row = json.loads(answer)[0]["servers"][0]
                if row["state"] == "unused":  # it is hung up when all is settled
                    break
        assert row["is_drained"]
        assert not row["is_current"]
        assert (await relay.daemon.ctl("UNDRAIN", A)).startswith("OK")
        await a.wait_for_connections(2)
        for _ in range(10):
            await relay.sender.send(100)
            await asyncio.sleep(0.01)
        await a.wait_for_lines(100)


async def test_with_all_targets_away_messages_wait_in_the_one_queue(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    async with Relay(tmp_path, driver(port)) as relay:
        await relay.sender.send(100)
        await relay.daemon.wait_for("connection failed", count=3)
        async with Collector(C, port) as c:
            await c.wait_for_lines(100)
            assert numbers(c.lines) == list(range(100))


async def spread_until(relay: Relay, is_done: Callable[[], bool]) -> None:
    """Send a little at a time until the servers have what is wanted."""
    async with asyncio.timeout(30):
        while not is_done():
            await relay.sender.send(10)
            await asyncio.sleep(0.01)


async def all_delivered(relay: Relay) -> None:
    async with asyncio.timeout(30):
        while await relay.counter("queued"):
            await asyncio.sleep(0.02)


async def test_addresses_of_a_name_are_targets_that_come_and_go(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b, c = (Collector(address, port) for address in (A, B, C))
    async with NameServer() as names, a, b, c:
        names.zone["logs.example", "A"] = (1, [A, B])
        text = (
            f'network-load-balancer(targets("dns:logs.example") port({port}) '
            f'time-reopen(0.1) failover(name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, text) as relay:
            await all_connected(relay, 2)
            await spread_until(relay, lambda: bool(a.lines and b.lines))
            names.zone["logs.example", "A"] = (1, [B, C])
            left = await relay.daemon.wait_for("Destination switched", timeout_s=15)
            assert f"from='logs.example@{A}'" in left
            assert "reason='no member any more'" in left
            await spread_until(relay, lambda: bool(c.lines))
            await all_delivered(relay)
            count = len(a.lines)
            await spread_until(relay, lambda: len(c.lines) > 50)
            assert len(a.lines) == count
            answer = await relay.daemon.ctl("POOL", "--json")
            rows = json.loads(answer)[0]["servers"]
            assert [row["name"] for row in rows] == [
                f"logs.example@{B}",
                f"logs.example@{C}",
            ]
            series = await relay.daemon.ctl("STATS", "PROMETHEUS")
            up = [line for line in series.split("\n") if "_output_server_up{" in line]
            assert not [line for line in up if A in line]
            await all_delivered(relay)
            await asyncio.sleep(0.1)
            connections = [a.lines, b.lines, c.lines]
            assert broken_laws(relay.sender.sent, connections, losses=0) == []
            assert await false_counters(relay, relay.sender.sent) == []


async def test_services_bring_their_ports_weights_and_priorities(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b, c = Collector(A, port), Collector(B, port), Collector(C, port)
    async with NameServer() as names, a, b, c:
        names.zone["_syslog._tcp.example", "SRV"] = (
            1,
            [
                f"10 1 {port} a.example.",
                f"10 3 {port} b.example.",
                f"20 1 {port} c.example.",
            ],
        )
        for name, address in (("a", A), ("b", B), ("c", C)):
            names.zone[f"{name}.example", "A"] = (60, [address])
        text = (
            'network-load-balancer(targets("srv:_syslog._tcp.example") '
            f'time-reopen(0.1) failover(name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, text) as relay:
            await all_connected(relay, 3)
            for _ in range(200):
                await relay.sender.send(10)
                await asyncio.sleep(0.005)
            await all_delivered(relay)
            assert c.lines == []  # of a higher priority number: for bad times
            assert len(b.lines) > 1.5 * len(a.lines) > 0
            await a.stop()
            await b.stop()
            await relay.sender.send(10)
            await c.wait_for_lines(10)


async def test_a_lost_target_is_one_switch_event_with_reason_gap_and_resent(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    servers = [Collector(address, port) for address in (A, B, C)]
    async with (
        servers[0],
        servers[1],
        servers[2],
        Relay(tmp_path, driver(port)) as relay,
    ):
        await all_connected(relay, 3)
        await servers[1].stop()
        event = await relay.daemon.wait_for("Destination switched to another server")
        assert f"from='{B}', to='{A}, {C}', reason='EOF occurred'" in event
        assert "resent='0'" in event
        gap_ms = float(event.partition("gap_ms='")[2].partition("'")[0])
        assert gap_ms < 100
        await relay.daemon.ctl("DRAIN", A)
        event = await relay.daemon.wait_for("reason='drained'")
        assert f"from='{A}', to='{C}'" in event
        assert len(relay.said("Destination switched")) == 2
        series = await relay.daemon.ctl("STATS", "PROMETHEUS")
        line = next(
            item for item in series.split("\n") if "server_switches_total" in item
        )
        assert line.endswith(" 2")


async def test_what_is_drained_stays_so_over_a_restart(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    a, b = Collector(A, port), Collector(B, port)
    relay = Relay(tmp_path, driver(port))
    async with a, b:
        async with relay:
            await all_connected(relay, 2)
            assert (await relay.daemon.ctl("DRAIN", A)).startswith("OK")
        async with relay:
            remembered = await relay.daemon.wait_for("remain drained")
            assert f"servers='{A}'" in remembered
            await all_connected(relay, 1)
            relay.sender.sent = 0
            await relay.sender.send(100)
            await b.wait_for_lines(100)
            assert a.connections == 1
            assert (await relay.daemon.ctl("UNDRAIN", A)).startswith("OK")
            await a.wait_for_connections(2)
        async with relay:
            await a.wait_for_connections(3)
            assert not relay.said("remain drained")
