"""The balancer's deadline is remembered between batches, and never too late."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from logferry.policy.balancer import Balancer, BalancerPlan
from logferry.policy.pool import ServerPlan


def moments_of(balancer: Balancer) -> list[float]:
    return [
        report.retry_at for report in balancer.report(0) if report.retry_at is not None
    ]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=40))
def test_is_never_later_than_the_first_moment(steps: list[tuple[bool, int]]) -> None:
    plan = BalancerPlan(tuple(ServerPlan(f"t{number}") for number in range(4)))
    balancer = Balancer(plan, random.Random(1), 0.0)
    now = 0.0
    for is_good, delay_s in steps:
        now += delay_s
        deadline = balancer.next_deadline()
        if deadline is not None and deadline <= now:
            balancer.handle_timer(now)
        choice = balancer.choose(0, now)
        assert choice is not None
        if is_good:
            balancer.on_success(choice, 0.1, now)
        else:
            balancer.on_failed(choice, "no", now)
        found = balancer.next_deadline()
        moments = moments_of(balancer)
        assert not moments or (found is not None and found <= min(moments))
