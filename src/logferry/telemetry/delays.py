"""
How long records are on their way: from their push into a queue to their delivery.

A source pushes in the turn of the event loop in which it reads, so that this is the
time from receiving a message to delivering it (what a correlation holds back counts
from its release).

Theory. The queue's ledger says how many came in and how many left, not which. Records
leave in the order they came (several workers may swap neighbours), so one entry a push
with its moment and its number is enough, whatever the queue is made of. Entries of one
millisecond are one; when there are ``_ENTRIES_MAX``, neighbours are joined at their
mean: a long outage is measured more coarsely, not with more memory.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.telemetry.histograms import Histogram

__all__ = ["Delays"]

_ENTRIES_MAX: Final = 4096
_TICK_S: Final = 0.001


class Delays:
    """
    The delays of one queue.

    Args:
        clock: monotonic seconds.
        unknown_count: records that are in the queue already; nobody knows since when.

    Attributes:
        sample_s: what the last delivered record took.
        sampled_at: when that was, ``None`` before the first.

    """

    __slots__ = (
        "_clock",
        "_histograms",
        "_pushed",
        "_unknown_count",
        "sample_s",
        "sampled_at",
    )

    def __init__(self, clock: Callable[[], float], unknown_count: int = 0) -> None:
        self._clock = clock
        self._unknown_count = unknown_count
        self._pushed: deque[list[float]] = deque()  # number, moment
        self._histograms: tuple[Histogram, ...] = ()
        self.sample_s = 0.0
        self.sampled_at: float | None = None

    def show(self, *histograms: Histogram) -> None:
        """Add delays to these from here on, in milliseconds."""
        self._histograms = histograms

    def on_found(self, count: int) -> None:
        """So many records turned up before all others."""
        self._unknown_count += count

    def on_pushed(self, count: int) -> None:
        """So many records came in."""
        now = self._clock()
        pushed = self._pushed
        if pushed and now - pushed[-1][1] < _TICK_S:
            pushed[-1][0] += count
            return
        pushed.append([count, now])
        if len(pushed) > _ENTRIES_MAX:
            entries = [*pushed]
            joined = map(_join, entries[::2], entries[1::2])
            self._pushed = deque([*joined, *entries[len(entries) & ~1 :]])

    def on_left(self, count: int, *, is_delivered: bool) -> None:
        """So many records left, the oldest."""
        unknown = min(count, self._unknown_count)
        self._unknown_count -= unknown
        left: float = count - unknown
        now = self._clock()
        while left and self._pushed:
            entry = self._pushed[0]
            taken = min(left, entry[0])
            if is_delivered:
                self._note(now - entry[1], int(taken), now)
            left -= taken
            entry[0] -= taken
            if not entry[0]:
                self._pushed.popleft()

    def _note(self, delay_s: float, count: int, now: float) -> None:
        self.sample_s, self.sampled_at = delay_s, now
        for histogram in self._histograms:
            histogram.add(int(delay_s * 1000), count)


def _join(one: list[float], two: list[float]) -> list[float]:
    count = one[0] + two[0]
    return [count, (one[0] * one[1] + two[0] * two[1]) / count]
