"""What a worker carries, and what it collects from the queue."""

from __future__ import annotations

from logferry.destinations.http.collector import Collector
from logferry.destinations.http.load import Load
from logferry.message.batch import RecordBatch
from logferry.policy.batching import Batching, BatchingPlan
from logferry.policy.retry import Fate
from logferry.policy.throttle import TokenBucket
from logferry.queues.memory import MemoryQueue
from logferry.queues.queue import Lease


def queue_of(*runs: tuple[bytes, int]) -> MemoryQueue:
    """Return a queue of numbered records: (key, count) after (key, count)."""
    queue = MemoryQueue()
    number = 0
    for key, count in runs:
        records = [b"%d\n" % item for item in range(number, number + count)]
        queue.push(RecordBatch.of(records, key))
        number += count
    return queue


def collector_of(queue: MemoryQueue, count_max: int, **options: object) -> Collector:
    batching: Batching[Lease] = Batching(BatchingPlan(count_max, 1 << 20))
    return Collector(queue, batching, lambda key: key, **options)  # type: ignore[arg-type]


def batches(collector: Collector, now: float = 0.0) -> list[tuple[bytes, int]]:
    found = []
    while (item := collector.next_batch(now, is_busy=lambda _: False)) is not None:
        found.append((item.key, item.count))
    return found


def test_batches_are_filled_exactly_from_runs_of_any_size():
    queue = queue_of((b"", 7), (b"", 1), (b"", 12), (b"", 3))
    assert [count for _, count in batches(collector_of(queue, 5))] == [5, 5, 5, 5, 3]


def test_keys_that_come_in_turns_are_collected_apart():
    runs = [(b"a", 3), (b"b", 3)] * 4
    found = batches(collector_of(queue_of(*runs), 6))
    assert sorted(found) == [(b"a", 6), (b"a", 6), (b"b", 6), (b"b", 6)]


def test_throttle_lets_pass_what_it_may():
    queue = queue_of((b"", 10))
    collector = collector_of(queue, 100, throttle=TokenBucket(4, 0.0))
    assert batches(collector, now=0.0) == [(b"", 4)]
    assert batches(collector, now=0.0) == []
    assert batches(collector, now=0.5) == [(b"", 2)]


def test_what_was_collected_can_be_put_back():
    queue = queue_of((b"a", 3), (b"b", 3))
    collector = collector_of(queue, 2)
    first = collector.next_batch(0.0, is_busy=lambda _: False)
    assert first is not None
    collector.put_back()
    Load(first.leases, b"").put_back(queue)
    lease = queue.peek(100, 1 << 20)
    assert lease is not None
    assert lease.batch.data == b"0\n1\n2\n"


def load_of(queue: MemoryQueue, *counts: int) -> Load:
    leases = []
    for count in counts:
        lease = queue.peek(count, 1 << 20)
        assert lease is not None
        leases.append(lease)
    return Load(leases, b"")


def test_parts_and_records_of_several_leases():
    load = load_of(queue_of((b"", 9)), 2, 3, 4)
    assert load.count == 9
    assert load.part(0, 9) == b"".join(b"%d\n" % n for n in range(9))
    assert load.part(1, 6) == b"1\n2\n3\n4\n5\n"
    assert load.records(4, 7) == [b"4\n", b"5\n", b"6\n"]


def test_records_end_one_by_one_across_leases():
    queue = queue_of((b"", 9))
    load = load_of(queue, 2, 3, 4)
    load.settle(queue, 3, Fate.DELIVERED, "")
    load.settle(queue, 1, Fate.DEAD, "")
    load.settle(queue, 2, Fate.DROPPED, "rejected")
    ledger = queue.ledger
    assert (ledger.delivered, ledger.dead_lettered) == (3, 1)
    assert ledger.dropped == {"rejected": 2}
    load.put_back(queue)
    lease = queue.peek(100, 1 << 20)
    assert lease is not None
    assert lease.batch.data == b"6\n7\n8\n"
