"""A leap of the wall clock is believed only after a while."""

from __future__ import annotations

import pytest

from logferry.daemon.calendar import PATIENCE_S, Calendar
from logferry.message.model import Monotonic, UnixNanos

DAY_S = 86_400.0
YEAR_S = 365 * DAY_S


class Clocks:
    def __init__(self) -> None:
        self.wall_s, self.clock_s = 1.7e9, 1000.0
        self.calendar = Calendar(
            lambda: UnixNanos(int(self.wall_s * 1e9)), lambda: Monotonic(self.clock_s)
        )

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.clock_s += seconds

    @property
    def error_s(self) -> float:
        """How far what is trusted is behind the wall clock."""
        return self.wall_s - self.calendar.trusted_now_ns() / 1e9


@pytest.mark.parametrize("leap_s", [DAY_S, YEAR_S, 55 * YEAR_S])
def test_a_leap_forward_is_not_believed_at_once(leap_s: float):
    clocks = Clocks()
    clocks.wall_s += leap_s
    assert clocks.error_s == pytest.approx(leap_s, abs=1e-3)
    clocks.pass_s(PATIENCE_S - 1)
    assert clocks.error_s == pytest.approx(leap_s, abs=1e-3)


def test_a_leap_that_stands_is_believed_in_the_end():
    clocks = Clocks()
    clocks.wall_s += YEAR_S
    assert clocks.error_s > 0
    clocks.pass_s(PATIENCE_S)
    assert clocks.error_s == pytest.approx(0, abs=1e-3)


def test_a_leap_that_was_corrected_never_happened():
    clocks = Clocks()
    clocks.wall_s += YEAR_S
    assert clocks.error_s > 0
    clocks.wall_s -= YEAR_S
    clocks.pass_s(60)
    assert clocks.error_s == pytest.approx(0, abs=1e-3)
    clocks.wall_s += DAY_S
    clocks.pass_s(PATIENCE_S - 60)  # the patience begins anew
    assert clocks.error_s == pytest.approx(DAY_S, abs=1e-3)


@pytest.mark.parametrize("leap_s", [-DAY_S, -YEAR_S, 30 * 60.0, -1.0])
def test_small_steps_and_steps_back_are_followed_at_once(leap_s: float):
    clocks = Clocks()
    clocks.pass_s(10)
    clocks.wall_s += leap_s
    assert clocks.error_s == pytest.approx(0, abs=1e-3)


def test_a_drift_is_no_leap_when_somebody_looks_now_and_then():
    clocks = Clocks()
    for _ in range(100):
        clocks.pass_s(DAY_S)
        clocks.wall_s += 60  # a bad quartz
        assert clocks.error_s == pytest.approx(0, abs=1e-3)
