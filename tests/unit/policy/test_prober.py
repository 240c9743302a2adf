"""Probes: when they are due and when they are enough."""

from __future__ import annotations

import pytest

from helpers.chance import ScriptedChance
from logferry.errors import StateError
from logferry.policy.prober import ProbePlan, Prober


def prober(**plan: float) -> Prober:
    return Prober(ProbePlan(**plan), ScriptedChance([0.5]), first_at=100)  # type: ignore[arg-type]


def test_first_probe_is_due_when_it_was_asked_for():
    assert prober().due_at == 100


def test_interval_counts_from_the_start_of_the_probe_before():
    probes = prober(interval_s=10)
    probes.on_started(100)
    probes.on_result(is_good=False, now=107)
    assert probes.due_at == 110


def test_probe_that_took_longer_than_the_interval_is_followed_at_once():
    probes = prober(interval_s=10)
    probes.on_started(100)
    assert probes.is_probing
    probes.on_result(is_good=False, now=130)
    assert probes.due_at == 130


def test_jitter_shortens_the_interval_by_chance():
    probes = prober(interval_s=10, jitter=0.2)
    probes.on_started(100)
    probes.on_result(is_good=True, now=101)
    assert probes.due_at == 109


def test_second_probe_may_not_start_before_the_first_was_answered():
    probes = prober()
    probes.on_started(100)
    with pytest.raises(StateError):
        probes.on_started(160)


def test_result_without_a_probe_is_refused():
    with pytest.raises(StateError):
        prober().on_result(is_good=True, now=100)


def test_enough_is_the_required_number_in_a_row():
    probes = prober(interval_s=1, required=2)
    verdicts = []
    for index, is_good in enumerate([True, False, True, True]):
        probes.on_started(100 + index)
        probes.on_result(is_good=is_good, now=100 + index)
        verdicts.append(probes.is_enough(0, 100 + index))
    assert verdicts == [False, False, False, True]


def test_hold_time_counts_from_the_first_success_of_the_row():
    probes = prober(interval_s=1, required=1)
    for now in (100, 105, 110):
        probes.on_started(now)
        probes.on_result(is_good=now != 105, now=now)
    assert not probes.is_enough(5, 110)
    probes.on_started(115)
    probes.on_result(is_good=True, now=115)
    assert probes.is_enough(5, 115)


def bareness(probes: Prober, answers: list[bool]) -> list[bool]:
    found = []
    for index, is_good in enumerate(answers):
        probes.on_started(100 + index)
        found.append(probes.is_bare)
        probes.on_result(is_good=is_good, now=100 + index)
    return found


def test_every_probe_but_the_one_that_may_be_enough_is_bare_when_asked_for():
    probes = prober(interval_s=1, required=3, is_bare=True)
    answers = [True, True, False, True, True, True]
    assert bareness(probes, answers) == [True, True, False, True, True, False]


def test_no_probe_is_bare_unless_asked_for():
    assert bareness(prober(interval_s=1), [True, True]) == [False, False]


def test_bare_probe_is_never_enough():
    probes = prober(interval_s=1, required=2, is_bare=True)
    probes.on_started(100)
    probes.on_result(is_good=True, now=100)
    probes.successes = 2
    assert not probes.is_enough(0, 101)


def test_probe_that_is_needed_at_any_price_is_not_bare():
    probes = prober(required=3, is_bare=True)
    probes.on_started(100, needs_all=True)
    assert not probes.is_bare
