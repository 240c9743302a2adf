"""
The auditor's laws for messages with numbers, the same in every fault test.

* What was delivered had been accepted.
* What was accepted is delivered when the faults have ended, except what a dead peer's
  kernel had acknowledged and its program never read: no sender can know of that.
* A message comes twice only if a connection ended with it unacknowledged, and at most
  one window is sent again for each such end.
* Within a connection messages keep their order.
* The counters say the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from helpers.collector import numbers
from logferry.limits import SEND_WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from helpers.relay import Relay

LINE_BYTES = len(b"<13>Nov 21 12:00:00 localhost app: number 000000\n")
WINDOW_MESSAGES = SEND_WINDOW_BYTES // LINE_BYTES


def broken_laws(
    sent: int,
    connections: Iterable[list[bytes]],
    *,
    losses: int,
    excused: int = 0,
) -> list[str]:
    """
    Return the laws that were broken, each as a sentence.

    Args:
        sent: messages 0 to ``sent - 1`` were accepted.
        connections: the lines of every connection of every server.
        losses: how many connections ended before everything was acknowledged.
        excused: so many may be missing, see above.

    """
    broken = []
    arrived = [numbers(lines) for lines in connections]
    counts = Counter(number for connection in arrived for number in connection)
    if extra := [number for number in counts if not 0 <= number < sent]:
        broken.append(f"delivered but never accepted: {extra[:5]}")
    missing = [number for number in range(sent) if number not in counts]
    if len(missing) > excused:
        broken.append(
            f"{len(missing)} missing, {excused} excused: {missing[:3]}…{missing[-3:]}"
        )
    twice = sum(count - 1 for count in counts.values())
    if twice > losses * WINDOW_MESSAGES:
        broken.append(f"{twice} came again after {losses} losses")
    for position, connection in enumerate(arrived):
        if any(a >= b for a, b in pairwise(connection)):
            broken.append(f"order is broken on connection {position}")
    return broken


async def false_counters(relay: Relay, sent: int) -> list[str]:
    """Return the counters that do not say that ``sent`` messages were delivered."""
    expected = {"written": sent, "queued": 0, "dropped": 0, "processed": sent}
    found = {name: await relay.counter(name) for name in expected}
    return [
        f"{name} is {found[name]}, not {count}"
        for name, count in expected.items()
        if found[name] != count
    ]


async def flood(relay: Relay, count: int) -> None:
    """Send ``count`` more messages; flow control sets the pace."""
    for _ in range(count // 1000):
        await relay.sender.send(1000)


async def settled(relay: Relay, sent: int) -> None:
    """Wait until nothing is queued, then demand true counters."""
    async with asyncio.timeout(30):
        while await relay.counter("queued"):
            await asyncio.sleep(0.05)
    assert await false_counters(relay, sent) == []
