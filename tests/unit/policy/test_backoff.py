"""Waits grow, stay within their bounds, and spread."""

from __future__ import annotations

import pytest

from helpers.chance import ScriptedChance
from logferry.policy.backoff import Backoff


def test_first_wait_is_the_initial_one_and_each_further_is_longer():
    backoff = Backoff(initial_s=1, max_s=100, multiplier=3)
    delays = [backoff.delay_s(attempt, ScriptedChance()) for attempt in range(4)]
    assert delays == [1, 3, 9, 27]


def test_no_wait_is_longer_than_the_maximum_even_after_years():
    backoff = Backoff(initial_s=1, max_s=60)
    assert backoff.delay_s(10**9, ScriptedChance()) == 60


@pytest.mark.parametrize(("drawn", "delay_s"), [(0.0, 8), (0.5, 6), (0.999999, 4)])
def test_jitter_is_the_share_that_is_left_to_chance(drawn: float, delay_s: float):
    backoff = Backoff(initial_s=8, max_s=60, jitter=0.5)
    assert backoff.delay_s(0, ScriptedChance([drawn])) == pytest.approx(
        delay_s, abs=1e-4
    )
