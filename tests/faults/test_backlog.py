"""
A long outage: the backlog on disk drains in order, in little memory.

``LOGFERRY_TEST_BACKLOG_MB`` says how large it is (``bench/backlog.py`` measures it).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from helpers.daemon import Daemon, free_port

SIZE_MB = int(os.environ.get("LOGFERRY_TEST_BACKLOG_MB", "100"))
LINE_BYTES = 195
RESIDENT_MB_MAX = 200
LOAD = Path(__file__).resolve().parents[2] / "bench/load.py"

CONFIG = """
options {{ use-dns(no); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(100000)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.2)
    disk-buffer(reliable(yes) capacity-bytes(100G))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


async def run_load(role: str, port: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(LOAD), role, f"--port={port}", f"--count={count}"),
        *(f"--size={LINE_BYTES}", "--sequence", "--idle=60"),
        stdout=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(100 + SIZE_MB)
async def test_a_backlog_drains_in_order_and_in_little_memory(tmp_path) -> None:
    count = SIZE_MB * 1_000_000 // LINE_BYTES
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = CONFIG.format(input=ports[0], output=ports[1])
    async with Daemon(text, tmp_path) as daemon:
        sender = await run_load("send", ports[0], count)
        answer = ""
        while not any(
            line.startswith("syslogng_disk_queue_events{")
            and line.endswith(f" {count}")
            for line in answer.splitlines()
        ):
            answer = await daemon.ctl("STATS", "PROMETHEUS")
            await asyncio.sleep(0.1)
        await sender.communicate()
        sink = await run_load("sink", ports[1], count)
        assert sink.stdout is not None
        await sink.stdout.readline()
        report = json.loads(await sink.stdout.readline())
        assert (report["count"], report["errors"]) == (count, 0)
        assert daemon.resident_kib() < RESIDENT_MB_MAX * 1024
        await sink.wait()
