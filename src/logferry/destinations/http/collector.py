"""From the queue to batches: leases are collected until a batch is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.policy.batching import Batching, Bin
    from logferry.policy.throttle import TokenBucket
    from logferry.queues.queue import Lease, Queue

__all__ = ["Collector"]


class Collector:
    """
    Takes from a queue what batches are made of, and no more than that.

    Args:
        queue: where records wait.
        batching: the bins.
        group_of: the partition of a routing key.
        throttle: how many records may pass, if there is a limit.
        worker_count: given where records travel alone: a batch is then a worker's
            share of what waits, so that a few records do not queue up behind one.

    """

    def __init__(
        self,
        queue: Queue,
        batching: Batching[Lease],
        group_of: Callable[[bytes], bytes],
        throttle: TokenBucket | None = None,
        worker_count: Callable[[], int] | None = None,
    ) -> None:
        self._worker_count = worker_count
        self._queue = queue
        self._batching = batching
        self._group_of = group_of
        self._throttle = throttle

    def next_batch(
        self,
        now: float,
        *,
        is_busy: Callable[[bytes], bool],
        is_flushing: bool = False,
    ) -> Bin[Lease] | None:
        """Return a batch that is ready, ``None`` when there is none for now."""
        while True:
            is_drained = not self._queue.waiting_count or not self._allowance(now)
            found = self._batching.take(
                now, is_drained=is_drained, is_busy=is_busy, is_flushing=is_flushing
            )
            if found is not None or is_drained or self._batching.is_replete:
                return found
            if not self._collect(now):
                return None

    def _allowance(self, now: float) -> int:
        """Return how many records ``throttle()`` lets pass now."""
        if self._throttle is None:
            return self._batching.plan.count_max
        return self._throttle.available(now)

    def _collect(self, now: float) -> bool:
        """Move records from the queue to a bin; false when there are none."""
        batching, queue = self._batching, self._queue
        count_max, bytes_max = batching.room()
        count_max = min(count_max, self._allowance(now), self._share())
        lease = queue.peek(count_max, bytes_max)
        if lease is None:
            return False
        batch = lease.batch
        if not batching.fits(batch.key, batch.count, len(batch.data)):
            # Another key than expected: fill its bin exactly, if it has room at all.
            queue.rewind(lease.token)
            room_count, room_bytes = batching.room(batch.key)
            lease = queue.peek(min(room_count, count_max), max(1, room_bytes))
            if lease is None:
                return False
            batch = lease.batch
            if not batching.fits(batch.key, batch.count, len(batch.data)):
                batching.close(batch.key)
        if self._throttle is not None:
            self._throttle.take(batch.count, now)
        batching.add(
            lease,
            key=batch.key,
            group=self._group_of(batch.key),
            count=batch.count,
            size=len(batch.data),
            now=now,
        )
        if self._worker_count is not None:
            batching.close(batch.key)
        return True

    def _share(self) -> int:
        """Return how many records one worker should take."""
        if self._worker_count is None:
            return self._batching.plan.count_max
        return max(1, -(-self._queue.waiting_count // self._worker_count()))

    def put_back(self) -> None:
        """Give everything collected back to the queue."""
        for found in reversed(self._batching.clear()):
            for lease in reversed(found.leases):
                self._queue.rewind(lease.token)
