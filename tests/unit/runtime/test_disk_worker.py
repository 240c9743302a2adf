"""The thread of a disk queue: failing disks, damaged files, the end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from functools import partial

import pytest

from helpers.disk_queue import DirectQueue
from logferry.errors import StorageFailed
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
    QueueFile,
    RecordsLost,
    RecoveryProgress,
    RecoveryPutOff,
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
        file = QueueFile(self.path, "owner", is_synchronous=True, storage=storage)
        self.worker = DiskWorker(
            self.queue,
            file,
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


class Recovery:
    """A damaged file with two batches in it; recovering it waits for a word."""

    def __init__(self, path) -> None:
        self.path = path
        self.may_end = threading.Event()
        self.log = Log()
        queue = DirectQueue(path)
        queue.push([b"0001\n", b"0002\n"])
        queue.close()
        content = bytearray(path.read_bytes())
        content[:16] = bytes(16)
        path.write_bytes(content)
        self.queue = DiskQueue(DiskLimits(1 << 30))
        file = QueueFile(path, "owner", is_synchronous=True, damage="no header")
        self.worker = DiskWorker(self.queue, file, self.recover, self.log)

    def recover(self, error, *, is_synchronous, on_progress):
        while not self.may_end.wait(0.001):
            on_progress(0.5)
        return recover(
            self.path,
            error,
            "owner",
            is_synchronous=is_synchronous,
            on_progress=on_progress,
        )

    def push(self, number: int) -> None:
        self.queue.push(RecordBatch.of([b"%04d\n" % number]))


async def drained(queue: DiskQueue) -> list[int]:
    numbers = []
    async with asyncio.timeout(10):
        while queue.count:
            lease = queue.peek(100, 1 << 20)
            if lease is None:
                await asyncio.sleep(0.001)
                continue
            numbers += [int(item) for item in lease.batch.records()]
            queue.ack(lease.token)
    return numbers


async def test_what_comes_in_during_a_recovery_comes_after_what_it_finds(tmp_path):
    scene = Recovery(tmp_path / "q.rqf")
    ready = asyncio.Event()
    scene.queue.on_ready = ready.set
    scene.push(3)
    scene.push(4)
    assert scene.queue.count == 2
    assert scene.queue.peek(10, 1000) is None, "the older ones come first"
    async with asyncio.timeout(10):
        while RecoveryProgress not in scene.log.kinds():
            await asyncio.sleep(0.001)
    scene.may_end.set()
    async with asyncio.timeout(10):
        await ready.wait()
    assert await drained(scene.queue) == [1, 2, 3, 4]
    assert scene.queue.ledger.accepted == scene.queue.ledger.delivered == 4
    await scene.worker.close()
    assert DiskBufferDamaged in scene.log.kinds()


async def test_a_stop_does_not_wait_for_a_recovery_and_loses_nothing(tmp_path):
    """Twice; the third start gets through."""
    path = tmp_path / "q.rqf"
    scene = Recovery(path)
    scene.push(3)
    await scene.worker.close()
    assert RecoveryPutOff in scene.log.kinds()
    assert DiskBufferNotSaved not in scene.log.kinds()
    assert (tmp_path / "q.rqf.arrived").exists()
    queue = DiskQueue(DiskLimits(1 << 30))
    file = QueueFile(path, "owner", is_synchronous=True, damage="no header")
    worker = DiskWorker(queue, file, scene.recover, scene.log)
    queue.push(RecordBatch.of([b"0004\n"]))
    await worker.close()
    scene.may_end.set()
    direct = DirectQueue(path)
    assert direct.found[0].recovered_count == 2
    assert [int(item) for item in direct.drain()] == [1, 2, 3, 4]
    direct.close()
    assert not (tmp_path / "q.rqf.arrived").exists()


async def test_a_stop_while_a_file_is_replaced_keeps_what_is_in_memory(scene) -> None:
    """The file turned out to be damaged while it was in use."""
    stage = await scene()
    stage.push(3)
    await stage.until(lambda: len(stage.settled) == 3)
    is_asked = threading.Event()

    def recover_slowly(error, *, is_synchronous, on_progress):
        is_asked.set()
        while True:
            on_progress(0.5)
            time.sleep(0.001)

    stage.worker._recover = recover_slowly
    stage.connection.refused["INSERT"] = sqlite3.SQLITE_CORRUPT
    stage.push(2)
    await stage.until(is_asked.is_set)
    stage.push(1)
    await stage.worker.close()
    assert sorted(stage.settled) == [0, 1, 2, 3, 4, 5]
    direct = DirectQueue(stage.path)
    assert [int(item) for item in direct.drain()] == [0, 1, 2, 3, 4, 5]
    direct.close()


async def test_a_recovery_that_the_disk_refuses_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_worker, "_RETRY_S", 0.01)
    scene = Recovery(tmp_path / "q.rqf")
    scene.may_end.set()
    refusals = [StorageFailed("no"), OSError("neither")]
    recover_file = scene.worker._recover

    def refuse(*words, **more):
        if refusals:
            raise refusals.pop()
        return recover_file(*words, **more)

    scene.worker._recover = refuse
    scene.push(3)
    assert await drained(scene.queue) == [1, 2, 3]
    assert refusals == []
    await scene.worker.close()
