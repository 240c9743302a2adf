"""
A process that did not run for hours: timers come late, all at once.

Suspend and resume, a stopped process, a virtual machine that was moved. The policies
see one ``handle_timer`` long after the deadline; nothing may be made up for.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from helpers.outage import Stage
from logferry.policy.backoff import Backoff
from logferry.policy.prober import ProbePlan
from logferry.policy.throttle import TokenBucket

DAY_S = 86_400.0
GAPS = st.floats(0.0, 400 * DAY_S)


def sleep(stage: Stage, gap_s: float) -> None:
    """Let time pass without running, then do what is due."""
    stage.now += gap_s
    stage.policy.handle_timer(stage.now)
    stage.settle()


@given(st.lists(GAPS, min_size=1, max_size=8), st.booleans())
def test_after_a_gap_one_probe_is_due_and_no_more(gaps: list[float], jumps: bool):
    backoff = Backoff(1.0, 60.0, 2.0, 0.0) if jumps else None
    stage = Stage("a", "b", up="b", probes=ProbePlan(60.0, 3), backoff=backoff)
    stage.run(until=120.0)
    assert stage.connected_to == "b"
    for gap_s in gaps:
        before = len(stage.probes())
        sleep(stage, gap_s)
        assert len(stage.probes()) - before <= 1
    stage.revive("a")
    stage.run(until=stage.now + 4 * 60.0)
    assert stage.connected_to == "a"


@given(st.lists(GAPS, min_size=1, max_size=8))
def test_good_probes_on_both_sides_of_a_gap_must_still_be_enough(gaps: list[float]):
    stage = Stage("a", "b", up="b", probes=ProbePlan(60.0, 3))
    stage.run(until=61.0)
    stage.revive("a")
    good = 0
    for gap_s in gaps:
        before = len(stage.probes())
        sleep(stage, gap_s)
        good += len(stage.probes()) - before
        assert (stage.connected_to == "a") == (good >= 3)


@given(st.lists(GAPS, min_size=1, max_size=8))
def test_after_a_gap_one_attempt_is_made_not_all_that_were_missed(gaps: list[float]):
    stage = Stage("a", "b", "c", backoff=Backoff(1.0, 60.0, 2.0, 0.0))
    stage.run(until=600.0)
    for gap_s in gaps:
        before = len(stage.attempts())
        sleep(stage, gap_s)
        assert len(stage.attempts()) - before <= 1
    stage.revive("c")
    stage.run(until=stage.now + 3 * 60.0)
    assert stage.connected_to == "c"


@given(GAPS, st.integers(1, 10_000))
def test_a_throttle_never_makes_up_for_more_than_a_second(gap_s: float, rate: int):
    bucket = TokenBucket(rate, 1000.0)
    assert bucket.available(1000.0 + gap_s) <= rate
    bucket.take(bucket.available(1000.0 + gap_s), 1000.0 + gap_s)
    assert bucket.available(1000.0 + gap_s) == 0
