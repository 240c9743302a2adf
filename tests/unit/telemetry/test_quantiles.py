"""Quantiles of durations, and what they forget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logferry.telemetry.quantiles import MEMORY_COUNT, QUANTILES, Durations


@given(
    st.lists(st.floats(1e-5, 999.0), min_size=1, max_size=200),
    st.sampled_from(QUANTILES),
)
def test_quantiles_are_within_an_eighth_of_the_truth(durations, share):
    measured = Durations()
    for duration in durations:
        measured.add(duration)
    ordered = sorted(durations)
    place = max(0, -int(-share * len(ordered) // 1) - 1)
    assert measured.quantile(share) == pytest.approx(ordered[place], rel=0.125)


def test_nothing_took_no_time():
    assert Durations().quantile(0.5) == 0


@pytest.mark.parametrize(("duration", "shown"), [(0.0, 1e-5), (-1.0, 1e-5), (1e9, 990)])
def test_what_is_out_of_range_counts_at_its_end(duration, shown):
    durations = Durations()
    durations.add(duration)
    assert durations.quantile(0.99) == pytest.approx(shown, rel=0.2)


def test_what_happened_lately_counts_for_more():
    durations = Durations()
    for _ in range(10 * MEMORY_COUNT):
        durations.add(0.001)
    for _ in range(MEMORY_COUNT):
        durations.add(1.0)
    assert durations.quantile(0.5) == pytest.approx(1.0, rel=0.125)
