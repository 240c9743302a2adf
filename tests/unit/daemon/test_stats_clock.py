"""``stats( … )``: what becomes of counters as time goes by."""

from __future__ import annotations

from logferry.config.options import GlobalOptions, StatsOptions
from logferry.daemon.stats_clock import StatsClock, stats_options
from logferry.runtime.environment import Environment
from logferry.telemetry.counters import Legacy
from logferry.telemetry.events import render


def test_old_single_options_make_the_same_as_the_block():
    old = GlobalOptions({"stats_level": 2, "stats_freq": 3.0, "stats_lifetime": 4})
    options = stats_options(old)
    assert (options.level, options.freq, options.lifetime) == (2, 3.0, 4)


def test_the_block_wins():
    options = GlobalOptions({"stats": StatsOptions({"level": 1}), "stats_level": 3})
    assert stats_options(options).level == 1


async def test_levels_and_bounds_reach_the_counters():
    environment = Environment()
    clock = StatsClock(environment)
    clock.set(StatsOptions({"level": 3, "max_dynamics": 7}))
    assert (environment.metrics.level, environment.metrics.dynamics_max) == (3, 7)
    clock.stop()


def test_the_statistics_message_has_the_form_of_the_reference():
    environment = Environment()
    environment.metrics.counter(
        "", legacy=Legacy("dst.file", "d#0", "/x", "written")
    ).value = 2
    environment.metrics.counter(
        "", level=1, legacy=Legacy("filter", "f", "", "matched")
    )
    event = StatsClock(environment).statistics()
    assert render(event) == "Log statistics; written='dst.file(d#0,/x)=2'"
