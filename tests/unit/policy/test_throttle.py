"""The token bucket."""

from __future__ import annotations

from logferry.policy.throttle import TokenBucket


def test_one_second_worth_may_pass_at_once():
    assert TokenBucket(100, now=0).available(0) == 100


def test_tokens_come_back_with_time_and_never_exceed_one_second_worth():
    bucket = TokenBucket(100, now=0)
    bucket.take(100, 0)
    assert bucket.available(0.25) == 25
    assert bucket.available(1000) == 100


def test_clock_that_stands_still_gives_nothing():
    bucket = TokenBucket(10, now=5)
    bucket.take(10, 5)
    assert bucket.available(5) == 0


def test_rate_holds_over_a_long_time():
    bucket = TokenBucket(7, now=0)
    taken = 0
    for step in range(1001):
        now = step / 10
        count = bucket.available(now)
        bucket.take(count, now)
        taken += count
    assert 7 * 100 <= taken <= 7 * 101
