"""
What a disk queue has and its file has not: parcels on their way to rows.

Parcels that are gone before they were stored are never written. Those that came in
since the last look are left for the next one unless everything is asked for: what is
delivered by then need not be stored.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from logferry.queues.leasing import join_batches
from logferry.queues.rows import Ranges, Row, merge_ranges

if TYPE_CHECKING:
    from logferry.queues.parcels import DiskParcel

__all__ = ["Storing", "Unstored"]

ROW_BYTES_MAX: Final = 256 * 1024
"""Batches are joined into rows up to this size; a larger batch is a row of its own."""

WORK_BYTES_MAX: Final = 8 * 1024 * 1024
"""What one transaction stores at most, so that a receipt waits for a bounded time."""


class Storing(NamedTuple):
    """A row on its way to the file."""

    row: Row
    parcels: list[DiskParcel]
    remaining: int  # records not gone when it set out
    remaining_bytes: int


class Unstored:
    """
    The parcels, in order.

    Attributes:
        size_bytes: bytes of their records, kept up to date by whoever releases them.

    """

    def __init__(self) -> None:
        self._parcels: deque[DiskParcel] = deque()
        self._old_position = 0  # what came before was here at the last look already
        self.size_bytes = 0

    @property
    def count(self) -> int:
        """Records that are not in the file."""
        return sum(item.remaining for item in self._parcels if item.batch is not None)

    def append(self, parcel: DiskParcel) -> None:
        """Add the newest parcel."""
        self._parcels.append(parcel)
        self.size_bytes += parcel.remaining_bytes

    def fits(self, free_bytes: int) -> bool:
        """Tell whether there is a next parcel and room for it."""
        parcels = self._parcels
        while parcels and parcels[0].batch is None:
            parcels.popleft()
        return bool(parcels) and parcels[0].remaining_bytes <= free_bytes

    def take(
        self, first: int, free_bytes: int, next_position: int, *, takes_new: bool
    ) -> list[Storing]:
        """
        Return rows to store, numbered from ``first``.

        They stay here until ``note_stored``: storing them may fail.
        """
        old_position, self._old_position = self._old_position, next_position
        groups: list[list[DiskParcel]] = []
        group_bytes = total_bytes = 0
        for parcel in self._parcels:
            batch = parcel.batch
            if batch is None:
                continue
            if not takes_new and parcel.position >= old_position:
                break
            total_bytes += parcel.remaining_bytes
            if total_bytes > free_bytes or (groups and total_bytes > WORK_BYTES_MAX):
                break
            size_bytes = len(batch.data)
            if groups and group_bytes + size_bytes <= ROW_BYTES_MAX:
                last = groups[-1][-1].batch
                assert last is not None
                if last.key == batch.key:
                    groups[-1].append(parcel)
                    group_bytes += size_bytes
                    continue
            groups.append([parcel])
            group_bytes = size_bytes
        return _make_rows(groups, first)

    def note_stored(self, item: Storing) -> None:
        """Forget the parcels of a row that is in the file."""
        for parcel in item.parcels:
            parcel.batch = None
            self.size_bytes -= parcel.remaining_bytes


def _make_rows(groups: list[list[DiskParcel]], first: int) -> list[Storing]:
    rows = []
    for parcels in groups:
        batches = [item.batch for item in parcels if item.batch is not None]
        joined = join_batches(batches)
        gone: Ranges = []
        offset = 0
        for parcel, batch in zip(parcels, batches, strict=True):
            parcel.offset = offset
            gone += [(start + offset, stop + offset) for start, stop in parcel.gone]
            offset += batch.count
        ends = None if joined.ends is None else list(joined.ends)
        row = Row(first, offset, joined.key, ends, joined.data, merge_ranges(gone))
        remaining = sum(parcel.remaining for parcel in parcels)
        remaining_bytes = sum(parcel.remaining_bytes for parcel in parcels)
        rows.append(Storing(row, parcels, remaining, remaining_bytes))
        first += offset
    return rows
