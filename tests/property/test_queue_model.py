"""
Both queues against a list: push, lease, partial acks, rewinds, limits; the disk queue
also with work under way, failures of the disk, crashes and restarts.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from logferry.message.batch import Receipt, RecordBatch
from logferry.queues import disk, unstored
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.memory import MemoryQueue
from logferry.queues.storage import Storage
from logferry.queues.work import Health, Urgency

LIMIT = 40
CAPACITY_BYTES = 400


def size_of(numbers) -> int:
    return sum(len(b"%d\n" % number) for number in numbers)


class QueueMachine(RuleBasedStateMachine):
    """A list of (number, is leased by token or None) says what is right."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = self.make_queue()
        self.model: list[tuple[int, int | None]] = []
        self.keys: dict[int, bytes] = {}
        self.next_number = 0
        self.unsettled: dict[int, set[int]] = {}  # receipt -> its records
        self.settled: set[int] = set()
        self.receipt_count = 0

    def make_queue(self):
        return MemoryQueue(LIMIT)

    def room(self, numbers: list[int]) -> int:
        waiting = sum(1 for _, token in self.model if token is None)
        return max(0, min(len(numbers), LIMIT - waiting))

    @rule(
        count=st.integers(1, 12),
        key=st.sampled_from([b"", b"a", b"b"]),
        is_patient=st.booleans(),
        has_ends=st.booleans(),
    )
    def push(self, count: int, key: bytes, is_patient: bool, has_ends: bool) -> None:
        numbers = list(range(self.next_number, self.next_number + count))
        self.next_number += count
        records = [b"%d\n" % number for number in numbers]
        batch = (
            RecordBatch.of(records, key)
            if has_ends
            else RecordBatch(b"".join(records), count, None, key)
        )
        receipt_id = self.receipt_count
        self.receipt_count += 1
        receipt = Receipt(count, lambda _: self.settled.add(receipt_id))
        batch.receipt = receipt
        receipt.hold()
        batch.is_patient = is_patient
        room = count if is_patient else self.room(numbers)
        self.queue.push(batch)
        receipt.settle()
        for number in numbers[:room]:
            self.model.append((number, None))
            self.keys[number] = key
        self.unsettled[receipt_id] = set(numbers[:room])

    @rule(count_max=st.integers(1, 20), bytes_max=st.integers(1, 60))
    def peek(self, count_max: int, bytes_max: int) -> None:
        lease = self.queue.peek(count_max, bytes_max)
        waiting = [number for number, token in self.model if token is None]
        if lease is None:
            assert self.may_be_starved() or not waiting
            return
        numbers = [int(record) for record in lease.batch.records()]
        assert numbers == waiting[: len(numbers)]
        assert 1 <= len(numbers) <= count_max
        assert len(numbers) == 1 or len(lease.batch.data) <= bytes_max
        assert {self.keys[number] for number in numbers} == {lease.batch.key}
        self.model = [
            (number, lease.token if number in numbers else token)
            for number, token in self.model
        ]

    def may_be_starved(self) -> bool:
        return False

    def _tokens(self) -> list[int]:
        return sorted({token for _, token in self.model if token is not None})

    @precondition(lambda self: self._tokens())
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(self._tokens()))
        leased = [number for number, held in self.model if held == token]
        count = data.draw(st.integers(1, len(leased)))
        how = data.draw(st.sampled_from([self.queue.ack, self.queue.dead_letter]))
        how(token, count)
        gone = set(leased[:count])
        self.model = [item for item in self.model if item[0] not in gone]
        for numbers in self.unsettled.values():
            numbers -= gone

    @precondition(lambda self: self._tokens())
    @rule(data=st.data())
    def rewind(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from([None, *self._tokens()]))
        self.queue.rewind(token)
        self.model = [
            (number, None if token is None or held == token else held)
            for number, held in self.model
        ]

    @invariant()
    def counts_agree(self) -> None:
        assert self.queue.count == len(self.model)
        waiting = sum(1 for _, token in self.model if token is None)
        assert self.queue.waiting_count == waiting
        assert self.queue.bytes == size_of(number for number, _ in self.model)
        assert self.queue.ledger.queued() == len(self.model)

    @invariant()
    def receipts_settle_with_their_last_record(self) -> None:
        done = {number for number, left in self.unsettled.items() if not left}
        assert self.settled == done


class DiskQueueMachine(QueueMachine):
    """The same list, and a set that says what the file must hold."""

    limits = DiskLimits(CAPACITY_BYTES, is_reliable=True, memory_bytes_max=300)

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="queue-", dir=shared_memory()))
        self.storage = Storage(self.folder / "q", "owner", is_synchronous=False)
        self.stored: dict[int, list[int]] = {}  # first of a row -> its numbers
        self.work = None
        self.ready = 0
        super().__init__()

    def teardown(self) -> None:
        self.storage.close()
        shutil.rmtree(self.folder)

    def make_queue(self):
        queue = DiskQueue(self.limits, self.storage.totals)
        queue.on_ready = self.note_ready
        return queue

    def note_ready(self) -> None:
        self.ready += 1

    def room(self, numbers: list[int]) -> int:
        free = CAPACITY_BYTES - size_of(number for number, _ in self.model)
        free = min(free, self.limits.memory_bytes_max - self.queue.unstored_bytes)
        room = 0
        while room < len(numbers) and size_of(numbers[: room + 1]) <= free:
            room += 1
        return room

    def may_be_starved(self) -> bool:
        assert self.queue._gap_count > 0 or not self.queue.waiting_count
        return True

    @precondition(lambda self: self.work is None)
    @rule(health=st.sampled_from(Health))
    def begin_work(self, health: Health = Health.GOOD) -> None:
        self.queue.set_health(health)
        self.work = self.queue.take_work()
        assert not self.work.inserts or health is Health.GOOD
        assert not self.work.changes or health < Health.READ_ONLY
        assert self.work.load is None or health < Health.BROKEN
        self.queue.set_health(Health.GOOD)

    @precondition(lambda self: self.work is not None)
    @rule()
    def end_work(self) -> None:
        work, self.work = self.work, None
        done = self.storage.perform(work)
        self.note_work(work)
        self.queue.on_done(work, done)

    def note_work(self, work) -> None:
        for row in work.inserts:
            numbers = [int(record) for record in row.batch().records()]
            self.stored[row.first] = numbers
            for left in self.unsettled.values():
                left.difference_update(numbers)
        for first in work.deletes:
            gone = self.stored.pop(first)
            assert not set(gone) & {number for number, _ in self.model}

    @precondition(lambda self: self.work is not None)
    @rule()
    def fail_work(self) -> None:
        work, self.work = self.work, None
        self.queue.on_failed(work)

    def settle_work(self) -> None:
        while self.queue.urgency() is not Urgency.NONE:
            self.begin_work(health=Health.GOOD)
            self.end_work()

    @rule(counts=st.lists(st.integers(1, 12), min_size=4, max_size=12))
    def fill(self, counts: list[int]) -> None:
        """Much at once, all of it stored: what opens a gap."""
        if self.work is not None:
            self.end_work()
        for count in counts:
            self.push(count, b"", False, False)
        for _ in range(4):
            self.begin_work(health=Health.GOOD)
            self.end_work()

    @precondition(lambda self: self.work is None and self._tokens())
    @rule(data=st.data(), fails=st.booleans())
    def ack_while_work_is_under_way(self, data: st.DataObject, fails: bool) -> None:
        self.begin_work(health=Health.GOOD)
        self.ack(data)
        if fails:
            self.fail_work()
        else:
            self.end_work()

    @rule(looks=st.booleans())
    def stop_and_start(self, looks: bool) -> None:
        """A clean stop saves everything, acknowledgements included."""
        if self.work is not None:
            self.end_work()
        self.queue.rewind()
        self.queue.close_intake()
        self.settle_work()
        assert self.queue.unstored_bytes == self.queue.unstored_count == 0
        self.model = [(number, None) for number, _ in self.model]
        for left in self.unsettled.values():
            left.clear()
        self.storage.close()
        self.storage = Storage(self.folder / "q", is_synchronous=False)
        assert self.storage.owner == "owner"
        self.queue = self.make_queue()
        if looks:
            self.drain_and_compare({number for number, _ in self.model})

    @rule(when=st.sampled_from(["before", "after"]))
    def crash_and_start(self, when: str) -> None:
        """What is in the file survives, and only what was not gone may come again."""
        if self.work is not None:
            work, self.work = self.work, None
            if when == "after":
                self.storage.perform(work)
                self.note_work(work)
        self.storage.close()  # what was committed is what a killed process leaves
        self.storage = Storage(self.folder / "q", is_synchronous=False)
        self.queue = self.make_queue()
        stored = {number for numbers in self.stored.values() for number in numbers}
        alive = {number for number, _ in self.model}
        found = self.drain_and_compare(None)
        assert found <= stored
        assert found >= stored & alive  # accepted and not delivered
        self.model = [(number, None) for number in sorted(found)]
        for left in self.unsettled.values():
            left.clear()
        self.settled = set(self.unsettled)
        self.queue.rewind()

    def drain_and_compare(self, expected: set[int] | None) -> set[int]:
        """Lease everything, compare, put it back."""
        numbers: list[int] = []
        while self.queue.waiting_count:
            lease = self.queue.peek(1000, 10_000)
            if lease is None:
                ready = self.ready
                self.begin_work(health=Health.GOOD)
                self.end_work()
                assert self.ready == ready + 1
                continue
            numbers += [int(record) for record in lease.batch.records()]
        assert numbers == sorted(numbers)
        assert len(set(numbers)) == len(numbers)
        if expected is not None:
            assert set(numbers) == expected
        self.queue.rewind()
        self.model = [(number, None) for number in numbers]
        return set(numbers)

    @invariant()
    def the_file_knows_its_size(self) -> None:
        if self.work is None:
            rows = self.storage._connection.execute(
                "SELECT count(*) FROM rows"
            ).fetchone()[0]
            assert rows == len(self.stored)
            assert self.queue.stored == self.storage.totals
            assert self.storage._count().count == self.storage.totals.count
            assert self.queue.unstored_bytes >= 0


class UnreliableMachine(DiskQueueMachine):
    """Accepted at once, written when there is too much for memory."""

    limits = DiskLimits(
        CAPACITY_BYTES, is_reliable=False, memory_bytes_max=300, memory_count_max=20
    )

    @invariant()
    def receipts_settle_with_their_last_record(self) -> None:
        """What is accepted at once is settled at once; see the unit tests."""


def shared_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture(autouse=True)
def _small_caches(monkeypatch) -> None:
    """Limits of a few records, so that gaps open and close all the time."""
    monkeypatch.setattr(disk, "CACHE_BYTES", 40)
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 24)
    monkeypatch.setattr(unstored, "WORK_BYTES_MAX", 90)
    monkeypatch.setattr(disk, "HURRY_BYTES", 150)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [QueueMachine, DiskQueueMachine, UnreliableMachine])
def test_queue_equals_a_list(machine) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=120, stateful_step_count=50, deadline=None),
    )
