"""The memory queue against a list: push, lease, partial acks, rewinds, limits."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logferry.message.batch import Receipt, RecordBatch
from logferry.queues.memory import MemoryQueue

LIMIT = 40


class QueueMachine(RuleBasedStateMachine):
    """A list of (number, is leased by token or None) says what is right."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = MemoryQueue(LIMIT)
        self.model: list[tuple[int, int | None]] = []
        self.keys: dict[int, bytes] = {}
        self.next_number = 0
        self.unsettled: dict[int, set[int]] = {}  # receipt -> its records
        self.settled: set[int] = set()
        self.receipt_count = 0

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
        waiting = sum(1 for _, token in self.model if token is None)
        room = count if is_patient else max(0, min(count, LIMIT - waiting))
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
            assert not waiting
            return
        numbers = [int(record) for record in lease.batch.records()]
        assert numbers == waiting[: len(numbers)]
        assert 1 <= len(numbers) <= count_max
        assert len(numbers) == 1 or len(lease.batch.data) <= bytes_max
        assert len({self.keys[number] for number in numbers}) == 1
        self.model = [
            (number, lease.token if number in numbers else token)
            for number, token in self.model
        ]

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
        assert self.queue.bytes == sum(len(b"%d\n" % n) for n, _ in self.model)
        assert self.queue.ledger.queued() == len(self.model)

    @invariant()
    def receipts_settle_with_their_last_record(self) -> None:
        done = {number for number, left in self.unsettled.items() if not left}
        assert self.settled == done


QueueMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40)
test_memory_queue_equals_a_list = QueueMachine.TestCase
