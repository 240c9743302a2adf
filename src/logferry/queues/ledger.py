"""
The delivery ledger: every message ends in exactly one column.

    accepted = delivered + dropped (by reason) + dead-lettered + still queued

A queue writes its own ledger; nothing else does. ``rejected`` counts what never got
in, by reason: those messages are in nobody's queue and therefore not ``accepted``.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Ledger"]


class Ledger:
    """
    The columns of one queue, in records.

    ``accepted`` holds what was found in the queue at start as well as what was
    pushed. Drivers mirror the columns into their counters by asking; reading is free.
    """

    __slots__ = (
        "accepted",
        "dead_lettered",
        "delivered",
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

    @property
    def dropped_count(self) -> int:
        """All records that were given up, in the queue or at its door."""
        return self.dropped.total() + self.rejected.total()

    def queued(self) -> int:
        """Return how many records must still be in the queue."""
        return (
            self.accepted - self.delivered - self.dead_lettered - self.dropped.total()
        )
