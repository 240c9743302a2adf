"""A stop ends in time, whatever its peers do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time

import pytest

from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GRACE_S = 4
MARGIN_S = 2.5  # saving, and a busy machine; less than another grace

CONFIG = """
options {{ use-dns(no); shutdown-grace({grace}); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(100000)); }};
destination d {{ {destination} }};
log {{ source(s); destination(d); }};
"""
DRIVERS = {
    "network": 'network("127.0.0.1" port({port}) log-fifo-size(1000000));',
    "balanced": 'network-load-balancer(targets("127.0.0.1") port({port})'
    " log-fifo-size(1000000));",
    "http": 'http(url("http://127.0.0.1:{port}/") timeout(60) batch-lines(100)'
    " log-fifo-size(1000000));",
}


@pytest.mark.parametrize("kind", DRIVERS)
async def test_a_peer_that_does_not_read_gets_the_grace_once(tmp_path, kind) -> None:
    peer, entry = free_port("127.0.0.1"), free_port("127.0.0.1")
    driver = DRIVERS[kind].format(port=peer)
    text = CONFIG.format(grace=GRACE_S, input=entry, destination=driver)
    async with Collector("127.0.0.1", peer) as collector:
        collector.reads = False
        daemon = Daemon(text, tmp_path)
        await daemon.start()
        async with Sender("127.0.0.1", entry) as sender:
            await sender.send(600_000)
            async with asyncio.timeout(30):
                while not collector.connections:
                    await asyncio.sleep(0.02)
        started = time.monotonic()
        await daemon.stop()
        took_s = time.monotonic() - started
    assert daemon.returncode == 0
    assert GRACE_S - 0.5 < took_s < GRACE_S + MARGIN_S


async def test_whoever_asks_again_and_again_gets_a_good_end(tmp_path) -> None:
    """Until the very last moment: no signal kills a daemon that is ending."""
    driver = DRIVERS["network"].format(port=free_port("127.0.0.1"))
    text = CONFIG.format(grace=1, input=free_port("127.0.0.1"), destination=driver)
    for _ in range(3):
        daemon = Daemon(text, tmp_path)
        await daemon.start()
        assert daemon._process is not None
        while daemon._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(daemon.pid, signal.SIGTERM)  # Popen would reap it itself
            await asyncio.sleep(0.0005)
        assert await daemon.stop() == 0
