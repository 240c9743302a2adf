"""The balancer, sentence by sentence of the document it implements, and beyond it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from helpers.chance import ScriptedChance
from logferry.errors import StateError
from logferry.policy.backoff import Backoff
from logferry.policy.balancer import Balancer, BalancerPlan, ProbePlan
from logferry.policy.health import Fitness, HealthPlan
from logferry.policy.pool import ServerPlan
from logferry.policy.share import Balance
from logferry.policy.target_events import (
    TargetFailed,
    TargetPardoned,
    TargetRecovered,
)

REOPEN_S = 60.0
SEED_HEALTH = HealthPlan(fall=1, rise=1, backoff=Backoff(REOPEN_S, REOPEN_S))


def make(
    names: str = "ab",
    workers: int = 4,
    *,
    weights: tuple[int, ...] = (),
    tiers: tuple[int, ...] = (),
    seed: int = 1,
    **options: object,
) -> Balancer:
    plans = tuple(
        ServerPlan(
            name,
            weight=weights[index] if weights else 1,
            tier=tiers[index] if tiers else 1,
        )
        for index, name in enumerate(names)
    )
    plan = BalancerPlan(plans, workers, **{"health": SEED_HEALTH, **options})
    return Balancer(plan, random.Random(seed), now=0.0)


def send(balancer: Balancer, worker: int, now: float, *, ok: bool = True) -> str | None:
    """Let ``worker`` send one batch; return who got it."""
    choice = balancer.choose(worker, now)
    if choice is None:
        return None
    if ok:
        balancer.on_success(choice, 0.01, now)
    else:
        balancer.on_failed(choice, "503 Service Unavailable", now)
    return choice.target.name


def fail(balancer: Balancer, name: str, now: float) -> None:
    """Make workers send until ``name`` is asked, and fail there."""
    for worker in range(100):
        choice = balancer.choose(worker % balancer.plan.workers, now)
        assert choice is not None
        if choice.target.name == name:
            balancer.on_failed(choice, "connection refused", now)
            return
        balancer.on_success(choice, 0.01, now)
    raise AssertionError(f"{name} was never asked")


def spread(balancer: Balancer, now: float) -> Counter[str | None]:
    """Let every worker send one batch."""
    return Counter(send(balancer, item, now) for item in range(balancer.plan.workers))


# -- how load balancing works


def test_distributes_processing_tasks_evenly_across_all_operational_endpoints():
    assert spread(make("abc", 6), 0) == {"a": 2, "b": 2, "c": 2}


def test_the_first_endpoints_get_one_worker_more_when_it_does_not_come_out_even():
    assert spread(make("abc", 5), 0) == {"a": 2, "b": 2, "c": 1}


def test_each_worker_stays_with_its_endpoint_between_requests():
    balancer = make("abc", 6)
    first = [send(balancer, worker, 0) for worker in range(6)]
    for now in range(1, 20):
        assert [send(balancer, worker, now) for worker in range(6)] == first


def test_if_an_endpoint_fails_its_workers_are_immediately_reassigned():
    balancer = make("abc", 6)
    spread(balancer, 0)
    fail(balancer, "b", 1)
    assert spread(balancer, 1) == {"a": 3, "c": 3}


def test_when_a_failed_endpoint_recovers_workers_are_rebalanced_to_include_it():
    balancer = make("abc", 6)
    spread(balancer, 0)
    fail(balancer, "b", 1)
    spread(balancer, 1)
    assert send(balancer, 0, 1 + REOPEN_S) == "b"
    spread(balancer, 1 + REOPEN_S)  # the workers move with their next batches
    assert spread(balancer, 2 + REOPEN_S) == {"a": 2, "b": 2, "c": 2}


# -- what happens when an endpoint fails


def test_the_endpoint_is_immediately_marked_as_failed():
    balancer = make("ab", 2)
    fail(balancer, "a", 0)
    assert balancer.report(0)[0].fitness is Fitness.EJECTED
    assert balancer.take_events() == [TargetFailed("a", "connection refused", "60")]


def test_messages_are_retried_on_alternative_endpoints_each_once():
    balancer = make("abc", 1)
    tried: frozenset = frozenset()
    asked = []
    while (choice := balancer.choose(0, 0, tried=tried)) is not None:
        balancer.on_failed(choice, "500", 0)
        asked.append(choice.target.name)
        tried |= {choice.target}
    assert sorted(asked) == ["a", "b", "c"]


def test_after_the_recovery_timeout_a_delivery_to_the_failed_endpoint_is_attempted():
    balancer = make("ab", 2)
    fail(balancer, "a", 10)
    assert [send(balancer, 0, now) for now in (10, 40, 69.9)] == ["b", "b", "b"]
    choice = balancer.choose(0, 70)
    assert choice is not None
    assert (choice.target.name, choice.is_trial) == ("a", True)


def test_if_the_attempt_fails_another_is_scheduled_after_the_recovery_timeout():
    balancer = make("ab", 2)
    fail(balancer, "a", 0)
    assert send(balancer, 0, 61, ok=False) == "a"
    assert send(balancer, 0, 120.9) == "b"  # counted from the last attempt
    assert send(balancer, 0, 121) == "a"


def test_if_the_attempt_succeeds_the_endpoint_is_immediately_restored():
    balancer = make("ab", 2)
    fail(balancer, "a", 0)
    send(balancer, 0, 60)
    assert balancer.report(60)[0].fitness is Fitness.HEALTHY
    assert balancer.take_events()[-1] == TargetRecovered("a")


def test_a_second_incident_goes_to_the_healthy_endpoint_at_once():
    # The reference asks the endpoint that just failed again and waits time-reopen.
    balancer = make("ab", 1)
    fail(balancer, "a", 0)
    assert send(balancer, 0, 60) == "a"
    for now in (61, 200, 500):
        choice = balancer.choose(0, now)
        assert choice is not None
        balancer.on_failed(choice, "500", now)
        other = balancer.choose(0, now, tried=frozenset({choice.target}))
        assert other is not None
        assert other.target != choice.target
        balancer.on_success(other, 0.01, now)
        send(balancer, 0, now + REOPEN_S)


def test_all_endpoints_down_gives_nobody_and_the_moment_of_the_next_attempt():
    balancer = make("ab", 2)
    fail(balancer, "a", 5)
    fail(balancer, "b", 7)
    assert balancer.choose(0, 7) is None
    assert balancer.next_deadline() == 65
    assert send(balancer, 0, 65, ok=False) == "a"
    assert send(balancer, 0, 67) == "b"
    assert balancer.choose(1, 67) is not None


def test_delivery_resumes_when_any_endpoint_recovers():
    balancer = make("abc", 3)
    for name in "abc":
        fail(balancer, name, 0)
    trial = balancer.choose(0, 60)
    assert trial is not None
    version = balancer.version
    balancer.on_success(trial, 0.01, 60)
    assert balancer.version > version  # who waits asks again
    assert spread(balancer, 60)[trial.target.name] >= 1


# -- at most one trial, independent clocks


def test_a_target_on_trial_gets_one_batch_at_a_time():
    balancer = make("ab", 4)
    fail(balancer, "a", 0)
    choices = [balancer.choose(worker, 60) for worker in range(4)]
    assert [item.target.name for item in choices if item] == ["a", "b", "b", "b"]


def test_each_failed_target_has_its_own_trial():
    balancer = make("abc", 4)
    fail(balancer, "a", 0)
    fail(balancer, "b", 0)
    choices = [balancer.choose(worker, 60) for worker in range(3)]
    assert [(item.target.name, item.is_trial) for item in choices if item] == [
        ("a", True),
        ("b", True),
        ("c", False),
    ]


def test_the_target_that_failed_longest_ago_is_tried_first():
    balancer = make("abc", 3)
    fail(balancer, "c", 0)
    fail(balancer, "a", 1)
    assert [send(balancer, 0, 61), send(balancer, 0, 61)] == ["c", "a"]


def test_success_of_a_request_that_was_under_way_restores_the_target():
    balancer = make("a", 2)
    first, second = balancer.choose(0, 0), balancer.choose(1, 0)
    assert first is not None
    assert second is not None
    balancer.on_failed(first, "500", 1)
    balancer.on_success(second, 0.1, 1)
    assert send(balancer, 0, 1) == "a"


# -- shares


@pytest.mark.parametrize("balance", [Balance.WEIGHTED, Balance.WORKERS])
def test_shares_follow_the_weights(balance: Balance):
    balancer = make("abc", 12, weights=(3, 2, 1), balance=balance)
    got: Counter[str | None] = Counter()
    for _ in range(100):
        got += spread(balancer, 0)
    assert got == {"a": 600, "b": 400, "c": 200}


def test_round_robin_does_not_look_at_weights():
    balancer = make("ab", 1, weights=(9, 1), balance=Balance.ROUND_ROBIN)
    assert [send(balancer, 0, 0) for _ in range(4)] == ["a", "b", "a", "b"]


def test_turns_are_spread_smoothly():
    balancer = make("ab", 1, weights=(3, 1), balance=Balance.WEIGHTED)
    assert "".join(send(balancer, 0, 0) or "" for _ in range(8)) == "aabaaaba"


def test_least_loaded_prefers_the_faster_of_two():
    balancer = make("ab", 1, balance=Balance.LEAST_LOADED)
    for _ in range(20):
        choice = balancer.choose(0, 0)
        assert choice is not None
        balancer.on_success(choice, 0.5 if choice.target.name == "a" else 0.01, 0)
    assert {send(balancer, 0, 0) for _ in range(10)} == {"b"}


def test_least_loaded_counts_what_is_under_way():
    balancer = make("ab", 8, balance=Balance.LEAST_LOADED)
    choices = [balancer.choose(worker, 0) for worker in range(8)]
    assert Counter(item.target.name for item in choices if item) == {"a": 4, "b": 4}


def test_sticky_moves_only_the_keys_of_the_target_that_left():
    balancer = make("abcd", 1, balance=Balance.STICKY)
    keys = [b"host%d" % number for number in range(400)]

    def places() -> dict[bytes, str]:
        found = {}
        for key in keys:
            choice = balancer.choose(0, 0, key)
            assert choice is not None
            balancer.on_answered(choice)
            found[key] = choice.target.name
        return found

    before = places()
    assert set(Counter(before.values()).values()) <= set(range(60, 141))
    balancer.drain(balancer.pool.servers[2])
    after = places()
    assert all(after[key] == before[key] for key in keys if before[key] != "c")
    balancer.undrain(balancer.pool.servers[2])
    assert places() == before


def test_higher_tiers_are_used_only_when_the_lower_is_gone():
    balancer = make("abc", 2, tiers=(2, 1, 1))
    assert spread(balancer, 0) == {"b": 1, "c": 1}
    fail(balancer, "b", 0)
    assert spread(balancer, 0) == {"c": 2}
    fail(balancer, "c", 0)
    assert spread(balancer, 0) == {"a": 2}
    assert send(balancer, 0, 60) in {"b", "c"}


def test_a_batch_that_its_tier_did_not_take_goes_to_the_next_tier():
    balancer = make("ab", 1, tiers=(1, 2), health=HealthPlan(fall=3, rise=1))
    choice = balancer.choose(0, 0)
    assert choice is not None
    balancer.on_failed(choice, "500", 0)
    other = balancer.choose(0, 0, tried=frozenset({choice.target}))
    assert other is not None
    assert other.target.name == "b"


def test_a_recovered_target_warms_up():
    balancer = make("ab", 1, balance=Balance.WEIGHTED, slow_start_s=100.0)
    fail(balancer, "a", 0)
    assert send(balancer, 0, 60) == "a"
    cold = Counter(send(balancer, 0, 60) for _ in range(110))
    warm = Counter(send(balancer, 0, 160) for _ in range(100))
    assert cold == {"a": 10, "b": 100}
    assert warm == {"a": 50, "b": 50}


# -- health


def test_fail_threshold_counts_failures_in_a_row():
    health = HealthPlan(fall=3, rise=1, backoff=Backoff(60, 60))
    balancer = make("a", 1, health=health)
    assert [send(balancer, 0, 0, ok=False) for _ in range(4)] == ["a", "a", "a", None]


def test_backoff_grows_until_the_target_holds():
    health = HealthPlan(fall=1, rise=1, backoff=Backoff(1, 60, 2))
    balancer = make("a", 1, health=health)
    waits = []
    now = 0.0
    for _ in range(8):
        send(balancer, 0, now, ok=False)
        deadline = balancer.next_deadline()
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_retry_after_replaces_the_wait():
    balancer = make("ab", 2)
    choice = balancer.choose(0, 0)
    assert choice is not None
    balancer.on_failed(choice, "429", 0, wait_s=7)
    assert balancer.next_deadline() == 7


def test_more_than_the_ejected_share_is_panic_and_all_are_used():
    balancer = make("abcd", 4, ejected_share_max=0.5)
    fail(balancer, "a", 0)
    fail(balancer, "b", 0)
    assert set(spread(balancer, 0)) == {"c", "d"}
    fail(balancer, "c", 0)
    choices = [balancer.choose(worker, 0) for worker in range(4)]
    assert {item.target.name for item in choices if item} == {"a", "b", "c", "d"}


def test_dead_targets_in_panic_do_not_keep_in_step_with_a_live_one():
    balancer = make("abcde", 1, balance=Balance.ROUND_ROBIN, ejected_share_max=0.5)
    dead = {"a", "c", "e"}
    taken: Counter[str] = Counter()
    for _ in range(60):
        tried: frozenset = frozenset()
        while (choice := balancer.choose(0, 1.0, tried=tried)) is not None:
            tried |= {choice.target}
            if choice.target.name not in dead:
                balancer.on_success(choice, 0.01, 1.0)
                taken[choice.target.name] += 1
                break
            balancer.on_failed(choice, "500", 1.0)
    assert set(taken) == {"b", "d"}
    assert min(taken.values()) >= 20


def test_probes_decide_instead_of_trials_when_there_are_any():
    health = HealthPlan(fall=1, rise=2, backoff=Backoff(10, 10))
    balancer = make("ab", 2, health=health, probe=ProbePlan(5, jitter=0))
    fail(balancer, "a", 0)
    assert {send(balancer, 0, 11), send(balancer, 1, 12)} == {"b"}
    target = balancer.pool.find("a")
    assert target in balancer.handle_timer(12)
    balancer.on_probe_result(target, ok=True, why="", now=12)
    assert set(spread(balancer, 12)) == {"b"}
    assert balancer.next_deadline() == 17
    assert target in balancer.handle_timer(17)
    balancer.on_probe_result(target, ok=True, why="", now=17)
    assert set(spread(balancer, 17)) == {"a", "b"}


def test_a_good_probe_does_not_shorten_the_wait():
    health = HealthPlan(fall=1, rise=1, backoff=Backoff(10, 10))
    balancer = make("ab", 2, health=health, probe=ProbePlan(1, jitter=0))
    fail(balancer, "a", 0)
    target = balancer.pool.find("a")
    assert target is not None
    balancer.on_probe_result(target, ok=True, why="", now=9)
    assert set(spread(balancer, 9)) == {"b"}
    balancer.on_probe_result(target, ok=True, why="", now=10)
    assert set(spread(balancer, 10)) == {"a", "b"}


def test_bad_probes_take_an_idle_target_out():
    health = HealthPlan(fall=2, rise=1, backoff=Backoff(10, 10))
    balancer = make("ab", 2, health=health, probe=ProbePlan(1, jitter=0))
    target = balancer.pool.find("b")
    assert target is not None
    for now in (1, 2):
        balancer.on_probe_result(target, ok=False, why="timed out", now=now)
    assert set(spread(balancer, 2)) == {"a"}


def test_one_probe_of_a_target_at_a_time():
    plan = ProbePlan(5, jitter=0)
    balancer = Balancer(
        BalancerPlan((ServerPlan("a"),), probe=plan), ScriptedChance(), now=0.0
    )
    assert len(balancer.handle_timer(0)) == 1
    assert balancer.handle_timer(100) == ()
    balancer.on_probe_result(balancer.pool.servers[0], ok=True, why="", now=101)
    assert len(balancer.handle_timer(106)) == 1


# -- pardon


def blame(balancer: Balancer, worker: int, now: float) -> tuple:
    choice = balancer.choose(worker, now)
    assert choice is not None
    return choice.target, balancer.on_blamed(choice, "400 Bad Request", now)


def test_a_pardoned_target_is_back_at_once():
    balancer = make("ab", 2)
    target, number = blame(balancer, 0, 0)
    assert set(spread(balancer, 0)) == {"b"}
    balancer.pardon(target, number, 0.2)
    assert set(spread(balancer, 0.2)) == {"a", "b"}
    assert balancer.take_events()[-1] == TargetPardoned("a")


def test_a_pardon_does_not_excuse_another_failure():
    balancer = make("ab", 2)
    other = balancer.choose(0, 0)
    target, number = blame(balancer, 0, 0)
    assert other is not None
    balancer.on_failed(other, "connection lost", 0.1)
    balancer.pardon(target, number, 0.2)
    assert set(spread(balancer, 0.2)) == {"b"}


def test_two_blames_need_two_pardons():
    balancer = make("ab", 2)
    second = balancer.choose(0, 0)
    target, number = blame(balancer, 0, 0)
    assert second is not None
    other = balancer.on_blamed(second, "400", 0)
    balancer.pardon(target, number, 0.1)
    assert set(spread(balancer, 0.1)) == {"b"}
    balancer.pardon(target, other, 0.2)
    assert set(spread(balancer, 0.2)) == {"a", "b"}


# -- drain, memory, reports


def test_a_drained_target_gets_nothing_and_the_last_cannot_be_drained():
    balancer = make("ab", 2)
    first, second = balancer.pool.servers
    balancer.drain(first)
    assert spread(balancer, 0) == {"b": 2}
    with pytest.raises(StateError):
        balancer.drain(second)
    balancer.undrain(first)
    assert spread(balancer, 0) == {"a": 1, "b": 1}


def test_a_drained_target_is_not_tried_after_its_wait():
    balancer = make("ab", 2)
    fail(balancer, "a", 0)
    balancer.drain(balancer.pool.servers[0])
    assert send(balancer, 0, 100) == "b"


def test_a_failure_of_an_earlier_run_is_remembered():
    balancer = make("ab", 2)
    balancer.remember("a", retry_at=30, why="503", now=0)
    balancer.remember("gone", retry_at=30, why="503", now=0)
    assert spread(balancer, 0) == {"b": 2}
    assert send(balancer, 0, 30) == "a"
    assert spread(balancer, 30) == {"a": 1, "b": 1}


def test_fewer_workers_give_up_their_seats():
    balancer = make("ab", 4)
    spread(balancer, 0)
    balancer.set_workers(2)
    assert {send(balancer, 0, 0), send(balancer, 1, 0)} == {"a", "b"}
    assert [item.seats for item in balancer.report(0)] == [1, 1]
