"""
A queue that becomes another one at a reload: from memory to disk, and back.

The old queue goes on with its destination until that has stopped; what comes in for
the new configuration meanwhile is in the new queue already. Then what is left in the
old one is put before it, in order. Each of these batches stays leased in the old queue
until the new one has taken responsibility for it, so that its source, or the old file,
forgets it not before.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from logferry.message.batch import Receipt
from logferry.queues.ledger import Ledger
from logferry.records import record

if TYPE_CHECKING:
    from logferry.message.batch import RecordBatch
    from logferry.queues.disk import DiskQueue
    from logferry.queues.memory import MemoryQueue

__all__ = ["Move"]

_BATCH_BYTES_MAX: Final = 256 * 1024
_COUNT_MAX: Final = 1 << 30
_READ_STEP_S: Final = 0.005


@record
class Move:
    """
    A queue and the one that takes its place.

    Attributes:
        name: what both are kept under.
        old: nobody pushes into it any more.
        new: nobody delivers from it yet; held, if it is on disk.

    """

    name: str
    old: MemoryQueue | DiskQueue
    new: MemoryQueue | DiskQueue

    async def finish(self) -> int:
        """Put what is left before the new; return how many records that are."""
        old = self.old
        old.rewind()
        old.ledger = Ledger()  # the real one went on to the new queue
        batches: list[RecordBatch] = []
        while old.waiting_count:
            lease = old.peek(_COUNT_MAX, _BATCH_BYTES_MAX)
            if lease is None:
                await asyncio.sleep(_READ_STEP_S)  # it is being read from disk
                continue
            batch = lease.batch.slice(0, lease.batch.count)
            batch.receipt = Receipt(batch.count, partial(self._on_taken, lease.token))
            batches.append(batch)
        self.new.put_before(batches)
        return sum(batch.count for batch in batches)

    def _on_taken(self, token: int, receipt: Receipt) -> None:
        del receipt
        self.old.ack(token)
