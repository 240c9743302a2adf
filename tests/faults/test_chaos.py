"""
Three servers, a load, and a list of mishaps drawn from a seed; the laws hold.

The mishaps are such that nothing is excused: servers close their sending side and read
on, refuse, freeze and wake up; the operator drains, undrains and reloads meanwhile. So
whatever a server's kernel acknowledged is read in the end, and a missing message is our
own fault.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from helpers.certificates import Certificates
from helpers.collector import numbers
from helpers.daemon import free_port
from helpers.laws import broken_laws, false_counters
from helpers.patient import PatientServer
from helpers.relay import Load, Relay

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
STEPS = 30

SINGLE = (
    'network("127.0.0.1" port({port}) {tls} {common} '
    'failover(servers("127.0.0.2" "127.0.0.3") {failback}))'
)
GROUP = (
    'network-load-balancer(targets("127.0.0.1" "127.0.0.2" "127.0.0.3") '
    "port({port}) {tls} {common})"
)
COMMON = (
    "backoff(initial(0.02) max(0.2) jitter(0.5)) connect-timeout(0.5) "
    "delivery-timeout(0.4)"
)
FAILBACK = (
    "failback(tcp-probe-interval(0.05) successful-probes-required(2) to(best) "
    "hold-time(0.1) jitter(0.5))"
)


async def mishap(chance: Random, relay: Relay, servers: list[PatientServer]) -> None:
    """Let something go wrong, or right again."""
    server = chance.choice(servers)
    match chance.randrange(9):
        case 0 | 1:
            server.half_close()
        case 2:
            server.refuse()
        case 3:
            server.freeze()
        case 4:
            server.wake()
        case 5:
            server.listen()
        case 6:
            await relay.daemon.ctl("DRAIN", server.address, "--force")
        case 7:
            await relay.daemon.ctl("UNDRAIN", server.address)
        case 8:
            assert "successful" in await relay.daemon.ctl("RELOAD")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("driver", [SINGLE, GROUP], ids=["failover", "balancer"])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_nothing_is_lost_whatever_happens(
    transport: str, driver: str, seed: int, tmp_path: Path
) -> None:
    chance = Random(seed)
    port = free_port(*ADDRESSES)
    tls, contexts = "", dict.fromkeys(ADDRESSES)
    if transport == "tls":
        certificates = Certificates(tmp_path)
        tls = f"transport(tls) {certificates.client()}"
        contexts = {address: certificates.context(address) for address in ADDRESSES}
    servers = [PatientServer(item, port, contexts[item]) for item in ADDRESSES]
    text = driver.format(port=port, tls=tls, common=COMMON, failback=FAILBACK)
    for server in servers:
        server.listen()
    async with Relay(tmp_path, text) as relay:
        load = Load(relay)
        for _ in range(STEPS):
            await mishap(chance, relay, servers)
            await asyncio.sleep(chance.random() * 0.2)
        for server in servers:
            server.listen()
            server.wake()
            await relay.daemon.ctl("UNDRAIN", server.address)
        sent = await load.stop()
        async with asyncio.timeout(30):
            while await relay.counter("queued"):
                await asyncio.sleep(0.05)
        sessions = await arrived(servers, sent)
        losses = len(relay.said("unacked='"))
        assert broken_laws(sent, sessions, losses=losses) == []
        assert await false_counters(relay, sent) == []
    for server in servers:
        server.close()


async def arrived(servers: list[PatientServer], sent: int) -> list[list[bytes]]:
    """Return all connections' lines when everything is there, or nothing moves."""
    before = -1
    while True:
        sessions = [lines for server in servers for lines in server.sessions()]
        count = sum(map(len, sessions))
        found = {number for lines in sessions for number in numbers(lines)}
        if len(found) >= sent or count == before:
            return sessions
        before = count
        await asyncio.sleep(1.5)
