"""A disk queue whose work is done on the spot, without a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.errors import CorruptRecord
from logferry.message.batch import RecordBatch
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.recovery import open_storage, recover
from logferry.queues.work import Urgency

if TYPE_CHECKING:
    from pathlib import Path

    from logferry.queues.work import Found

WORKS_MAX = 100_000  # more than this for one queue is a loop without end


class DirectQueue:
    """
    A queue and its file.

    Attributes:
        found: what opening the file found, then what each recovery found.

    """

    def __init__(self, path: Path, limits: DiskLimits | None = None) -> None:
        self.path = path
        self.storage, found = open_storage(path, "owner", is_synchronous=False)
        self.found: list[Found] = [found]
        self.queue = DiskQueue(limits or DiskLimits(1 << 40), found.totals)
        self.damaged_rows = 0

    def work(self) -> None:
        """Do what the queue wants done, until it wants nothing."""
        for _ in range(WORKS_MAX):
            if self.queue.urgency() is Urgency.NONE:
                return
            self._work_once()
        raise AssertionError("there is no end of work")

    def _work_once(self) -> None:
        work = self.queue.take_work()
        try:
            done = self.storage.perform(work)
        except CorruptRecord as error:
            self.queue.on_failed(work)
            self._replace(error)
            return
        self.damaged_rows += len(done.damaged)
        self.queue.on_done(work, done)
        if done.error is not None:
            self._replace(done.error)

    def _replace(self, error: Exception) -> None:
        assert isinstance(error, CorruptRecord), error
        self.storage.close()
        self.storage, found = recover(
            self.path, str(error), "owner", is_synchronous=False
        )
        self.found.append(found)

    def push(self, records: list[bytes], key: bytes = b"") -> None:
        """Push one batch."""
        self.queue.push(RecordBatch.of(records, key))

    def drain(self) -> list[bytes]:
        """Deliver everything and return it."""
        records: list[bytes] = []
        for _ in range(WORKS_MAX):
            lease = self.queue.peek(1 << 20, 1 << 20)
            if lease is not None:
                records += lease.batch.records()
                self.queue.ack(lease.token)
            elif self.queue.waiting_count:
                self.work()
            else:
                self.work()
                return records
        raise AssertionError("the queue does not end")

    def lost(self) -> int:
        """How many records the queue says were lost by damage."""
        return self.found[0].lost_count + self.queue.ledger.dropped["damaged"]

    def is_loss_exact(self) -> bool:
        """Tell whether the file still knew how many there were."""
        return self.found[0].is_loss_exact

    def close(self) -> None:
        """Save everything and close the file."""
        self.queue.rewind()
        self.queue.close_intake()
        self.work()
        self.storage.close()

    def crash(self) -> None:
        """Leave the files as a killed process would: with a write-ahead log."""
        self.storage._connection.execute("PRAGMA wal_autocheckpoint = 0")
        saved = {
            path: path.read_bytes()
            for path in self.path.parent.iterdir()
            if path.name.startswith(self.path.name)
        }
        self.storage.close()
        for path, content in saved.items():
            if not path.name.endswith("-shm"):
                path.write_bytes(content)
