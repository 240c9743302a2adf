"""Lines that wait for others, through kill -9 and orderly stops at random moments."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HOME = "127.0.0.1"
SAVED_S = 1.5  # positions that may move are on disk after it
_whole = re.compile(rb"BEGIN (\d+)\|one \1\|two \1\|END \1$")


class Log:
    """A file to which messages of four lines are written, a few lines at a time."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.begun = 0
        self._chance = chance
        self._lines: list[str] = []

    def write(self) -> None:
        """Write some lines; the last message may not be complete."""
        for _ in range(self._chance.randrange(1, 60)):
            if not self._lines:
                number = self.begun = self.begun + 1
                self._lines = [
                    f"{word} {number}" for word in ("BEGIN", "one", "two", "END")
                ]
            with self.path.open("a") as file:
                file.write(f"<13>Nov 21 12:00:00 h app: {self._lines.pop(0)}\n")

    def finish(self) -> None:
        """Complete the last message, and begin one that nobody asks for."""
        with self.path.open("a") as file:
            for text in [*self._lines, "BEGIN 0"]:
                file.write(f"<13>Nov 21 12:00:00 h app: {text}\n")
        self._lines = []


def whole(server: Collector) -> set[int]:
    """Return the numbers of the messages that arrived complete."""
    found = (_whole.search(line) for line in server.lines)
    return {int(match[1]) for match in found if match is not None}


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_end_of_the_daemon_loses_a_line(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    port = free_port(HOME)
    log = Log(tmp_path / "in.log", chance)
    text = f"""
    options {{ time-reopen(0.1); }};
    log {{
        source {{ file("{log.path}"); }};
        parser {{ group-lines(key("$HOST") timeout(3600) line-separator("|")
            multi-line-mode(prefix-garbage) multi-line-prefix("^BEGIN")); }};
        destination {{ network("{HOME}" port({port})); }}; flags(flow-control);
    }};
    """
    async with Collector(HOME, port) as server:
        daemon = Daemon(text, tmp_path)
        for turn in range(8):
            await daemon.start()
            for _ in range(chance.randrange(1, 6)):
                log.write()
                await asyncio.sleep(chance.random() * 0.3)
            if not turn or chance.random() < 0.4:
                await daemon.stop()
            else:
                await asyncio.sleep(SAVED_S)
                await daemon.kill()
            log.write()
        log.finish()
        await daemon.start()
        expected = set(range(1, log.begun + 1))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(30):
                while not expected <= whole(server):
                    await asyncio.sleep(0.05)
        await daemon.stop()
    assert sorted(expected - whole(server)) == []
