r"""
What a row of the classic CSV adds up besides its counts: sizes and rates of messages.

``msg_size_max``, ``msg_size_avg``, ``batch_size_max``, ``batch_size_avg`` in bytes, and
messages a second in the last hour (``eps_last_1h``), the last day and since the start,
all of them whole numbers as in the reference.

Theory. Average and rate follow from sums that a batch adds to once. The largest message
is another matter: to find it, every line must be looked at, which costs a tenth of
forwarding it. So a large batch is looked at in strides: from the end of one line
``STRIDE_BYTES`` ahead and back to the newline before; only when there is none within a
stride, a line is longer than it, and is measured. Besides, every 64th large batch
is measured whole, and every small one. *The maximum is exact from 4 KiB on and for
whoever sends a little at a time; among shorter messages in dense traffic it is that of
a sample.*

Rates need the past: a count is remembered every five minutes for an hour and
every hour for a day, at ``sample``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol, runtime_checkable

__all__ = ["SAMPLE_INTERVAL_S", "Cutter", "Flow", "Measured", "longest_line"]

SAMPLE_INTERVAL_S: Final = 300.0
"""How often ``sample`` is to be called, in seconds."""

STRIDE_BYTES: Final = 4096
_SMALL_COUNT: Final = 16
_MEASURED_EVERY: Final = 64
_SAMPLES_PER_HOUR: Final = 12
_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S


class Flow:
    """
    The messages of one row.

    Args:
        now: monotonic seconds.
        newline_bytes: how much of a line's newline counts: 1 for records, 0 for what
            a client sent.

    """

    __slots__ = (
        "_days",
        "_hours",
        "_newline_bytes",
        "_sample_count",
        "_started_at",
        "_until_measured",
        "batch_count",
        "batch_largest",
        "batch_size_bytes",
        "count",
        "largest",
        "size_bytes",
        "truncated_bytes",
        "truncated_count",
    )

    def __init__(self, now: float = 0.0, newline_bytes: int = 1) -> None:
        self._newline_bytes = newline_bytes
        self.count = self.size_bytes = self.largest = 0
        self.batch_count = self.batch_size_bytes = self.batch_largest = 0
        self.truncated_count = self.truncated_bytes = 0
        self._until_measured = 0
        self._started_at = now
        self._sample_count = 0
        self._hours: deque[int] = deque([0], _SAMPLES_PER_HOUR + 1)
        self._days: deque[int] = deque([0], 24 + 1)

    def note(self, data: bytes, count: int, ends: Sequence[int] | None = None) -> None:
        """
        Add a batch of ``count`` messages.

        ``ends`` are the ends of the messages in ``data``; without them, each ends with
        its only newline.
        """
        self.count += count
        size = len(data)
        if ends is None and not self._newline_bytes:
            self.size_bytes += size - count
        else:
            self.size_bytes += size
        if size <= self.largest:
            return  # none of them can be larger
        if count == 1:
            is_line = ends is None and not self._newline_bytes
            self.largest = max(self.largest, size - is_line)
            return
        if count > _SMALL_COUNT:
            self._until_measured -= 1
            if self._until_measured > 0:
                stride = max(self.largest, STRIDE_BYTES)
                if not _has_longer(data, ends, stride):
                    return
            else:
                self._until_measured = _MEASURED_EVERY
        if ends is None:
            found = longest_line(data) + self._newline_bytes
        else:
            found = max(end - start for start, end in pairwise((0, *ends)))
        self.largest = max(self.largest, found)

    def note_frames(self, frames: Sequence[bytes], size: int) -> None:
        """Add messages that came one by one, ``size`` bytes together."""
        self.count += len(frames)
        self.size_bytes += size
        if size <= self.largest:
            return
        if len(frames) > _SMALL_COUNT and size // len(frames) < STRIDE_BYTES:
            self._until_measured -= 1
            if self._until_measured > 0:
                return
            self._until_measured = _MEASURED_EVERY
        self.largest = max(self.largest, *map(len, frames))

    def note_batch(self, size: int) -> None:
        """Add a batch that was delivered as one."""
        self.batch_count += 1
        self.batch_size_bytes += size
        self.batch_largest = max(self.batch_largest, size)

    @property
    def average(self) -> int:
        """The average size of a message."""
        return self.size_bytes // self.count if self.count else 0

    @property
    def batch_average(self) -> int:
        """The average size of a batch."""
        return self.batch_size_bytes // self.batch_count if self.batch_count else 0

    def sample(self) -> None:
        """Remember how far the count has come; every ``SAMPLE_INTERVAL_S``."""
        self._hours.append(self.count)
        self._sample_count += 1
        if self._sample_count % _SAMPLES_PER_HOUR == 0:
            self._days.append(self.count)

    def rates(self, now: float) -> tuple[int, int, int]:
        """Return messages a second in the last hour, last day, and since the start."""
        elapsed_s = max(1.0, now - self._started_at)
        return (
            int((self.count - self._hours[0]) / min(elapsed_s, _HOUR_S)),
            int((self.count - self._days[0]) / min(elapsed_s, _DAY_S)),
            int(self.count / elapsed_s),
        )


@runtime_checkable
class Measured(Protocol):
    """Who has a flow, such as a destination."""

    @property
    def flow(self) -> Flow:
        """What is counted now."""


class _Nobody:
    def __init__(self) -> None:
        self.flow = Flow()


class Cutter:
    """Cuts records for ``truncate-size()``, and counts that where they are counted."""

    __slots__ = ("owner",)

    def __init__(self) -> None:
        self.owner: Measured = _Nobody()  # until the destination is known

    def cut(self, record: bytes, size: int) -> bytes:
        """Return ``record`` cut to ``size`` bytes."""
        excess = len(record) - size
        if excess <= 0:
            return record
        flow = self.owner.flow
        flow.truncated_count += 1
        flow.truncated_bytes += excess
        return record[:size]


def longest_line(data: bytes) -> int:
    """Return the length of the longest line, without its newline."""
    return max(map(len, data.split(b"\n")))


def _has_longer(data: bytes, ends: Sequence[int] | None, limit: int) -> bool:
    """Tell whether a message of more than ``limit`` bytes is in ``data``."""
    start, stop = 0, len(data)
    while stop - start > limit:
        if ends is None:
            end = data.rfind(b"\n", start, start + limit + 1) + 1
        else:
            index = bisect_right(ends, start + limit)
            end = ends[index - 1] if index else 0
        if end <= start:
            return True
        start = end
    return False
