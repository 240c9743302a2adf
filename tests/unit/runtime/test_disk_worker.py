"""The thread of a disk queue: failing disks, damaged files, the end."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial

import pytest

from logferry.message.batch import Receipt, RecordBatch
from logferry.queues import disk as disk_module
from logferry.queues import unstored
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.recovery import recover
from logferry.queues.storage import Storage
from logferry.runtime import disk_worker
from logferry.runtime.disk_worker import (
    DiskBufferDamaged,
    DiskBufferFailed,
    DiskBufferNotSaved,
    DiskBufferRowDamaged,
    DiskBufferWorksAgain,
    DiskWorker,
    RecordsLost,
)
from logferry.telemetry.events import NullLog


class Log(NullLog):
    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


class Connection:
    """A connection that refuses statements which begin with given words."""

    def __init__(self, path) -> None:
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self.refused: dict[str, int] = {}  # beginning of a statement -> error code

    def _check(self, statement: str) -> None:
        for beginning, code in self.refused.items():
            if statement.lstrip().startswith(beginning):
                error = sqlite3.OperationalError("injected")
                error.sqlite_errorcode = code
                raise error

    def execute(self, statement, *bindings):
        self._check(statement)
        return self._connection.execute(statement, *bindings)

    def executemany(self, statement, rows):
        rows = list(rows)
        if rows:
            self._check(statement)
        return self._connection.executemany(statement, rows)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def close(self) -> None:
        self._connection.close()


class Scene:
    """A queue, its worker and a disk that can be told to fail."""

    def __init__(self, path) -> None:
        self.path = path
        self.log = Log()
        self.settled: list[int] = []
        self.pushed = 0
        self.connection: Connection | None = None
        self.open()

    def open(self) -> None:
        storage = Storage(self.path, "owner", connect=self.connect)
        self.queue = DiskQueue(DiskLimits(1 << 30), storage.totals)
        self.worker = DiskWorker(
            self.queue,
            storage,
            partial(recover, self.path, owner="owner"),
            self.log,
        )

    def connect(self, path) -> Connection:
        self.connection = Connection(path)
        return self.connection

    def push(self, count: int = 1) -> None:
        for _ in range(count):
            number = self.pushed
            self.pushed += 1
            receipt = Receipt(1, lambda _, number=number: self.settled.append(number))
            batch = RecordBatch.of([b"%04d\n" % number], receipt=receipt)
            batch.is_patient = True
            self.queue.push(batch)

    async def until(self, is_done) -> None:
        async with asyncio.timeout(10):
            while not is_done():
                await asyncio.sleep(0.001)

    async def deliver_all(self) -> list[int]:
        numbers = []
        ready = asyncio.Event()
        self.queue.on_ready = ready.set
        async with asyncio.timeout(10):
            while self.queue.waiting_count:
                ready.clear()
                lease = self.queue.peek(3, 1000)
                if lease is None:
                    await ready.wait()
                    continue
                numbers += [int(item) for item in lease.batch.records()]
                self.queue.ack(lease.token)
        return numbers


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_worker, "_RETRY_S", 0.05)
    monkeypatch.setitem(disk_worker._DELAYS_S, disk_worker.Urgency.LATER, 0.01)

    async def make() -> Scene:
        return Scene(tmp_path / "queue")

    return make


async def test_receipts_settle_when_records_are_stored(scene) -> None:
    stage = await scene()
    stage.push(5)
    assert stage.settled == []
    await stage.until(lambda: len(stage.settled) == 5)
    assert stage.worker.storage.commit_count == 1, "one commit for all of them"
    await stage.worker.close()


async def test_what_is_delivered_at_once_is_never_written(scene) -> None:
    stage = await scene()
    for _ in range(50):
        stage.push()
        lease = stage.queue.peek(10, 1000)
        await asyncio.sleep(0)
        stage.queue.ack(lease.token)
    assert stage.settled == list(range(50))
    await asyncio.sleep(0.03)
    assert stage.worker.storage.commit_count == 0
    await stage.worker.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR])
async def test_a_disk_that_takes_nothing_holds_back_and_loses_nothing(
    scene, code
) -> None:
    stage = await scene()
    stage.push(3)
    await stage.until(lambda: len(stage.settled) == 3)
    stage.connection.refused["INSERT OR REPLACE INTO rows"] = code
    stage.push(3)
    await stage.until(lambda: DiskBufferFailed in stage.log.kinds())
    assert stage.settled == [0, 1, 2], "not accepted yet: the source waits"
    lease = stage.queue.peek(2, 1000)
    stage.queue.ack(lease.token)
    await stage.until(lambda: stage.worker.storage.totals.count == 1)  # removals go on
    stage.connection.refused.clear()
    await stage.until(lambda: len(stage.settled) == 6)
    assert stage.log.kinds() == [DiskBufferFailed, DiskBufferWorksAgain]
    assert await stage.deliver_all() == [2, 3, 4, 5]
    await stage.worker.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR])
async def test_a_disk_that_writes_nothing_at_all_does_not_stop_deliveries(
    scene, code, monkeypatch
) -> None:
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 20)
    monkeypatch.setattr(disk_module, "CACHE_BYTES", 50)  # most is only on disk
    stage = await scene()
    stage.push(60)
    await stage.until(lambda: len(stage.settled) == 60)
    stage.connection.refused["BEGIN"] = code
    stage.push(5)
    assert await stage.deliver_all() == list(range(65))
    assert stage.settled == list(range(65))
    stage.connection.refused.clear()
    await stage.until(lambda: stage.worker.storage.totals.count == 0)
    await stage.worker.close()
    stage.open()
    assert stage.queue.count == 0
    await stage.worker.close()


async def test_a_disk_that_reads_nothing_is_tried_again(scene, monkeypatch) -> None:
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 20)
    monkeypatch.setattr(disk_module, "CACHE_BYTES", 50)
    stage = await scene()
    stage.push(60)
    await stage.until(lambda: len(stage.settled) == 60)
    stage.connection.refused["SELECT r.first"] = sqlite3.SQLITE_IOERR
    numbers = asyncio.create_task(stage.deliver_all())
    await stage.until(lambda: DiskBufferFailed in stage.log.kinds())
    assert not numbers.done()
    stage.connection.refused.clear()
    assert await numbers == list(range(60))
    await stage.worker.close()


async def test_a_damaged_row_is_reported_and_the_rest_delivered(
    scene, monkeypatch
) -> None:
    monkeypatch.setattr(disk_module, "CACHE_BYTES", 30)
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 10)
    stage = await scene()
    stage.push(40)
    await stage.until(lambda: len(stage.settled) == 40)
    stage.connection.execute("UPDATE rows SET data = x'00' WHERE first = 20")
    numbers = await stage.deliver_all()
    assert numbers == [*range(20), *range(22, 40)]
    assert stage.log.kinds() == [DiskBufferRowDamaged, RecordsLost]
    assert stage.log.events[1].lost == 2
    assert stage.queue.ledger.dropped["damaged"] == 2
    assert stage.queue.ledger.queued() == stage.queue.count == 0
    await stage.worker.close()


async def test_a_file_damaged_while_it_is_used_is_replaced(scene, monkeypatch) -> None:
    monkeypatch.setattr(disk_module, "CACHE_BYTES", 30)
    stage = await scene()
    stage.push(40)
    await stage.until(lambda: len(stage.settled) == 40)
    stage.connection.refused["BEGIN"] = sqlite3.SQLITE_CORRUPT
    stage.push(5)
    await stage.until(lambda: len(stage.settled) == 45)
    assert stage.log.kinds() == [DiskBufferDamaged]
    event = stage.log.events[0]
    assert (event.recovered, event.lost) == (40, 0)
    assert await stage.deliver_all() == list(range(45))
    await stage.worker.close()


async def test_the_end_saves_what_waits(scene) -> None:
    stage = await scene()
    stage.push(10)
    lease = stage.queue.peek(4, 1000)
    stage.queue.ack(lease.token, 2)
    await stage.worker.close()
    assert stage.settled == list(range(10))
    stage.open()
    assert await stage.deliver_all() == list(range(2, 10))
    await stage.worker.close()


async def test_what_cannot_be_saved_at_the_end_is_reported(scene) -> None:
    stage = await scene()
    stage.connection.refused["INSERT OR REPLACE INTO rows"] = sqlite3.SQLITE_FULL
    stage.push(10)
    await stage.worker.close()
    assert stage.log.kinds()[-1] is DiskBufferNotSaved
    assert stage.log.events[-1].lost == 10
    assert stage.settled == []
