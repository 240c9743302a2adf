"""Files through kill -9 at random moments, rotations at random moments."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HOME = "127.0.0.1"
KILLS = 15


class Log:
    """A program's log file, which it writes, and rotates now and then."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.written = 0
        self._chance = chance
        self._rotations = 0

    def write(self, count: int) -> None:
        with self.path.open("ab") as file:
            for _ in range(count):
                line = b"<13>Nov 21 12:00:00 h app: number %06d\n" % self.written
                half = self._chance.randrange(len(line))
                file.write(line[:half])
                if self._chance.random() < 0.1:
                    file.flush()
                file.write(line[half:])
                self.written += 1

    def rotate(self) -> None:
        self._rotations += 1
        self.path.rename(f"{self.path}.{self._rotations}")


async def work(log: Log, chance: random.Random, turns: int) -> None:
    """Write and rotate, with pauses that let the daemon see some of it."""
    for _ in range(turns):
        log.write(chance.randrange(1, 300))
        await asyncio.sleep(chance.random() * 0.05)
        if chance.random() < 0.3:
            log.rotate()
            log.write(1)  # a rotation that nobody sees before the next one is lost
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", [1, 2])
async def test_kills_and_rotations_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Every line arrives; what is doubled was on its way or not persisted yet."""
    chance = random.Random(seed)
    port = free_port(HOME)
    log = Log(tmp_path / "in.log", chance)
    log.write(1)
    text = f"""
    options {{ time-reopen(0.1); }};
    source s {{ file("{log.path}"); }};
    log {{
        source(s); destination {{ network("{HOME}" port({port})); }};
        flags(flow-control);
    }};
    """
    async with Collector(HOME, port) as server:
        daemon = Daemon(text, tmp_path)
        await daemon.start()
        await persisted(tmp_path)  # what was never noted is not looked for
        await daemon.kill()
        for _ in range(KILLS):
            await daemon.start()
            await work(log, chance, chance.randrange(1, 8))
            if chance.random() < 0.3:
                await server.stop()
                await work(log, chance, 2)
                await server.start()
            await daemon.kill()
            await work(log, chance, 1)
        await daemon.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                while len(arrived(server)) < log.written:
                    await asyncio.sleep(0.05)
        await daemon.stop()
    assert sorted(set(range(log.written)) - arrived(server)) == []


@pytest.mark.parametrize(
    "buffer", ["", "disk-buffer(reliable(yes) capacity-bytes(9M))"]
)
async def test_with_one_of_two_servers_down_kills_lose_nothing(
    tmp_path: Path, buffer: str
) -> None:
    """
    The place in the file moves when both have a line, or one's disk has it.

    Without flow control: the file alone has to wait for the slower one.
    """
    chance = random.Random(3)
    ports = free_port(HOME), free_port(HOME)
    log = Log(tmp_path / "in.log", chance)
    log.write(1)
    text = f"""
    options {{ time-reopen(0.1); }};
    source s {{ file("{log.path}"); }};
    destination up {{ network("{HOME}" port({ports[0]})); }};
    destination down {{ network("{HOME}" port({ports[1]}) {buffer}); }};
    log {{ source(s); destination(up); destination(down); }};
    """
    async with Collector(HOME, ports[0]) as up:
        daemon = Daemon(text, tmp_path)
        await daemon.start()
        await persisted(tmp_path)
        await daemon.kill()
        for _ in range(KILLS // 2):
            await daemon.start()
            await work(log, chance, chance.randrange(1, 8))
            await daemon.kill()
            await work(log, chance, 1)
        await daemon.start()
        async with Collector(HOME, ports[1]) as down:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while min(len(arrived(up)), len(arrived(down))) < log.written:
                        await asyncio.sleep(0.05)
            await daemon.stop()
    everything = set(range(log.written))
    assert sorted(everything - arrived(up)) == []
    assert sorted(everything - arrived(down)) == []


async def persisted(folder: Path) -> None:
    """Wait until the place in the file is on disk."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.closing(
                sqlite3.connect(folder / "state" / "logferry.persist")
            ) as state:
                rows = state.execute("SELECT count(*) FROM entries").fetchone()
            if rows[0]:
                return
            await asyncio.sleep(0.05)


def arrived(server: Collector) -> set[int]:
    """Return the numbers of the complete messages that arrived."""
    found = set()
    for line in server.lines:
        number = line.rpartition(b"number ")[2]
        if len(number) == 6:
            found.add(int(number))
    return found
