"""When a destination is due for a mark."""

from __future__ import annotations

from logferry.daemon.own_messages import Mark
from logferry.telemetry.counters import Counter


def test_a_mark_comes_after_the_time_without_messages() -> None:
    counter = Counter()
    mark = Mark(10, (counter,), now=0)
    assert not mark.is_due(9)
    counter.value += 1
    assert not mark.is_due(10)
    assert not mark.is_due(19)
    assert mark.is_due(20)
    assert not mark.is_due(21)
    assert mark.is_due(30)


def test_a_periodical_mark_comes_anyhow() -> None:
    mark = Mark(10, (), now=0)
    assert [mark.is_due(now) for now in (5, 10, 15, 20)] == [False, True, False, True]
