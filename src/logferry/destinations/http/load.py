"""
What one worker carries: leases with the same key, joined to one body.

Records of a batched destination end with the delimiter, so the joined body costs
nothing for each message: it is the queue's bytes without the last delimiter. Offsets
are computed only when a batch has to be taken apart. Without batching a record brings
what its request needs to know in its first line.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from logferry.policy.retry import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.queues.queue import Lease, Queue

__all__ = ["Load"]


class Load:
    """
    The records of one batch.

    Args:
        leases: at least one, in the queue's order.
        group: what is to be kept in order, empty for nothing.

    """

    __slots__ = ("_batches", "_data", "_left", "_offsets", "count", "group", "key")

    def __init__(self, leases: Sequence[Lease], group: bytes) -> None:
        self.group = group
        self.key = leases[0].batch.key
        self._batches = [lease.batch for lease in leases]
        self._left = [(lease.token, lease.batch.count) for lease in leases]
        self.count = sum(count for _, count in self._left)
        self._data = (
            self._batches[0].data
            if len(leases) == 1
            else b"".join([batch.data for batch in self._batches])
        )
        self._offsets: list[int] = []

    def part(self, start: int, stop: int) -> bytes:
        """Return records ``start`` to ``stop`` (exclusive), joined."""
        if not start and stop == self.count:
            return self._data
        offsets = self._all_offsets()
        return self._data[offsets[start] : offsets[stop]]

    def size(self, start: int, stop: int) -> int:
        """Return how many bytes records ``start`` to ``stop`` have."""
        if not start and stop == self.count:
            return len(self._data)
        offsets = self._all_offsets()
        return offsets[stop] - offsets[start]

    def sizes(self, start: int, stop: int) -> list[int]:
        """Return how many bytes each of records ``start`` to ``stop`` has."""
        offsets = self._all_offsets()[start : stop + 1]
        return [after - before for before, after in pairwise(offsets)]

    def records(self, start: int, stop: int) -> list[bytes]:
        """Return records ``start`` to ``stop`` (exclusive) one by one."""
        offsets = self._all_offsets()
        return [
            self._data[offsets[index] : offsets[index + 1]]
            for index in range(start, stop)
        ]

    def _all_offsets(self) -> list[int]:
        """Return where each record begins, and where the last one ends."""
        if not self._offsets:
            offsets = [0]
            for batch in self._batches:
                base = offsets[-1]
                offsets.extend(base + end for end in batch.offsets())
            self._offsets = offsets
        return self._offsets

    def settle(self, queue: Queue, count: int, fate: Fate, why: str) -> None:
        """Tell the queue that the first ``count`` records left have ended."""
        while count:
            token, left = self._left[0]
            part = min(count, left)
            match fate:
                case Fate.DELIVERED:
                    queue.ack(token, part)
                case Fate.DEAD:
                    queue.dead_letter(token, part)
                case Fate.DROPPED:
                    queue.drop(token, why, part)
            count -= part
            if part == left:
                del self._left[0]
            else:
                self._left[0] = (token, left - part)

    def put_back(self, queue: Queue) -> None:
        """Give what is left back to the queue, in order."""
        for token, _ in reversed(self._left):
            queue.rewind(token)
        self._left.clear()
