"""``logferry ctl pool``, ``drain`` and ``undrain`` on the real daemon."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from helpers.collector import Collector, numbers
from helpers.daemon import Daemon, free_port
from helpers.laws import broken_laws, false_counters
from helpers.name_server import NameServer
from helpers.relay import Relay

pytestmark = pytest.mark.integration

A, B, C = "127.0.0.1", "127.0.0.2", "127.0.0.3"


def driver(port: int, options: str = "") -> str:
    return (
        f'network("{A}" port({port}) persist-name(d) '
        f'failover(servers("{B}" "{C}") {options}))'
    )


async def pool(relay: Relay) -> dict:
    return json.loads(await relay.daemon.ctl("POOL", "--json"))[0]


async def test_pool_tells_who_is_used_since_when_why_and_the_next_probe(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    text = driver(port, "failback(tcp-probe-interval(30))")
    a, b = Collector(A, port), Collector(B, port)
    async with a, b, Relay(tmp_path, text) as relay:
        await relay.daemon.wait_for("Syslog connection established")
        before = await pool(relay)
        assert (before["state"], before["reason"]) == ("up", "as configured")
        assert [row["state"] for row in before["servers"]] == ["up", "unused", "unused"]
        await a.stop()
        await relay.daemon.wait_for("Syslog connection established", count=2)
        await relay.daemon.wait_for("Connection towards primary server failed")
        after = await pool(relay)
        first, second, _ = after["servers"]
        assert (first["state"], first["is_current"]) == ("failed", False)
        assert first["why"] == "Connection refused (111)"  # the probe's own
        assert 0 <= first["since_s"] < 10
        assert 20 < first["probe_due_s"] <= 30
        assert (second["state"], second["is_current"]) == ("up", True)
        assert after["reason"] == "EOF occurred"
        table = (await relay.daemon.ctl("POOL")).split("\n")
        assert table[0] == "d#0: up; 0 queued, nothing delivered yet"
        assert f"ago from {A} to {B}: EOF occurred" in table[1]
        assert "0 of 3 good probes, next probe in" in table[3]
        assert table[4].startswith(f"  * {B}")
        switch = after["last_switch"]
        assert (switch["from"], switch["to"]) == (A, B)
        assert (switch["reason"], switch["resent"]) == ("EOF occurred", 0)
        assert switch["gap_s"] >= 0.2


async def test_every_switch_is_one_event_with_reason_gap_and_what_was_resent(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    text = driver(
        port, "failback(tcp-probe-interval(0.1) successful-probes-required(1))"
    )
    a, b = Collector(A, port), Collector(B, port)
    async with a, b, Relay(tmp_path, text) as relay:
        await a.wait_for_connections(1)
        await a.stop()
        await relay.daemon.wait_for("Destination switched to another server")
        await a.start()
        await relay.daemon.wait_for("Destination switched to another server", count=2)
        there, back = relay.said("Destination switched")
        assert f"from='{A}', to='{B}', reason='EOF occurred'" in there
        assert f"from='{B}', to='{A}', reason='failback'" in back
        for event in (there, back):
            assert "gap_ms='" in event
            assert "resent='0'" in event
        gap_ms = float(there.partition("gap_ms='")[2].partition("'")[0])
        assert 200 <= gap_ms < 2000  # time-reopen() is 0.2 s here


async def test_drain_moves_away_and_undrain_back_under_load_without_loss(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b = Collector(A, port), Collector(B, port)
    async with a, b, Relay(tmp_path, driver(port)) as relay:
        sending = asyncio.create_task(relay.sender.send(100_000))
        await a.wait_for_lines(10_000)
        answer = await relay.daemon.ctl("DRAIN", A)
        assert answer.startswith(f"OK deliveries away from {A}: d#0 (")
        await b.wait_for_lines(10_000)
        assert (await pool(relay))["servers"][0]["is_drained"]
        await relay.daemon.ctl("UNDRAIN", A)
        await a.wait_for_connections(2)
        await sending
        await relay.sender.send(1000)
        async with asyncio.timeout(30):
            while len(a.lines) + len(b.lines) < 101_000:
                await asyncio.sleep(0.05)
        # Drained connections end in peace: nothing is missing, nothing came twice.
        assert sorted(numbers(a.lines + b.lines)) == list(range(101_000))
        assert broken_laws(101_000, [b.lines], losses=0, excused=101_000) == []
        assert await false_counters(relay, 101_000) == []


async def test_drained_servers_are_not_used_when_the_current_one_fails(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b, c = (Collector(address, port) for address in (A, B, C))
    async with a, b, c, Relay(tmp_path, driver(port)) as relay:
        await a.wait_for_connections(1)
        await relay.daemon.ctl("DRAIN", B)
        await a.stop()
        await relay.sender.send(2)
        await c.wait_for_lines(2)
        assert b.connections == 0


async def test_the_last_server_cannot_be_drained(tmp_path: Path) -> None:
    port = free_port(A, B, C)
    async with Collector(A, port), Relay(tmp_path, driver(port)) as relay:
        for address in (A, B):
            assert (await relay.daemon.ctl("DRAIN", address)).startswith("OK")
        answer = await relay.daemon.ctl("DRAIN", C)
        assert answer.strip() == "FAIL d#0: the last server cannot be drained"
        answer = await relay.daemon.ctl("DRAIN", "192.0.2.1")
        assert answer.startswith("FAIL no destination has a server")


async def test_what_is_drained_stays_so_over_a_reload_with_other_options(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b, c = (Collector(address, port) for address in (A, B, C))
    async with a, b, c, Relay(tmp_path, driver(port)) as relay:
        await a.wait_for_connections(1)
        await relay.daemon.ctl("DRAIN", A)
        await b.wait_for_connections(1)
        text = relay.text(driver(port, "strategy(ordered)"))
        relay.daemon.config.write_text("@version: 4.27\n" + text)
        assert "successful" in await relay.daemon.ctl("RELOAD")
        await relay.sender.send(2)
        await b.wait_for_lines(2)
        assert a.connections == 1
        assert [row["is_drained"] for row in (await pool(relay))["servers"]] == [
            True,
            False,
            False,
        ]


async def test_what_is_drained_stays_so_over_a_restart_until_undrained(
    tmp_path: Path,
) -> None:
    port = free_port(A, B, C)
    a, b = Collector(A, port), Collector(B, port)
    relay = Relay(tmp_path, driver(port))
    async with a, b:
        async with relay:
            await a.wait_for_connections(1)
            await relay.daemon.ctl("DRAIN", A)
            await b.wait_for_connections(1)
        async with relay:
            remembered = await relay.daemon.wait_for("remain drained")
            assert f"servers='{A}'" in remembered
            await b.wait_for_connections(2)
            assert (a.connections, b.connections) == (1, 2)
            assert (await pool(relay))["servers"][0]["is_drained"]
            assert (await relay.daemon.ctl("UNDRAIN", A)).startswith("OK")
        async with relay:
            await a.wait_for_connections(2)
            assert not relay.said("remain drained")


async def test_an_address_that_a_name_loses_comes_back_as_drained_as_it_went(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    a, b = Collector(A, port), Collector(B, port)
    async with NameServer() as names, a, b:
        names.zone["logs.example", "A"] = (1, [A, B])
        text = (
            f'network("dns:logs.example" port({port}) time-reopen(0.1) '
            f'failover(servers("{C}") name-servers("{names.address}")))'
        )
        async with Relay(tmp_path, text) as relay:
            await a.wait_for_connections(1)
            await relay.daemon.ctl("DRAIN", f"logs.example@{A}")
            await b.wait_for_connections(1)
            names.zone["logs.example", "A"] = (1, [B])
            await relay.daemon.wait_for("Servers of a name have changed", count=2)
            names.zone["logs.example", "A"] = (1, [A, B])
            await relay.daemon.wait_for("Servers of a name have changed", count=3)
            rows = (await pool(relay))["servers"]
            assert [row["is_drained"] for row in rows] == [True, False, False]
            await relay.sender.send(5)
            await b.wait_for_lines(5)
            assert a.connections == 1


async def test_a_server_is_not_drained_when_no_other_works_unless_forced(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    text = (
        f'network("{A}" port({port}) time-reopen(0.1) failover(servers("{B}") '
        "failback(tcp-probe-interval(1) successful-probes-required(1))))"
    )
    async with Collector(A, port) as primary, Relay(tmp_path, text) as relay:
        await relay.sender.send(1)
        await primary.wait_for_lines(1)
        await relay.daemon.ctl("DRAIN", A)  # nobody knows yet that B is dead
        await relay.daemon.wait_for("connection failed")
        answer = await relay.daemon.ctl("UNDRAIN", A)
        assert answer.startswith(f"OK deliveries allowed on {A}: d#0 (")
        await relay.sender.send(1)
        await primary.wait_for_lines(2)
        answer = await relay.daemon.ctl("DRAIN", A)
        assert answer.startswith("FAIL d#0: no other server works at present")
        assert f"{B}: Connection refused (111)" in answer
        assert not (await pool(relay))["servers"][0]["is_drained"]
        answer = await relay.daemon.ctl("DRAIN", A, "--force")
        assert answer.startswith(f"OK deliveries away from {A}: d#0 (")
        await relay.sender.send(1)  # waits, and is lost nowhere
        async with Collector(B, port) as backup:
            await backup.wait_for_lines(1)
            answer = await relay.daemon.ctl("UNDRAIN", A)
            assert "is returned to after 1 good probe)" in answer
            await relay.sender.send(1)
            await relay.daemon.wait_for("Primary server seems to be stable", count=2)


async def test_a_server_that_is_somebody_s_last_is_drained_nowhere(
    tmp_path: Path,
) -> None:
    port = free_port(A, B)
    source = free_port(A)
    text = f"""
source s {{ network(ip({A}) port({source})); }};
destination d {{ network("{A}" port({port}) failover(servers("{B}"))); }};
destination q {{ network("{A}" port({port}) persist-name("q")); }};
log {{ source(s); destination(d); destination(q); }};
"""
    async with Collector(A, port), Daemon(text, tmp_path) as daemon:
        answer = await daemon.ctl("DRAIN", A)
        assert answer.startswith("FAIL q#0: the last server cannot be drained; nothing")
        for pool_ in json.loads(await daemon.ctl("POOL", "--json")):
            assert not any(row["is_drained"] for row in pool_["servers"])
        assert (await daemon.ctl("DRAIN", A, "d#0", "--force")).startswith("OK")
        answer = await daemon.ctl("DRAIN", B, "d#0", "--force")
        assert answer == "FAIL d#0: the last server cannot be drained\n"
