"""From memory to disk and back at any moment: order, receipts and the ledger stay."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.disk_queue import DirectQueue
from logferry.daemon.queue_moves import Move
from logferry.message.batch import Receipt, RecordBatch
from logferry.queues.memory import MemoryQueue

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 5), st.sampled_from([b"", b"k"])),
        st.tuples(st.just("lease"), st.integers(1, 4), st.just(b"")),
        st.tuples(st.just("ack"), st.integers(0, 3), st.just(b"")),
        st.tuples(st.just("rewind"), st.integers(0, 3), st.just(b"")),
    ),
    max_size=20,
)


class Scene:
    """Numbered records, what became of them, and who was told."""

    def __init__(self) -> None:
        self.next_number = 0
        self.delivered: list[int] = []
        self.settled: list[int] = []
        self.leases: list = []

    def push(self, queue, count: int, key: bytes) -> None:
        numbers = range(self.next_number, self.next_number + count)
        self.next_number += count
        receipt = Receipt(count, partial(self._on_settled, numbers))
        batch = RecordBatch.of([b"%d\n" % n for n in numbers], key, receipt)
        batch.is_patient = True
        queue.push(batch)

    def _on_settled(self, numbers: range, receipt: Receipt) -> None:
        del receipt
        self.settled += numbers

    def play(self, queue, steps) -> None:
        for kind, number, key in steps:
            if kind == "push":
                self.push(queue, number, key)
            elif kind == "lease":
                lease = queue.peek(number, 1000)
                if lease is not None:
                    self.leases.append(lease)
            elif self.leases:
                lease = self.leases.pop(number % len(self.leases))
                if kind == "ack":
                    self.delivered += [int(item) for item in lease.batch.records()]
                    queue.ack(lease.token)
                else:
                    queue.rewind(lease.token)

    def check(self, queue, found: list[bytes]) -> None:
        """What was not delivered before comes now, once and in order."""
        rest = [int(item) for item in found]
        assert rest == sorted(rest)
        assert sorted(self.delivered + rest) == list(range(self.next_number))
        assert sorted(self.settled) == list(range(self.next_number))
        ledger = queue.ledger
        assert ledger.accepted == ledger.delivered == self.next_number
        assert queue.count == 0


def drain(queue) -> list[bytes]:
    found: list[bytes] = []
    while (lease := queue.peek(3, 1000)) is not None:
        found += lease.batch.records()
        queue.ack(lease.token)
    return found


@given(before=STEPS, meanwhile=STEPS)
@settings(max_examples=150, deadline=None)
def test_from_memory_to_disk(before, meanwhile) -> None:
    scene = Scene()
    memory = MemoryQueue()
    with tempfile.TemporaryDirectory() as folder:
        scene.play(memory, before)
        direct = DirectQueue(Path(folder, "q.rqf"))
        disk = direct.queue
        disk.ledger = memory.ledger
        disk.hold()
        for kind, number, key in meanwhile:
            if kind == "push":
                scene.push(disk, number, key)
        assert asyncio.run(Move("q", memory, disk).finish()) == memory.count
        assert disk.peek(1, 1000) is None, "held until everything is in its place"
        disk.let_go()
        direct.work()
        assert memory.count == 0, "all of it is durable elsewhere"
        scene.check(disk, direct.drain())
        direct.close()


@given(before=STEPS, after=STEPS)
@settings(max_examples=150, deadline=None)
def test_from_disk_to_memory(before, after) -> None:
    scene = Scene()
    with tempfile.TemporaryDirectory() as folder:
        direct = DirectQueue(Path(folder, "q.rqf"))
        disk = direct.queue
        memory = MemoryQueue(ledger=disk.ledger)
        scene.play(disk, before)
        for kind, number, key in after:
            if kind == "push":
                scene.push(memory, number, key)
        asyncio.run(Move("q", disk, memory).finish())
        direct.work()
        assert disk.count == memory.count - sum(
            number for kind, number, _ in after if kind == "push"
        ), "the file has them until they are delivered"
        found = drain(memory)
        direct.work()
        assert disk.count == 0
        scene.check(memory, found)
        direct.close()
