"""Options of failover that go beyond the documents, on the real daemon."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import time
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.name_server import NameServer
from helpers.relay import Relay

pytestmark = pytest.mark.integration

A, B, C, D = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
BACKOFF = "backoff(initial(0.05) max(0.2) jitter(0))"


@contextlib.asynccontextmanager
async def collectors(*addresses: str, port: int):
    """Start collectors on some addresses; the dictionary holds one for each of four."""
    found = {address: Collector(address, port) for address in (A, B, C, D)}
    for address in addresses:
        await found[address].start()
    try:
        yield found
    finally:
        for collector in found.values():
            await collector.stop()


async def test_with_backoff_the_next_server_is_connected_at_once(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    driver = (
        f'network("{A}" port({port}) time-reopen(60) {BACKOFF} '
        f'failover(servers("{B}" "{C}")))'
    )
    async with collectors(A, C, port=port) as servers, Relay(tmp_path, driver) as relay:
        await relay.sender.send(1)
        await servers[A].wait_for_lines(1)
        await asyncio.sleep(1.1)  # a connection that held
        began_at = time.monotonic()
        await servers[A].stop()
        await relay.sender.send(1)
        await servers[C].wait_for_lines(1)
        assert time.monotonic() - began_at < 5  # time-reopen() is 60


async def test_with_backoff_waits_grow_when_the_whole_list_is_down(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    driver = (
        f'network("{A}" port({port}) '
        "backoff(initial(0.1) max(10) multiplier(3) jitter(0)) "
        f'failover(servers("{B}")))'
    )
    async with collectors(port=port) as servers, Relay(tmp_path, driver) as relay:
        await relay.daemon.wait_for("connection failed", count=6)
        events = json.loads(await relay.daemon.ctl("EVENTS", "--json"))
        failed = [
            event["time_ns"] / 1e9
            for event in events
            if event["event"] == "ConnectionFailed"
        ]
        assert failed[1] - failed[0] < 0.1  # B is tried at once
        assert failed[2] - failed[1] >= 0.1
        assert failed[4] - failed[3] >= 0.3
        await servers[B].start()
        await relay.sender.send(2)
        await servers[B].wait_for_lines(2)


async def test_a_server_may_have_a_port_of_its_own(tmp_path: Path) -> None:
    port, other_port = free_port(A, B), free_port(A, B)
    driver = f'network("{A}" port({port}) failover(server("{B}" port({other_port}))))'
    async with (
        Collector(B, other_port) as other,
        Relay(tmp_path, driver) as relay,
    ):
        await relay.sender.send(3)
        await other.wait_for_lines(3)


async def test_a_server_may_have_tls_while_the_primary_has_none(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port, tls_port = free_port(A, B), free_port(A, B)
    driver = (
        f'network("{A}" port({port}) failover('
        f'server("{B}" port({tls_port}) transport(tls) {certificates.client()})))'
    )
    async with (
        Collector(B, tls_port, certificates.context(B)) as other,
        Relay(tmp_path, driver) as relay,
    ):
        await relay.sender.send(3)
        await other.wait_for_lines(3)
        assert other.client_certificates[0]


async def test_two_ports_of_one_host_are_two_servers(tmp_path: Path) -> None:
    port, other_port = free_port(A), free_port(A)
    driver = f'network("{A}" port({port}) failover(server("{A}" port({other_port}))))'
    async with (
        Collector(A, other_port) as other,
        Relay(tmp_path, driver) as relay,
    ):
        await relay.sender.send(3)
        await other.wait_for_lines(3)
        pool = json.loads(await relay.daemon.ctl("POOL", "--json"))[0]
        names = [server["name"] for server in pool["servers"]]
        assert names == [f"{A}:{port}", f"{A}:{other_port}"]


async def test_the_second_tier_is_used_only_when_the_first_is_gone(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    driver = (
        f'network("{A}" port({port}) {BACKOFF} failover('
        f'server("{B}" tier(2)) server("{C}") '
        "failback(tcp-probe-interval(0.1) successful-probes-required(2) to(best))))"
    )
    async with (
        collectors(A, B, C, port=port) as servers,
        Relay(tmp_path, driver) as relay,
    ):
        await servers[A].wait_for_connections(1)
        await servers[A].stop()
        await servers[C].wait_for_connections(1)
        assert servers[B].connections == 0
        await servers[C].stop()
        await servers[B].wait_for_connections(1)
        await servers[C].start()
        await relay.daemon.wait_for(
            "reconnecting to primary server; server='127.0.0.3'"
        )
        await relay.sender.send(2)
        await servers[C].wait_for_lines(2)


async def test_strategy_ordered_begins_at_the_top_of_the_list(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    driver = (
        f'network("{A}" port({port}) {BACKOFF} '
        f'failover(servers("{B}" "{C}") strategy(ordered)))'
    )
    async with (
        collectors(A, B, C, port=port) as servers,
        Relay(tmp_path, driver) as relay,
    ):
        await servers[A].wait_for_connections(1)
        await servers[A].stop()
        await servers[B].wait_for_connections(1)
        await servers[A].start()
        await asyncio.sleep(1.1)  # a connection that held begins the list anew
        await servers[B].stop()
        await relay.sender.send(1)
        await servers[A].wait_for_lines(1)
        assert servers[C].connections == 0


async def test_strategy_weighted_follows_the_weights(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    driver = (
        f'network("{A}" port({port}) time-reopen(0.01) failover('
        f'server("{B}" weight(1000000)) strategy(weighted)))'
    )
    async with collectors(A, B, port=port) as servers, Relay(tmp_path, driver) as relay:
        await relay.sender.send(1)
        await servers[B].wait_for_lines(1)  # one in a million that it is A


async def test_a_bare_probe_sees_only_tcp_and_the_last_one_the_certificate(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    primary = Collector(A, port, certificates.context(A))
    expired = Collector(A, port, certificates.context(A, not_after=past))
    failover = Collector(B, port, certificates.context(B))
    driver = (
        f'network("{A}" port({port}) transport(tls) {certificates.client()} '
        f'failover(servers("{B}") failback('
        "tcp-probe-interval(0.1) successful-probes-required(3) probe(tcp))))"
    )
    async with primary, failover, Relay(tmp_path, driver) as relay:
        await primary.wait_for_connections(1)
        await primary.stop()
        await failover.wait_for_connections(1)
        async with expired:
            await relay.daemon.wait_for("successful-probes-received='2'")
            await relay.daemon.wait_for("certificate has expired")
            assert "received='3'" not in "".join(relay.daemon.events)
            assert expired.connections == 0  # none got through a handshake
        await primary.start()
        await relay.daemon.wait_for("Primary server seems to be stable")
        await relay.sender.send(2)
        await primary.wait_for_lines(2)


async def test_by_default_every_probe_of_a_tls_server_is_a_handshake(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    primary = Collector(A, port, certificates.context(A))
    expired = Collector(A, port, certificates.context(A, not_after=past))
    failover = Collector(B, port, certificates.context(B))
    driver = (
        f'network("{A}" port({port}) transport(tls) {certificates.client()} '
        f'failover(servers("{B}") failback('
        "tcp-probe-interval(0.1) successful-probes-required(3))))"
    )
    async with primary, failover, Relay(tmp_path, driver) as relay:
        await primary.wait_for_connections(1)
        await primary.stop()
        await failover.wait_for_connections(1)
        async with expired:
            await relay.daemon.wait_for("certificate has expired", count=3)
        assert "Probing primary server successful" not in "".join(relay.daemon.events)


async def test_hold_time_passes_before_the_return(tmp_path: Path) -> None:
    port = free_port(A, B)
    driver = (
        f'network("{A}" port({port}) {BACKOFF} failover(servers("{B}") failback('
        "tcp-probe-interval(0.1) successful-probes-required(1) hold-time(1.5))))"
    )
    async with collectors(A, B, port=port) as servers, Relay(tmp_path, driver) as relay:
        await servers[A].wait_for_connections(1)
        await servers[A].stop()
        await servers[B].wait_for_connections(1)
        await servers[A].start()
        began_at = time.monotonic()
        await relay.daemon.wait_for("Primary server seems to be stable")
        assert time.monotonic() - began_at >= 1.4


@pytest.mark.parametrize(("remember", "expected"), [("yes", B), ("no", A)])
async def test_remember_begins_with_the_server_of_before_the_restart(
    remember: str, expected: str, tmp_path: Path
) -> None:
    port = free_port(A, B)
    driver = (
        f'network("{A}" port({port}) failover(servers("{B}") remember({remember})))'
    )
    async with collectors(B, port=port) as servers:
        relay = Relay(tmp_path, driver)
        async with relay:
            await servers[B].wait_for_connections(1)
        await servers[A].start()
        async with relay:
            await relay.sender.send(2)
            await servers[expected].wait_for_lines(2)


# -- names that stand for several servers ---------------------------------------


async def test_every_address_of_a_name_is_a_server(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    async with NameServer() as names, collectors(A, B, C, port=port) as servers:
        names.zone["logs.example", "A"] = (60, [C, B])
        driver = (
            f'network("dns:logs.example" port({port}) '
            f'failover(servers("{A}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, driver) as relay:
            await servers[B].wait_for_connections(1)
            await servers[B].stop()
            await servers[C].wait_for_connections(1)
            await servers[C].stop()
            await relay.sender.send(2)
            await servers[A].wait_for_lines(2)


async def test_a_service_record_tells_hosts_ports_and_their_order(
    tmp_path: Path,
) -> None:
    port, other_port = free_port(A, B, C), free_port(A, B, C)
    async with (
        NameServer() as names,
        collectors(A, B, port=port) as servers,
        Collector(C, other_port) as best,
    ):
        names.zone["_syslog._tcp.example", "SRV"] = (
            60,
            [f"20 1 {port} b.example.", f"10 1 {other_port} c.example."],
        )
        names.zone["b.example", "A"] = (60, [B])
        names.zone["c.example", "A"] = (60, [C])
        driver = (
            'network("srv:_syslog._tcp.example" failover('
            f'servers("{A}") strategy(ordered) name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, driver) as relay:
            await relay.sender.send(2)
            await best.wait_for_lines(2)
            await best.stop()
            await servers[B].wait_for_connections(1)
            pool = json.loads(await relay.daemon.ctl("POOL", "--json"))[0]
            shown = [server["name"] for server in pool["servers"]]
            # "127.0.0.1" stands in the list after the service, but has priority 0.
            assert set(shown) == {
                f"c.example:{other_port}@{C}",
                f"b.example:{port}@{B}",
                A,
            }


async def test_members_follow_the_name_when_its_time_to_live_is_over(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    async with NameServer() as names, collectors(A, B, port=port) as servers:
        names.zone["logs.example", "A"] = (1, [A])
        driver = (
            f'network("dns:logs.example" port({port}) '
            f'failover(servers("{C}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, driver) as relay:
            await relay.sender.send(10)
            await servers[A].wait_for_lines(10)
            names.zone["logs.example", "A"] = (1, [B])
            await relay.daemon.wait_for("Current server is taken out of use")
            await relay.sender.send(10)
            await servers[B].wait_for_lines(10)
            assert numbers(servers[A].lines) == list(range(10))
            assert numbers(servers[B].lines) == list(range(10, 20))


async def test_a_name_that_disappears_keeps_its_last_servers(tmp_path: Path) -> None:
    port = free_port(A, B)
    async with NameServer() as names, collectors(A, B, port=port) as servers:
        names.zone["logs.example", "A"] = (1, [A])
        driver = (
            f'network("dns:logs.example" port({port}) '
            f'failover(servers("{B}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, driver) as relay:
            await servers[A].wait_for_connections(1)
            names.zone.clear()
            await relay.daemon.wait_for("keeping those known")
            await relay.sender.send(5)
            await servers[A].wait_for_lines(5)
            await servers[A].stop()
            await relay.sender.send(5)
            await servers[B].wait_for_lines(5)


async def test_a_name_server_that_is_silent_at_start_is_not_fatal(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    async with NameServer() as names, collectors(A, B, port=port) as servers:
        names.is_silent = True
        driver = (
            f'network("dns:logs.example" port({port}) '
            f'failover(servers("{B}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, driver) as relay:
            await relay.sender.send(3)
            await relay.daemon.wait_for("it was not looked up yet")
            await servers[B].wait_for_lines(3)
            names.is_silent = False
            names.zone["logs.example", "A"] = (60, [A])
            await relay.daemon.wait_for("Servers of a name have changed", 15)
            await servers[B].stop()
            await relay.sender.send(3)
            await servers[A].wait_for_lines(3)
