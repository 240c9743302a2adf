"""
The power fails before every single write, sync and deletion of a queue's life.

What was not synced is lost, torn or kept. Afterwards everything that was accepted and
not delivered must be there, in order, and nothing that was never pushed.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import sys

import apsw
import pytest

from helpers.torn_disk import Disk
from logferry.errors import QueueError
from logferry.message.batch import Receipt, RecordBatch
from logferry.queues import disk as disk_module
from logferry.queues import storage as storage_module
from logferry.queues import unstored
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.recovery import open_storage
from logferry.queues.storage import Storage
from logferry.queues.work import Urgency

PUSHES = 24
RECORDS = 5
RECORD_BYTES = 2000


@pytest.fixture(autouse=True)
def _errors_that_sqlite_ignores(monkeypatch) -> None:
    """A checkpoint after a commit may fail: apsw has nobody else to tell it."""
    unforeseen = sys.unraisablehook

    def hook(item) -> None:
        if not isinstance(item.exc_value, apsw.IOError):
            unforeseen(item)

    monkeypatch.setattr(sys, "unraisablehook", hook)


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 3 * RECORDS * RECORD_BYTES)
    monkeypatch.setattr(disk_module, "CACHE_BYTES", 4 * RECORDS * RECORD_BYTES)
    monkeypatch.setattr(storage_module, "PAGE_BYTES", 4096)
    monkeypatch.setattr(storage_module, "WAL_PAGES", 24)  # checkpoints in between


class Life:
    """A queue under a fixed workload, until the power fails."""

    def __init__(self, folder, name: str, fail_at: int | None) -> None:
        self.disk = Disk(name)
        self.disk.fail_at = fail_at
        self.path = folder / "queue"
        self.pushed = 0
        self.accepted: set[int] = set()
        self.delivered: set[int] = set()
        self._storage: Storage | None = None

    def live(self) -> None:
        try:
            self._live()
        finally:
            self.disk.is_abandoned = True
            if self._storage is not None:
                self._storage.close()

    def _live(self) -> None:
        storage = Storage(self.path, "owner", connect=self.connect)
        self._storage = storage
        queue = DiskQueue(DiskLimits(1 << 30), storage.totals)
        chance = random.Random(3)
        for turn in range(PUSHES):
            self._push(queue)
            if turn % 2:
                self._work(queue)
            if turn > 8 and chance.random() < 0.6:
                self._deliver(queue, chance)
        self._work(queue)
        storage.close()

    def connect(self, path):
        """Open the file; what cannot even be opened is closed without complaint."""
        try:
            return self.disk.connect(path)
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from None

    def _push(self, queue: DiskQueue) -> None:
        numbers = range(self.pushed, self.pushed + RECORDS)
        self.pushed += RECORDS
        receipt = Receipt(RECORDS, lambda _: self.accepted.update(numbers))
        queue.push(RecordBatch.of([record(n) for n in numbers], receipt=receipt))

    def _work(self, queue: DiskQueue) -> None:
        assert self._storage is not None
        while queue.urgency() is not Urgency.NONE:
            work = queue.take_work()
            queue.on_done(work, self._storage.perform(work))

    def _deliver(self, queue: DiskQueue, chance: random.Random) -> None:
        lease = queue.peek(chance.randrange(1, 12), 1 << 20)
        if lease is None:
            return
        self.delivered.update(int(item[:6]) for item in lease.batch.records())
        queue.ack(lease.token)


def record(number: int) -> bytes:
    return b"%06d %s\n" % (number, b"x" * (RECORD_BYTES - 8))


def operations(tmp_path) -> int:
    life = Life(tmp_path, "counting", None)
    life.live()
    assert life.accepted == set(range(PUSHES * RECORDS))
    return life.disk.operations


@pytest.mark.slow
@pytest.mark.parametrize("how", ["lost", "torn", "kept"])
def test_what_was_accepted_survives_a_power_failure_at_any_step(tmp_path, how) -> None:
    total = operations(tmp_path)
    assert total > 200
    for step in range(1, total + 1):
        life = Life(tmp_path, f"disk-{how}-{step}", step)
        with contextlib.suppress(QueueError):  # closing does not raise
            life.live()
        assert life.disk.operations >= step
        folder = tmp_path / f"{how}-{step}"
        folder.mkdir()
        life.disk.survive(folder, how, random.Random(step))
        check(life, folder / "queue", step)


def check(life: Life, path, step: int) -> None:
    storage, found = open_storage(path, "owner", is_synchronous=False)
    queue = DiskQueue(DiskLimits(1 << 30), found.totals)
    records: list[bytes] = []
    while queue.waiting_count:
        lease = queue.peek(1000, 1 << 20)
        if lease is not None:
            records += lease.batch.records()
            queue.ack(lease.token)
        work = queue.take_work()
        queue.on_done(work, storage.perform(work))
    storage.close()
    numbers = [int(item[:6]) for item in records]
    assert numbers == sorted(set(numbers)), step
    assert records == [record(number) for number in numbers], step
    assert set(numbers) <= set(range(life.pushed)), step
    missing = life.accepted - life.delivered - set(numbers)
    assert not missing, (step, sorted(missing)[:5])
    assert queue.ledger.dropped.total() == 0, step
    assert not found.kept_as, (step, found)
