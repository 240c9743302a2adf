"""The wall clock leaps, or the process does not run for a while: nothing else happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from helpers.clock import WallClock
from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from helpers.relay import Load, Relay
from helpers.web import Request, Response, WebServer
from logferry.daemon.dead_letters import LETTERS_FILE, SavedLetter, read_letters

pytestmark = [pytest.mark.integration, pytest.mark.slow]

A, B = "127.0.0.1", "127.0.0.2"
DAY_S = 86_400
YEAR_S = 365 * DAY_S
LEAPS = pytest.mark.parametrize(
    "leap_s",
    [DAY_S, -DAY_S, YEAR_S, -YEAR_S],
    ids=["day", "back-day", "year", "back-year"],
)
DRIVER = """network("{a}" port({port}) persist-name("d") throttle(20000)
    delivery-timeout(30) backoff(initial(0.1) max(0.5))
    failover(servers("{b}") remember(yes) failback(tcp-probe-interval(1)
        successful-probes-required(2) hold-time(1))))"""


@LEAPS
async def test_a_leap_of_the_wall_clock_is_no_event_for_failover(
    tmp_path, monkeypatch, leap_s
):
    clock = WallClock(tmp_path, monkeypatch)
    port = free_port(A, B)
    a, b = Collector(A, port), Collector(B, port)
    await a.start()
    async with b, Relay(tmp_path, DRIVER.format(a=A, b=B, port=port)) as relay:
        load = Load(relay)
        await a.wait_for_lines(1000)
        clock.leap(leap_s)
        await a.wait_for_lines(len(a.lines) + 20_000)
        assert not relay.said("switched")
        await a.leave()
        await b.wait_for_lines(1000)
        clock.leap(0)  # while a probe is due
        await relay.daemon.wait_for("Probing")
        clock.leap(leap_s)
        await a.start()
        await relay.daemon.wait_for("Primary server seems to be stable")
        sent = await load.stop()
        await a.wait_for_connections(2)
        while len(a.lines) + len(b.lines) < sent:
            await asyncio.sleep(0.02)
        pools = json.loads(await relay.daemon.ctl("POOL", "--json"))
        shown = [row["since_s"] for row in pools[0]["servers"]]
        assert all(0 <= since_s < 3600 for since_s in shown)
    await a.stop()
    assert sorted(numbers(a.lines + b.lines)) == list(range(sent))


@LEAPS
async def test_what_is_remembered_and_drained_is_so_in_another_year(
    tmp_path, monkeypatch, leap_s
):
    clock = WallClock(tmp_path, monkeypatch)
    port = free_port(A, B)
    text = DRIVER.format(a=A, b=B, port=port)
    async with Collector(A, port) as a, Collector(B, port) as b:
        async with Relay(tmp_path, text) as relay:
            await relay.sender.send(1)
            await a.wait_for_lines(1)
            assert (await relay.daemon.ctl("DRAIN", A)).startswith("OK")
            await relay.sender.send(1)
            await b.wait_for_lines(1)
        clock.leap(leap_s)
        async with Relay(tmp_path, text) as relay:
            await relay.daemon.wait_for("remain drained")
            await relay.sender.send(2)
            await b.wait_for_lines(3)
        assert len(a.lines) == 1


async def test_a_leap_forward_deletes_no_dead_letters(tmp_path, monkeypatch):
    clock = WallClock(tmp_path, monkeypatch)

    def refuse(request: Request) -> Response:
        del request
        return Response(400)

    port = free_port(A)
    async with WebServer(A, refuse) as first, WebServer(A, refuse) as second:
        text = f"""
source s {{ network(ip({A}) port({port})); }};
destination d {{ http(url("{first.url}" "{second.url}") persist-name("p")
    time-reopen(0.2) body("$MSG") on-reject(dead-letter)); }};
log {{ source(s); destination(d); }};
"""

        async def kept(count: int) -> list[SavedLetter]:
            path = tmp_path / "state" / LETTERS_FILE
            async with asyncio.timeout(30):
                while len(letters := list(read_letters(path))) < count:
                    await asyncio.sleep(0.02)
            return letters

        async with Daemon(text, tmp_path) as daemon, Sender(A, port) as sender:
            await sender.send(1)
            await kept(1)
            clock.leap(YEAR_S)
            await sender.send(1)
            old, new = await kept(2)  # saving the second looked for old ones
            assert new.last_ns - old.last_ns > 364 * DAY_S * 10**9
            assert daemon.returncode is None


async def test_a_process_that_was_stopped_goes_on_where_it_was(tmp_path):
    port = free_port(A, B)
    driver = DRIVER.format(a=A, b=B, port=port).replace("timeout(30)", "timeout(1)")
    async with Collector(A, port) as a, Collector(B, port) as b:
        async with Relay(tmp_path, driver) as relay:
            load = Load(relay)
            await a.wait_for_lines(1000)
            for _ in range(3):
                os.kill(relay.daemon.pid, signal.SIGSTOP)
                await asyncio.sleep(1.5)  # longer than delivery-timeout()
                os.kill(relay.daemon.pid, signal.SIGCONT)
                await a.wait_for_lines(len(a.lines) + 1000)
            sent = await load.stop()
            await a.wait_for_lines(sent)
            assert not relay.said("switched")
        assert numbers(a.lines) == list(range(sent))
        assert b.lines == []
