"""Which records travel together."""

from __future__ import annotations

from logferry.policy.batching import Batching, BatchingPlan, Bin


def free(group: bytes) -> bool:
    return False


def add(
    batching: Batching[str], key: bytes, count: int, now: float = 0, size: int = 0
) -> None:
    lease = f"{key.decode()}{count}"
    batching.add(lease, key=key, group=key, count=count, size=size or count, now=now)


def take(
    batching: Batching[str], now: float = 0, *, is_drained: bool = False
) -> Bin[str] | None:
    return batching.take(now, is_drained=is_drained, is_busy=free)


def test_a_batch_goes_when_it_has_batch_lines_messages():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000))
    add(batching, b"", 6)
    assert take(batching) is None
    assert batching.room() == (4, 994)
    add(batching, b"", 4)
    found = take(batching)
    assert found is not None
    assert (found.count, found.leases) == (10, ["6", "4"])


def test_a_batch_goes_when_it_has_batch_bytes():
    batching: Batching[str] = Batching(BatchingPlan(1000, 50))
    add(batching, b"", 1, size=20)
    assert not batching.fits(b"", 1, 31)
    add(batching, b"", 1, size=30)
    assert take(batching) is not None


def test_without_timeout_an_incomplete_batch_goes_when_the_queue_is_empty():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000))
    add(batching, b"", 6)
    assert take(batching, is_drained=True) is not None


def test_with_batch_timeout_it_waits_from_its_first_message_on():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, timeout_s=2))
    add(batching, b"", 1, now=5)
    add(batching, b"", 1, now=6.5)
    assert batching.next_deadline() == 7
    assert take(batching, 6.9, is_drained=True) is None
    assert take(batching, 7, is_drained=True) is not None
    assert batching.next_deadline() is None


def test_with_batch_idle_timeout_it_waits_from_its_last_message_on():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, timeout_s=60, idle_s=2))
    add(batching, b"", 1, now=5)
    add(batching, b"", 1, now=6.5)
    assert take(batching, 8.4) is None
    assert take(batching, 8.5) is not None


def test_a_batch_never_mixes_keys():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000))
    for key in (b"a", b"b", b"a", b"b"):
        add(batching, key, 2)
    found = [take(batching, is_drained=True) for _ in range(2)]
    assert [(item.key, item.count) for item in found if item] == [(b"a", 4), (b"b", 4)]


def test_the_group_under_way_waits_and_others_go():
    batching: Batching[str] = Batching(BatchingPlan(2, 1000))
    add(batching, b"a", 2)
    add(batching, b"b", 2)
    found = batching.take(0, is_drained=False, is_busy=lambda group: group == b"a")
    assert found is not None
    assert found.key == b"b"


def test_within_a_group_the_older_bin_goes_first():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, timeout_s=5))
    batching.add("x", key=b"1", group=b"g", count=1, size=1, now=0)
    batching.add("y", key=b"2", group=b"g", count=10, size=1, now=0)
    assert take(batching) is None
    found = [take(batching, 5), take(batching, 5)]
    assert [item.leases for item in found if item] == [["x"], ["y"]]


def test_many_keys_with_little_each_cannot_stop_the_whole():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, held_max=5))
    for number in range(5):
        add(batching, b"k%d" % number, 1)
    assert batching.is_replete
    found = take(batching)
    assert found is not None
    assert found.key == b"k0"
    assert take(batching) is None


def test_a_closed_bin_goes_although_it_is_not_full():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000))
    add(batching, b"", 6)
    batching.close(b"")
    assert batching.room(b"") == (10, 1000)
    assert take(batching) is not None


def test_clear_gives_everything_back():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000))
    add(batching, b"a", 1)
    add(batching, b"b", 1)
    assert [item.key for item in batching.clear()] == [b"a", b"b"]
    assert batching.held_count == 0
