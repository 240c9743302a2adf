"""How load is divided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logferry.policy.pool import Server
from logferry.policy.share import Turns, quotas


def servers(*weights: int) -> list[Server]:
    return [
        Server(f"t{number}", number, weight=weight)
        for number, weight in enumerate(weights)
    ]


def quota(count: int, *weights: int) -> list[int]:
    order = servers(*weights)
    return list(quotas({item: item.weight for item in order}, count, order).values())


@pytest.mark.parametrize(
    ("count", "weights", "expected"),
    [
        (4, (1, 1), [2, 2]),
        (5, (1, 1), [3, 2]),
        (4, (3, 1), [3, 1]),
        (2, (9, 1), [1, 1]),
        (2, (1, 1, 1), [1, 1, 0]),
        (2, (4, 1, 1), [1, 1, 0]),
        (3, (4, 2, 1, 1), [2, 1, 0, 0]),
    ],
)
def test_workers_are_divided_by_weight(
    count: int, weights: tuple[int, ...], expected: list[int]
):
    assert quota(count, *weights) == expected


@given(st.integers(1, 40), st.lists(st.integers(1, 50), min_size=1, max_size=9))
def test_every_worker_has_a_place_and_nobody_starves_when_there_are_enough(
    count: int, weights: list[int]
):
    found = quota(count, *weights)
    assert sum(found) == count
    if count >= len(weights):
        assert min(found) >= 1


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_turns_are_exactly_in_proportion_to_weights(weights: list[int]):
    order = servers(*weights)
    shares = {item: float(item.weight) for item in order}
    turns = Turns()
    chosen = [turns.choose(shares, order) for _ in range(sum(weights))]
    assert [chosen.count(item) for item in order] == weights
