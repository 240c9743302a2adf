"""
The memory queue: bounded by records (``log-fifo-size()``) and by bytes.

Limits count what *waits*. Records under way are bounded by the send window of the
driver; if they counted too, a fast destination that is waiting for acknowledgements
would look like a slow one. Patient batches (``flags(flow-control)``) are never
rejected: the windows of their sources bound them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.queues.leasing import Entry, LeasingQueue
from logferry.queues.queue import Full, Pushed, PushResult

if TYPE_CHECKING:
    from logferry.message.batch import Receipt, RecordBatch
    from logferry.queues.ledger import Ledger

__all__ = ["MemoryQueue"]


class _Parcel:
    """A pushed batch until its last record is gone; settles the receipt then."""

    __slots__ = ("receipt", "remaining")

    def __init__(self, receipt: Receipt | None, remaining: int) -> None:
        self.receipt = receipt
        self.remaining = remaining

    def release(self, entry: Entry) -> None:
        self.remaining -= entry.batch.count
        assert self.remaining >= 0
        if not self.remaining and self.receipt is not None:
            self.receipt.settle()
            self.receipt = None


class MemoryQueue(LeasingQueue):
    """
    A queue in memory; see :class:`logferry.queues.queue.Queue` for the contract.

    Args:
        count_limit: records that may wait (``log-fifo-size()``).
        bytes_limit: bytes that may wait.
        ledger: where its columns are kept.

    """

    def __init__(
        self,
        count_limit: int = 10_000,
        bytes_limit: int = 1 << 40,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(ledger)
        self.count_limit = count_limit
        self.bytes_limit = bytes_limit

    def push(self, batch: RecordBatch) -> PushResult:
        """Append ``batch``, or its first records when it does not fit whole."""
        count, room = batch.count, self._room(batch)
        if room >= count:
            self._append(batch, batch.receipt)
            return Pushed(count)
        self.ledger.rejected["queue-full"] += count - room
        if room:
            self._append(batch.slice(0, room), batch.receipt)
        elif batch.receipt is not None:
            batch.receipt.settle()
        return Full(room, count - room)

    def put_before(self, batches: list[RecordBatch]) -> None:
        """
        Let ``batches`` come before all that was pushed; nothing was leased yet.

        They were accepted by the queue before this one, which had the same ledger.
        """
        assert not self._leases
        position = self._waiting[0].position if self._waiting else self._next_position
        for batch in reversed(batches):
            position -= batch.count
            parcel = _Parcel(batch.receipt, batch.count)
            self._waiting.appendleft(Entry(position, batch, parcel))
            self._waiting_count += batch.count
            self._waiting_bytes += len(batch.data)

    def _room(self, batch: RecordBatch) -> int:
        """Return how many records of ``batch`` may come in."""
        if batch.is_patient:
            return batch.count
        room = max(0, self.count_limit - self._waiting_count)
        free_bytes = self.bytes_limit - self._waiting_bytes
        if len(batch.data) > free_bytes:
            fitting = sum(1 for end in batch.offsets() if end <= free_bytes)
            room = min(room, fitting)
        return room

    def _append(self, batch: RecordBatch, receipt: Receipt | None) -> None:
        entry = Entry(self._next_position, batch, _Parcel(receipt, batch.count))
        self._next_position += batch.count
        self._waiting.append(entry)
        self._waiting_count += batch.count
        self._waiting_bytes += len(batch.data)
        self.ledger.accept(batch.count)
