"""Queues by name: their bounds, and files that cannot be used."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context

import pytest

from helpers.disk_queue import DirectQueue
from logferry.daemon import queue_files
from logferry.daemon.instance import AlreadyRunning, InstanceLock
from logferry.daemon.queue_files import DiskBufferNewer
from logferry.daemon.queue_store import QueueStore
from logferry.errors import StateError, StorageFailed
from logferry.message.batch import Receipt, RecordBatch
from logferry.queues.files import owner_of, remove_queue_file
from logferry.queues.memory import MemoryQueue
from logferry.queues.queue import Full
from logferry.queues.storage import Storage
from logferry.runtime import disk_worker
from logferry.runtime.disk_worker import DiskBufferInTheWay, DiskBufferRenewed
from logferry.runtime.environment import Environment
from logferry.telemetry.events import NullLog


class Log(NullLog):
    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)


@dataclass
class Buffer:
    reliable: bool = True
    durability: str = "fsync"
    dir: str = ""
    capacity_bytes: int = 1 << 30
    flow_control_window_bytes: int = 1 << 20
    front_cache_size: int = 1000
    truncate_size_ratio: float = 1.0


@dataclass
class Choice:
    log_fifo_size: int = 10
    log_fifo_bytes: int = 0
    disk_buffer: Buffer | None = None


@dataclass
class Driver:
    options: Choice = field(default_factory=Choice)


@pytest.fixture
def environment(tmp_path):
    return Environment(
        log=Log(), state_dir=tmp_path, host_name="h", time_zone="UTC", stop=lambda: None
    )


async def until(condition) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def seen(environment, kind) -> bool:
    return any(isinstance(event, kind) for event in environment.log.events)


async def push_stored(queue, line: bytes) -> None:
    """Push a record and wait until it is durable."""
    settled = []
    queue.push(RecordBatch.of([line], receipt=Receipt(1, settled.append)))
    await until(lambda: settled)


def contents(path) -> list[bytes]:
    """Return the records in a file that nobody uses."""
    direct = DirectQueue(path)
    records = direct.drain()
    direct.close()
    return records


def run_elsewhere(path) -> None:
    """Take a lock in another process. Raises what it raises."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(InstanceLock, path).result()


@pytest.mark.parametrize(
    ("messages", "size_bytes", "limit"),
    [(10, 0, 1 << 30), (10_000_000, 0, 10_240_000_000), (10, 100, 100)],
)
async def test_memory_is_bounded_by_bytes_too(
    environment, messages, size_bytes, limit
) -> None:
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(messages, size_bytes)))
    assert isinstance(queue, MemoryQueue)
    assert (queue.count_limit, queue.bytes_limit) == (messages, limit)


async def test_records_over_the_bytes_are_rejected_with_a_reason(environment) -> None:
    queue = QueueStore(environment).make("q", Driver(Choice(1000, 100)))
    result = queue.push(RecordBatch.of([b"x" * 30] * 4))
    assert result == Full(3, 1)
    assert dict(queue.ledger.rejected) == {"queue-full": 1}


async def test_another_limit_holds_from_the_next_reload_on(environment) -> None:
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(1000, 100)))
    assert store.make("q", Driver(Choice(5, 50))) is queue
    assert (queue.count_limit, queue.bytes_limit) == (5, 50)


async def test_a_file_of_a_later_version_is_left_alone_and_another_used(
    environment, tmp_path
) -> None:
    """After the next upgrade it is reported as abandoned, and can be adopted."""
    path = tmp_path / "syslog-ng-00000.rqf"
    DirectQueue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
        connection.execute("ALTER TABLE rows ADD COLUMN more")
    before = path.read_bytes()
    environment.state.put("queue/q", bytes(path))
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(disk_buffer=Buffer())))
    queue.push(RecordBatch.of([b"1\n"]))
    await store.close()
    assert [
        e.filename for e in environment.log.events if isinstance(e, DiskBufferNewer)
    ]
    assert path.read_bytes() == before
    direct = DirectQueue(tmp_path / "syslog-ng-00001.rqf")
    assert direct.drain() == [b"1\n"]
    direct.close()


async def test_a_large_file_is_opened_beside_the_event_loop(
    environment, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(queue_files, "_OPENED_AT_ONCE_BYTES", 100)
    direct = DirectQueue(tmp_path / "syslog-ng-00000.rqf")
    direct.push([b"1\n", b"2\n"])
    direct.close()
    environment.state.put("queue/q", bytes(tmp_path / "syslog-ng-00000.rqf"))
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(disk_buffer=Buffer())))
    queue.push(RecordBatch.of([b"3\n"]))
    assert queue.count == 1, "what is in the file is not known yet"
    ready = asyncio.Event()
    queue.on_ready = ready.set
    assert queue.peek(10, 1000) is None
    records = []
    async with asyncio.timeout(10):
        await ready.wait()
        while queue.count:
            lease = queue.peek(10, 1000)
            if lease is None:
                await asyncio.sleep(0.001)
                continue
            records += lease.batch.records()
            queue.ack(lease.token)
    assert records == [b"1\n", b"2\n", b"3\n"]
    await store.close()


async def test_a_file_that_was_replaced_in_use_is_written_anew(
    environment, tmp_path
) -> None:
    """What stands in its place is kept, too."""
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(disk_buffer=Buffer())))
    path = tmp_path / "syslog-ng-00000.rqf"
    await push_stored(queue, b"1\n")
    path.rename(tmp_path / "elsewhere")
    path.write_bytes(b"foreign")
    await push_stored(queue, b"2\n")
    await store.close()
    assert path.with_name("syslog-ng-00001.rqf").read_bytes() == b"foreign"
    events = [type(event) for event in environment.log.events]
    assert events.count(DiskBufferRenewed) == events.count(DiskBufferInTheWay) == 1
    assert contents(path) == [b"1\n", b"2\n"]


@pytest.mark.parametrize("gone", ["file", "folder"])
async def test_a_file_that_was_deleted_in_use_is_there_after_the_stop(
    environment, tmp_path, gone
) -> None:
    """Also when nothing came in since."""
    folder = tmp_path / "queues"
    store = QueueStore(environment)
    buffer = Buffer(dir=str(folder))
    queue = store.make("q", Driver(Choice(disk_buffer=buffer)))
    for number in range(100):
        await push_stored(queue, b"%d\n" % number)
    if gone == "file":
        remove_queue_file(folder / "syslog-ng-00000.rqf")
    else:
        shutil.rmtree(folder)
    await store.close()
    expected = [b"%d\n" % number for number in range(100)]
    assert contents(folder / "syslog-ng-00000.rqf") == expected


async def test_a_folder_made_anew_is_locked_anew(environment, tmp_path) -> None:
    store = QueueStore(environment)
    buffer = Buffer(dir=str(tmp_path / "queues"))
    queue = store.make("q", Driver(Choice(disk_buffer=buffer)))
    await push_stored(queue, b"1\n")
    shutil.rmtree(tmp_path / "queues")
    await push_stored(queue, b"2\n")
    with pytest.raises(AlreadyRunning):
        run_elsewhere(tmp_path / "queues" / "logferry-disk-buffer.dirlock")
    await store.close()


async def test_an_idle_queue_notices_that_its_file_is_gone(
    environment, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(disk_worker, "_LOOK_S", 0.01)
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(disk_buffer=Buffer())))
    await push_stored(queue, b"1\n")
    remove_queue_file(tmp_path / "syslog-ng-00000.rqf")
    await until(lambda: seen(environment, DiskBufferRenewed))
    assert owner_of(tmp_path / "syslog-ng-00000.rqf")[1].count == 1
    await store.close()


@pytest.mark.parametrize("waiting", [0, 2])
async def test_a_file_left_over_is_used_until_it_is_empty_then_deleted(
    environment, tmp_path, waiting
) -> None:
    path = tmp_path / "syslog-ng-00000.rqf"
    direct = DirectQueue(path)
    if waiting:
        direct.push([b"1\n"] * waiting)
    direct.close()
    environment.state.put("queue/q", bytes(path))
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice()))
    assert isinstance(queue, MemoryQueue) is not bool(waiting)
    assert queue.count == waiting
    assert path.exists() is bool(waiting)
    assert (environment.state.get("queue/q") is None) is not bool(waiting)
    await store.close()


async def test_a_file_on_a_disk_that_is_not_mounted_is_not_forgotten(
    environment, tmp_path
) -> None:
    path = tmp_path / "not there" / "syslog-ng-00000.rqf"
    environment.state.put("queue/q", bytes(path))
    store = QueueStore(environment)
    assert isinstance(store.make("q", Driver(Choice())), MemoryQueue)
    assert environment.state.get("queue/q") == bytes(path)
    assert not path.parent.exists()
    await store.close()


async def test_an_adopted_file_is_opened_beside_the_event_loop(
    environment, tmp_path, monkeypatch
) -> None:
    """Counting it may take seconds; everything else goes on."""
    path = tmp_path / "syslog-ng-00007.rqf"
    direct = DirectQueue(path)
    direct.push([b"1\n", b"2\n"])
    direct.work()
    direct.storage.close()
    may_count = threading.Event()
    count = Storage._count

    def slow(storage: Storage):
        assert may_count.wait(30)
        return count(storage)

    monkeypatch.setattr(Storage, "_count", slow)
    store = QueueStore(environment)
    queue = store.make("q", Driver())
    adopting = asyncio.create_task(store.adopt(path, queue.push))
    await asyncio.sleep(0)
    with pytest.raises(StateError):
        await store.adopt(path, queue.push)
    may_count.set()
    assert await adopting == 2
    await until(lambda: queue.count == 2)
    lease = queue.peek(10, 1000)
    assert lease.batch.records() == [b"1\n", b"2\n"]
    queue.ack(lease.token)
    await until(lambda: not path.exists())
    await store.close()


async def test_a_file_that_cannot_be_adopted_may_be_tried_again(
    environment, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "syslog-ng-00007.rqf"
    direct = DirectQueue(path)
    direct.push([b"1\n"])
    direct.work()
    direct.storage.close()
    store = QueueStore(environment)
    queue = store.make("q", Driver())

    def refuse(storage: Storage):
        raise StorageFailed("not now")

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "_count", refuse)
        with pytest.raises(StorageFailed):
            await store.adopt(path, queue.push)
    assert await store.adopt(path, queue.push) == 1
    await store.close()
