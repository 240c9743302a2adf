"""
The delivery ledger: every message ends in exactly one column.

    accepted = delivered + dropped (by reason) + dead-lettered + still queued

A queue writes its own ledger; nothing else does. ``rejected`` counts what never got
in, by reason: those messages are in nobody's queue and therefore not ``accepted``.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.telemetry.delays import Delays

__all__ = ["Ledger"]


class Ledger:
    """
    The columns of one queue, in records.

    ``accepted`` holds what was found in the queue at start as well as what was
    pushed. Drivers mirror the columns into their counters by asking; reading is free.

    Attributes:
        delivered_bytes: the size of what was delivered.
        delays: measures how long records take, where somebody wants to know.

    """

    __slots__ = (
        "accepted",
        "dead_lettered",
        "delays",
        "delivered",
        "delivered_bytes",
        "dropped",
        "found",
        "rejected",
    )

    def __init__(self) -> None:
        self.accepted = 0
        self.found = 0  # of those accepted: in the queue at start
        self.delivered = 0
        self.dead_lettered = 0
        self.dropped: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.delivered_bytes = 0
        self.delays: Delays | None = None

    def accept(self, count: int) -> None:
        """Write down what was pushed."""
        self.accepted += count
        if self.delays is not None:
            self.delays.on_pushed(count)

    def find(self, count: int) -> None:
        """Write down what was in the queue at start."""
        self.accepted += count
        self.found += count
        if self.delays is not None:
            self.delays.on_found(count)

    def deliver(self, count: int, size: int) -> None:
        """Write down what was delivered, ``size`` bytes together."""
        self.delivered += count
        self.delivered_bytes += size
        if self.delays is not None:
            self.delays.on_left(count, is_delivered=True)

    def drop(self, count: int, reason: str) -> None:
        """Write down what was given up."""
        self.dropped[reason] += count
        if self.delays is not None:
            self.delays.on_left(count, is_delivered=False)

    def dead_letter(self, count: int) -> None:
        """Write down what became dead letters."""
        self.dead_lettered += count
        if self.delays is not None:
            self.delays.on_left(count, is_delivered=False)

    @property
    def dropped_count(self) -> int:
        """All records that were given up, in the queue or at its door."""
        return self.dropped.total() + self.rejected.total()

    def queued(self) -> int:
        """Return how many records must still be in the queue."""
        return (
            self.accepted - self.delivered - self.dead_lettered - self.dropped.total()
        )
