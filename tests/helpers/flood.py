"""
A sender as quick as one asks for, and somebody who counts what arrives of it.

Lines are made in blocks: a block is one ``bytes.replace`` in a ready text, and what
arrives is counted in one byte a message. So one core sends and audits some 100,000
messages a second beside the daemon.
"""

from __future__ import annotations

import asyncio
import re
import time

__all__ = ["Flood", "Tally", "flood_numbers"]

_BLOCK = 250
_HEAD = b"~~~~~~~~"
_TEXT = b"".join(
    b"<13>Nov 21 12:00:00 h app: number %b%03d\n" % (_HEAD, number)
    for number in range(_BLOCK)
)
_numbers_in = re.compile(rb"number (\d+)").findall


class Flood:
    """``rate`` numbered messages a second over one connection, until ``end``."""

    def __init__(self, address: str, port: int, rate: int) -> None:
        self._address = (address, port)
        self._rate = rate
        self._blocks = 0
        self._is_over = False
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._blocks * _BLOCK

    async def __aenter__(self) -> Flood:
        _, self._writer = await asyncio.open_connection(*self._address)
        self._task = asyncio.create_task(self._send(self._writer))
        return self

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        while not self._is_over:
            writer.write(_TEXT.replace(_HEAD, b"%08d" % self._blocks))
            self._blocks += 1
            await writer.drain()
            ahead_s = began + self.sent / self._rate - time.monotonic()
            # Who is late because the daemon held him back does not make up for it.
            began += max(0.0, -ahead_s - 1.0)
            await asyncio.sleep(max(0.0, ahead_s))

    async def end(self) -> int:
        """Stop sending; return how many messages were sent."""
        self._is_over = True
        assert self._task is not None
        await self._task
        return self.sent

    async def __aexit__(self, *error: object) -> None:
        await self.end()
        assert self._writer is not None
        self._writer.close()


def flood_numbers(sent: int) -> list[int]:
    """Return the numbers of the first ``sent`` messages as they stand in the lines."""
    return [
        block * 1000 + number
        for block in range(sent // _BLOCK)
        for number in range(_BLOCK)
    ]


class Tally:
    """How often each message of a :class:`Flood` arrived, anywhere."""

    def __init__(self) -> None:
        self.count = 0
        self._times = bytearray()

    def take(self, lines: bytes) -> None:
        """Count complete lines."""
        found = [
            int(number[:-3]) * _BLOCK + int(number[-3:])
            for number in _numbers_in(lines)
        ]
        self.count += len(found)
        if found and (short := max(found) + 1 - len(self._times)) > 0:
            self._times.extend(bytes(short + 1_000_000))
        times = self._times
        for number in found:
            times[number] += 1

    def missing(self, sent: int) -> list[int]:
        """Return which of the first ``sent`` messages never arrived."""
        self._times.extend(bytes(max(0, sent - len(self._times))))
        if self._times.find(0, 0, sent) < 0:
            return []
        return [number for number in range(sent) if not self._times[number]]

    def invented(self, sent: int) -> int:
        """Return how many arrived that nobody sent."""
        return sum(self._times[sent:])
