"""
Which records travel together: ``batch-lines()``, ``-bytes()``, ``-timeout()``.

What was leased from a queue is collected in *bins*, one for each routing key, so that a
batch never mixes keys. A bin is ready when it is full; when ``batch-timeout()`` has
passed since its first record, or ``batch-idle-timeout()`` since its last; without
timeouts, when the queue has nothing more to add. Then, however, where there are more
bins than ``few``, each lingers for a moment: nobody could deliver all of them at once,
and a thousand keys with a message each would otherwise be a thousand requests. The more
bins, the longer, because the longer their turns would take anyway. Bins of a *group* (a
partition) that is being delivered wait: its order is kept that way.

At most ``held_max`` records are collected: beyond that the oldest bin goes as it is, so
that many keys, each with little, cannot stop the whole.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Batching", "BatchingPlan", "Bin"]

T = TypeVar("T")

LINGER_STEP_S = 0.001
"""So long for each bin: about what it takes to deliver one."""

LINGER_MAX_S = 0.1
"""Without timeouts no bin waits longer for more."""


@dataclass(frozen=True, slots=True)
class BatchingPlan:
    """
    When a batch is complete.

    Attributes:
        count_max: records in a batch.
        bytes_max: bytes of its records; a single record may be larger.
        timeout_s: how long an incomplete batch waits for more; 0 is not at all.
        idle_s: how long it waits after its last record; 0 is no such limit.
        held_max: records collected in all.
        few: so many bins never linger; the number of those who deliver them.

    """

    count_max: int
    bytes_max: int
    timeout_s: float = 0.0
    idle_s: float = 0.0
    held_max: int = 10_000
    few: int = 1 << 20


@dataclass(slots=True)
class Bin(Generic[T]):
    """Leases with one key, on their way to become a batch."""

    key: bytes
    group: bytes
    opened_at: float
    changed_at: float
    leases: list[T] = field(default_factory=list)
    count: int = 0
    size: int = 0
    is_overdue: bool = False  # it went because ``batch-timeout()`` was over


class Batching(Generic[T]):
    """The bins of one destination; ``T`` is what the queue hands out."""

    def __init__(self, plan: BatchingPlan) -> None:
        self.plan = plan
        self.held_count = 0
        self._bins: OrderedDict[int, Bin[T]] = OrderedDict()
        self._open: dict[bytes, int] = {}  # by key: the bin that takes more
        self._full: dict[int, Bin[T]] = {}
        self._groups: dict[bytes, deque[int]] = {}  # the bins of each, oldest first
        self._last_key: bytes | None = None
        self._next_number = 0

    def room(self, key: bytes | None = None) -> tuple[int, int]:
        """
        Return how many records and bytes may be added at once for ``key``.

        Without a key: for the one that came last, which is likely to come again.
        """
        key = self._last_key if key is None else key
        number = self._open.get(key) if key is not None else None
        if number is None:
            return self.plan.count_max, self.plan.bytes_max
        found = self._bins[number]
        return self.plan.count_max - found.count, self.plan.bytes_max - found.size

    def fits(self, key: bytes, count: int, size: int) -> bool:
        """Tell whether so much can be added to the open bin of ``key``."""
        if key not in self._open:
            return True
        room_count, room_bytes = self.room(key)
        return count <= room_count and size <= room_bytes

    def close(self, key: bytes) -> None:
        """Let nothing more into the open bin of ``key``."""
        number = self._open.pop(key, None)
        if number is not None:
            self._full[number] = self._bins[number]

    def add(
        self, lease: T, *, key: bytes, group: bytes, count: int, size: int, now: float
    ) -> None:
        """Collect a lease of ``count`` records that ``fits``."""
        number = self._open.get(key)
        if number is None:
            number = self._next_number
            self._next_number += 1
            self._bins[number] = Bin(key, group, now, now)
            self._open[key] = number
            if group:
                self._groups.setdefault(group, deque()).append(number)
        found = self._bins[number]
        found.leases.append(lease)
        found.count += count
        found.size += size
        found.changed_at = now
        self.held_count += count
        self._last_key = key
        if found.count >= self.plan.count_max or found.size >= self.plan.bytes_max:
            self.close(key)

    @property
    def is_replete(self) -> bool:
        """No more should be collected before something was taken."""
        return self.held_count >= self.plan.held_max

    def take(
        self,
        now: float,
        *,
        is_drained: bool,
        is_busy: Callable[[bytes], bool],
        is_flushing: bool = False,
    ) -> Bin[T] | None:
        """
        Return the oldest bin that is ready, if any.

        Args:
            now: monotonic seconds.
            is_drained: the queue has nothing more at the moment.
            is_busy: tells whether a group is being delivered.
            is_flushing: do not wait for more (the destination stops).

        """
        # Full bins first: while more comes in, the many others need not be looked at.
        number = self._first(self._full.items(), is_busy)
        if number is None and (
            is_flushing or self.is_replete or (is_drained and self._is_eager)
        ):
            number = self._first(self._bins.items(), is_busy)
        elif number is None and (is_drained or not self._is_timeless):
            number = self._first(self._due(now), is_busy)
            if number is not None:
                self._bins[number].is_overdue = not self._is_timeless
        return None if number is None else self._remove(number)

    @property
    def _is_timeless(self) -> bool:
        """Nothing was said about how long to wait."""
        return not self.plan.timeout_s and not self.plan.idle_s

    @property
    def _is_eager(self) -> bool:
        """An incomplete bin need not wait for more."""
        return self._is_timeless and len(self._bins) <= self.plan.few

    def _first(
        self,
        candidates: Iterable[tuple[int, Bin[T]]],
        is_busy: Callable[[bytes], bool],
    ) -> int | None:
        """Return the oldest candidate whose group has nothing older and may go."""
        for number, found in candidates:
            group = found.group
            if group and self._groups[group][0] != number:
                continue
            if not is_busy(group):
                return number
        return None

    def _due(self, now: float) -> Iterator[tuple[int, Bin[T]]]:
        """Return the bins whose time is over, oldest first."""
        for number, found in self._bins.items():
            if self._due_at(found) <= now:
                yield number, found
            elif not self.plan.idle_s:
                break  # those behind it were opened later

    def _due_at(self, found: Bin[T]) -> float:
        if self._is_timeless:
            linger_s = min(LINGER_MAX_S, LINGER_STEP_S * len(self._bins))
            return found.opened_at + linger_s
        moments = []
        if self.plan.timeout_s:
            moments.append(found.opened_at + self.plan.timeout_s)
        if self.plan.idle_s:
            moments.append(found.changed_at + self.plan.idle_s)
        return min(moments, default=float("inf"))

    def _remove(self, number: int) -> Bin[T]:
        found = self._bins.pop(number)
        self._full.pop(number, None)
        if self._open.get(found.key) == number:
            del self._open[found.key]
        if found.group:
            numbers = self._groups[found.group]
            numbers.popleft()
            if not numbers:
                del self._groups[found.group]
        self.held_count -= found.count
        return found

    def next_deadline(self, now: float) -> float | None:
        """
        Return when the next incomplete bin must go, if ever.

        Bins whose time is over are not meant: they wait for somebody to take them, and
        time does not change that.
        """
        if not self._bins or self._is_eager:
            return None
        later = (
            due_at
            for item in self._bins.values()
            if (due_at := self._due_at(item)) > now
        )
        return min(later, default=None) if self.plan.idle_s else next(later, None)

    def clear(self) -> list[Bin[T]]:
        """Give up all bins and return them, oldest first."""
        bins = list(self._bins.values())
        self._bins.clear()
        self._open.clear()
        self._full.clear()
        self._groups.clear()
        self.held_count = 0
        return bins
