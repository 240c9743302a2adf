"""
Adoption: an abandoned queue file is delivered by a destination that runs.

Rows are read a few at a time, pushed behind what the destination has already, and
removed from the file when the destination has taken responsibility for them. The file
is deleted when it is empty. A stop in between leaves the rest in the file, for another
adoption.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from logferry.errors import QueueError
from logferry.message.batch import Receipt
from logferry.queues.files import remove_queue_file
from logferry.queues.storage import Storage
from logferry.queues.work import Load, Totals, Work
from logferry.records import record
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import PushResult
    from logferry.queues.rows import Row

__all__ = ["Adoption"]

_READ_BYTES = 2 * 1024 * 1024


@record
class QueueAdopted(Event):
    """All records of an abandoned file were taken over."""

    text: ClassVar[str] = "Abandoned disk-buffer file adopted and deleted"

    filename: str
    number_of_messages: int


@record
class AdoptionFailed(Event):
    """The file cannot be read or written."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Abandoned disk-buffer file cannot be adopted"

    filename: str
    error: str


class Adoption:
    """One file on its way into another queue; ``open`` first, then ``run``."""

    def __init__(
        self, path: Path, push: Callable[[RecordBatch], PushResult], log: EventLog
    ) -> None:
        self.path = path
        self._push = push
        self._log = log
        self._file: Storage | None = None
        self._pending: dict[int, Row] = {}  # pushed and not taken over
        self._settled: list[Row] = []
        self._progress = asyncio.Event()
        self._count = 0

    async def open(self) -> None:
        """
        Open the file; a large one is counted, which takes a while.

        Raises ``QueueError`` when it cannot be used.
        """
        self._file = await asyncio.to_thread(Storage, self.path)
        self._count = self._file.totals.count

    @property
    def _storage(self) -> Storage:
        assert self._file is not None
        return self._file

    @property
    def count(self) -> int:
        """Records in the file at the beginning."""
        return self._count

    async def run(self) -> None:
        """Move everything, then delete the file."""
        try:
            await self._move()
        except QueueError as error:
            self._log.emit(AdoptionFailed(str(self.path), str(error)))
            return
        await asyncio.to_thread(self._storage.close)
        remove_queue_file(self.path)
        self._log.emit(QueueAdopted(str(self.path), self._count))

    async def _move(self) -> None:
        start, stop = 0, self._storage.totals.next_first
        while start < stop:
            work = Work(load=Load(start, stop, _READ_BYTES))
            done = await asyncio.to_thread(self._storage.perform, work)
            if done.error is not None:
                raise done.error
            start = done.next_start
            for row in done.rows:
                self._hand_over(row)
            while self._pending:
                self._progress.clear()
                await self._progress.wait()
            await self._remove()

    def _hand_over(self, row: Row) -> None:
        self._pending[row.first] = row
        receipt = Receipt(row.count, partial(self._on_settled, row))
        for _, batch in row.parts():
            receipt.hold()
            batch.receipt = receipt
            batch.is_patient = True
            self._push(batch)
        receipt.settle()

    def _on_settled(self, row: Row, receipt: Receipt) -> None:
        del receipt
        del self._pending[row.first]
        self._settled.append(row)
        self._progress.set()

    async def _remove(self) -> None:
        """Remove from the file what was taken over."""
        rows, self._settled = self._settled, []
        if not rows:
            return
        parts = [batch for row in rows for _, batch in row.parts()]
        before = self._storage.totals
        totals = Totals(
            before.next_first,
            before.count - sum(batch.count for batch in parts),
            before.size_bytes - sum(len(batch.data) for batch in parts),
        )
        work = Work(deletes=[row.first for row in rows], totals=totals)
        await asyncio.to_thread(self._storage.perform, work)

    async def close(self) -> None:
        """Leave the rest in the file, after ``run`` was cancelled."""
        if self._file is None:
            return  # the stop came before it was open
        try:
            await self._remove()
        except QueueError as error:
            self._log.emit(AdoptionFailed(str(self.path), str(error)))
        await asyncio.to_thread(self._storage.close)
