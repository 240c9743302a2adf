"""Rise, fall and ejection."""

from __future__ import annotations

from logferry.policy.health import Fitness, Health, HealthPlan

PLAN = HealthPlan(fall=3, rise=2, ejection_s=30, ejection_max_s=70)


def ejected(now: float = 0) -> Health:
    health = Health(PLAN, now)
    for _ in range(3):
        health.on_failure(now)
    return health


def test_three_failures_in_a_row_eject_for_thirty_seconds_by_default():
    health = Health(HealthPlan(), now=0)
    fitness = []
    for _ in range(3):
        health.on_failure(10)
        fitness.append(health.fitness(10).value)
    assert fitness == ["healthy", "healthy", "ejected"]
    assert health.retry_at == 40


def test_success_between_failures_starts_the_count_anew():
    health = Health(PLAN, now=0)
    for _ in range(5):
        health.on_failure(1)
        health.on_failure(1)
        health.on_success(1)
    assert health.fitness(1) is Fitness.HEALTHY


def test_ejected_server_is_on_trial_when_its_time_is_over():
    health = ejected()
    assert health.fitness(29.9) is Fitness.EJECTED
    assert health.fitness(30) is Fitness.ON_TRIAL
    assert health.retry_at is None


def test_two_successes_end_the_trial():
    health = ejected()
    health.on_success(31)
    assert health.fitness(31) is Fitness.ON_TRIAL
    health.on_success(32)
    assert health.fitness(32) is Fitness.HEALTHY


def test_failure_on_trial_ejects_for_longer_up_to_the_maximum():
    health, now, lengths = ejected(), 0.0, []
    for _ in range(3):
        assert health.retry_at is not None
        lengths.append(health.retry_at - now)
        now = health.retry_at
        health.on_failure(now)
    assert lengths == [30, 60, 70]


def test_success_of_a_probe_ends_an_ejection_early():
    health = ejected()
    health.on_success(5)
    assert health.fitness(5) is Fitness.ON_TRIAL


def test_failures_that_were_under_way_do_not_prolong_an_ejection():
    health = ejected()
    health.on_failure(20)
    assert health.retry_at == 30


def test_good_conduct_for_as_long_as_the_ejection_makes_up_for_it():
    short, long = ejected(), ejected()
    for health, failed_at in ((short, 50.0), (long, 61.0)):
        health.on_success(31)
        health.on_success(31)
        for _ in range(3):
            health.on_failure(failed_at)
    assert short.retry_at == 50 + 60
    assert long.retry_at == 61 + 30
