"""Batches from any queue content: nothing lost, order by key, limits kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logferry.destinations.http.collector import Collector
from logferry.destinations.http.load import Load
from logferry.destinations.http.url import ValueTemplate, key_template, values_of_key
from logferry.message.batch import RecordBatch
from logferry.policy.batching import Batching, BatchingPlan
from logferry.policy.retry import Fate
from logferry.queues.memory import MemoryQueue
from logferry.queues.queue import Lease

KEYS = (b"a", b"b", b"c")
RUNS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.integers(1, 9)), min_size=1, max_size=25
)


def filled(
    runs: list[tuple[bytes, int]],
) -> tuple[MemoryQueue, dict[bytes, list[bytes]]]:
    queue = MemoryQueue(1 << 20)
    expected: dict[bytes, list[bytes]] = {}
    number = 0
    for key, count in runs:
        records = [b"%d\n" % item for item in range(number, number + count)]
        number += count
        queue.push(RecordBatch.of(records, key))
        expected.setdefault(key, []).extend(records)
    return queue, expected


@given(
    runs=RUNS,
    count_max=st.integers(1, 12),
    bytes_max=st.integers(1, 60),
    held_max=st.integers(1, 40),
    busy=st.sets(st.sampled_from(KEYS), max_size=2),
    fates=st.lists(st.sampled_from(Fate), max_size=10),
)
def test_every_record_travels_once_in_order_of_its_key(
    runs: list[tuple[bytes, int]],
    count_max: int,
    bytes_max: int,
    held_max: int,
    busy: set[bytes],
    fates: list[Fate],
):
    queue, expected = filled(runs)
    plan = BatchingPlan(count_max, bytes_max, held_max=held_max)
    batching: Batching[Lease] = Batching(plan)
    collector = Collector(queue, batching, lambda key: key)
    got: dict[bytes, list[bytes]] = {}

    def take(is_busy) -> bool:
        found = collector.next_batch(0.0, is_busy=is_busy)
        if found is None:
            return False
        load = Load(found.leases, found.group)
        assert load.count == found.count <= count_max
        whole = load.part(0, load.count)
        assert len(whole) <= bytes_max or load.count == 1
        records = load.records(0, load.count)
        assert b"".join(records) == whole
        got.setdefault(load.key, []).extend(records)
        fate = fates.pop() if fates else Fate.DELIVERED
        first = load.count // 2
        if first:
            load.settle(queue, first, fate, "rejected")
        load.settle(queue, load.count - first, Fate.DELIVERED, "")
        return True

    while take(lambda key: key in busy):
        assert not busy.intersection(got)
    while take(lambda key: False):
        pass
    assert got == expected
    assert queue.count == 0
    assert batching.held_count == 0


@given(runs=RUNS, count_max=st.integers(1, 12), taken=st.integers(0, 5))
def test_putting_back_restores_the_queue(
    runs: list[tuple[bytes, int]], count_max: int, taken: int
):
    queue, _ = filled(runs)
    collector = Collector(
        queue, Batching(BatchingPlan(count_max, 1 << 20)), lambda key: key
    )
    loads = []
    for _ in range(taken):
        found = collector.next_batch(0.0, is_busy=lambda _: False)
        if found is not None:
            loads.append(Load(found.leases, found.group))
    for load in loads:
        load.put_back(queue)
    collector.put_back()
    numbers = []
    while (lease := queue.peek(100, 1 << 20)) is not None:
        numbers += [int(item) for item in lease.batch.records()]
        queue.ack(lease.token)
    assert numbers == list(range(sum(count for _, count in runs)))


@given(
    st.dictionaries(
        st.sampled_from(["${HOST}", '$(echo "a" "b")', "${X:-d}", "${.SDATA.a@b.c}"]),
        st.binary(max_size=20),
        max_size=4,
    )
)
def test_values_survive_a_routing_key(values: dict[str, bytes]):
    from urllib.parse import quote_from_bytes

    template = key_template(values)
    key = "&".join(
        item.partition("=")[0] + "=" + quote_from_bytes(value, safe="")
        for item, value in zip(template.split("&"), values.values(), strict=False)
        if item
    )
    found = values_of_key(key.encode())
    for text, value in values.items():
        filled_text = ValueTemplate(text).fill(found)
        assert filled_text.encode("utf-8", "surrogateescape") == value
