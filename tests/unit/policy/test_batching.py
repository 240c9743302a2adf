"""Which records travel together."""

from __future__ import annotations

import pytest

from logferry.policy.batching import (
    LINGER_MAX_S,
    LINGER_STEP_S,
    Batching,
    BatchingPlan,
    Bin,
)


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
    assert batching.next_deadline(6.9) == 7
    assert take(batching, 6.9, is_drained=True) is None
    assert take(batching, 7, is_drained=True) is not None
    assert batching.next_deadline(7) is None


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


def test_a_few_keys_go_at_once_and_many_linger_for_a_moment():
    plan = BatchingPlan(10, 1000, few=2)
    batching: Batching[str] = Batching(plan)
    add(batching, b"a", 1, now=5)
    add(batching, b"b", 1, now=5)
    assert batching.next_deadline(5) is None
    add(batching, b"c", 1, now=5)
    assert take(batching, 5, is_drained=True) is None
    due_at = batching.next_deadline(5)
    assert due_at is not None
    assert due_at - 5 == pytest.approx(3 * LINGER_STEP_S)
    add(batching, b"a", 4, now=due_at)
    found = take(batching, due_at, is_drained=True)
    assert found is not None
    assert (found.key, found.count) == (b"a", 5)
    assert take(batching, due_at, is_drained=True) is not None  # few again


def test_many_keys_linger_no_longer_than_the_maximum():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, few=2))
    for number in range(1000):
        add(batching, b"%d" % number, 1, now=5)
    assert batching.next_deadline(5) == 5 + LINGER_MAX_S
    assert take(batching, 5 + LINGER_MAX_S, is_drained=True) is not None


def test_full_batches_do_not_linger():
    batching: Batching[str] = Batching(BatchingPlan(2, 1000, few=1))
    for key in (b"a", b"b", b"c"):
        add(batching, key, 1, now=5)
    add(batching, b"b", 1, now=5)
    found = take(batching, 5, is_drained=True)
    assert found is not None
    assert found.key == b"b"


def test_what_is_overdue_because_its_group_is_busy_is_no_deadline():
    batching: Batching[str] = Batching(BatchingPlan(10, 1000, timeout_s=2))
    add(batching, b"a", 1, now=5)
    add(batching, b"b", 1, now=6)
    assert batching.next_deadline(7) == 8
    assert batching.next_deadline(8) is None
