"""Additive increase, multiplicative decrease."""

from __future__ import annotations

from logferry.policy.concurrency import Concurrency


def answers(
    concurrency: Concurrency,
    count: int,
    latency_s: float,
    now: float = 0.0,
    **said: bool,
) -> int:
    for _ in range(count):
        concurrency.on_answer(
            latency_s,
            now,
            is_overload=said.get("overload", False),
            is_backlogged=said.get("backlogged", True),
        )
    return concurrency.limit


def test_the_limit_grows_by_one_for_each_round_of_answers():
    concurrency = Concurrency(1, 16)
    assert answers(concurrency, 1, 0.1) == 2
    assert answers(concurrency, 2, 0.1) in {2, 3}
    assert answers(concurrency, 1, 0.1) == 3


def test_it_never_leaves_its_bounds():
    concurrency = Concurrency(2, 5)
    assert answers(concurrency, 1000, 0.1) == 5
    for now in range(100):
        answers(concurrency, 1, 0.1, float(now), overload=True)
    assert concurrency.limit == 2


def test_it_does_not_grow_while_there_is_nothing_more_to_send():
    assert answers(Concurrency(1, 8), 100, 0.1, backlogged=False) == 1


def test_an_overloaded_server_takes_a_third_away_once_in_a_while():
    concurrency = Concurrency(1, 12)
    answers(concurrency, 1000, 0.1)
    assert answers(concurrency, 5, 0.1, 10.0, overload=True) == 8
    assert answers(concurrency, 1, 0.1, 10.9, overload=True) == 8
    assert answers(concurrency, 1, 0.1, 11.0, overload=True) == 5


def test_several_times_the_best_latency_is_too_much():
    concurrency = Concurrency(1, 12)
    answers(concurrency, 1000, 0.01)
    assert answers(concurrency, 1, 0.1, 10.0) == 8


def test_a_server_that_became_slower_for_good_is_accepted():
    concurrency = Concurrency(1, 12)
    answers(concurrency, 1000, 0.01)
    for now in range(300):
        answers(concurrency, 1, 0.1, float(now))
    assert concurrency.limit > 6


def test_what_is_very_quick_is_never_slow():
    concurrency = Concurrency(1, 4)
    answers(concurrency, 50, 0.00001)
    assert answers(concurrency, 50, 0.001) == 4
