"""
What a disk queue knows of records that are not gone yet: their batch and their row.

A parcel is what was pushed at once; storing joins parcels into rows. Whoever releases
records tells the parcel, which tells its row once there is one, so that the queue
learns what must be written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from logferry.message.batch import Receipt, RecordBatch
    from logferry.queues.leasing import Entry
    from logferry.queues.rows import Ranges, Row

__all__ = ["DiskParcel", "Keeper", "Stored"]


class Keeper(Protocol):
    """The queue, as its parcels see it."""

    def note_release(self, stored: Stored) -> None:
        """Have it written down that records of a row are gone."""

    def note_unstored_release(self, size_bytes: int) -> None:
        """Forget records that need never be stored."""


class Stored:
    """A row of the file, as far as memory knows it."""

    __slots__ = (
        "count",
        "first",
        "gone",
        "queue",
        "remaining",
        "remaining_bytes",
        "saved_bytes",
        "saved_count",
    )

    def __init__(
        self, queue: Keeper, row: Row, remaining: int, remaining_bytes: int
    ) -> None:
        self.queue = queue
        self.first = row.first
        self.count = row.count
        self.gone = list(row.gone)
        self.remaining = self.saved_count = remaining
        self.remaining_bytes = self.saved_bytes = remaining_bytes

    def release(self, start: int, count: int, size_bytes: int) -> None:
        """Records of the row are gone; have that written down."""
        self.remaining -= count
        self.remaining_bytes -= size_bytes
        self.queue.note_release(self)
        if self.remaining:
            self.gone.append((start, start + count))


class DiskParcel:
    """A pushed batch, or the records of a row that was read."""

    __slots__ = (
        "batch",
        "count",
        "gone",
        "offset",
        "position",
        "queue",
        "receipt",
        "remaining",
        "remaining_bytes",
        "stored",
    )

    def __init__(
        self,
        queue: Keeper,
        position: int,
        batch: RecordBatch | None,
        count: int,
        size_bytes: int,
    ) -> None:
        self.queue = queue
        self.position = position
        self.batch = batch  # until it is stored
        self.receipt: Receipt | None = None
        self.count = self.remaining = count
        self.remaining_bytes = size_bytes
        self.gone: Ranges = []  # until it is stored
        self.stored: Stored | None = None
        self.offset = 0  # of its first record in the row

    def release(self, entry: Entry) -> None:
        """Records of it are gone."""
        count, size_bytes = entry.batch.count, len(entry.batch.data)
        start = entry.position - self.position
        self.remaining -= count
        self.remaining_bytes -= size_bytes
        if self.stored is not None:
            self.stored.release(self.offset + start, count, size_bytes)
        else:
            self.queue.note_unstored_release(size_bytes)
            if self.remaining:
                self.gone.append((start, start + count))
            else:
                self.batch = None
                self.settle()

    def settle(self) -> None:
        """Tell the source that it is rid of these records."""
        receipt, self.receipt = self.receipt, None
        if receipt is not None:
            receipt.settle()
