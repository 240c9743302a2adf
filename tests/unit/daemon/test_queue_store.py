"""Queues by name: their bounds, and files that cannot be used."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from helpers.disk_queue import DirectQueue
from logferry.daemon import queue_files
from logferry.daemon.queue_files import DiskBufferNewer
from logferry.daemon.queue_store import QueueStore
from logferry.message.batch import Receipt, RecordBatch
from logferry.queues.memory import MemoryQueue
from logferry.queues.queue import Full
from logferry.runtime.disk_worker import DiskBufferFailed
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


async def test_nothing_is_accepted_into_a_file_that_was_deleted(
    environment, tmp_path
) -> None:
    """It would not survive; what was in it is delivered all the same."""
    store = QueueStore(environment)
    queue = store.make("q", Driver(Choice(disk_buffer=Buffer())))
    settled = []
    queue.push(RecordBatch.of([b"1\n"], receipt=Receipt(1, settled.append)))
    async with asyncio.timeout(10):
        while not settled:
            await asyncio.sleep(0.001)
    (tmp_path / "syslog-ng-00000.rqf").rename(tmp_path / "elsewhere")
    (tmp_path / "syslog-ng-00000.rqf").touch()
    queue.push(RecordBatch.of([b"2\n"], receipt=Receipt(1, settled.append)))
    async with asyncio.timeout(10):
        while not any(isinstance(e, DiskBufferFailed) for e in environment.log.events):
            await asyncio.sleep(0.001)
    assert len(settled) == 1
    lease = queue.peek(10, 1000)
    assert lease is not None
    assert lease.batch.records() == [b"1\n", b"2\n"]
    queue.ack(lease.token)
    assert len(settled) == 2, "delivered is as good as durable"
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
