"""
What happens to counters as time goes by (``options { stats( … ) }``).

``freq()`` writes them into the internal log, ``lifetime()`` forgets dynamic ones that
no longer move, ``max-dynamics()`` bounds their number. What was dropped is said once a
second, never once a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from logferry.records import record
from logferry.telemetry.events import Event, Level
from logferry.telemetry.flows import SAMPLE_INTERVAL_S

if TYPE_CHECKING:
    from logferry.config.options import GlobalOptions, StatsOptions
    from logferry.runtime.environment import Environment

__all__ = ["LogStatistics", "StatsClock", "stats_options"]

_SWEEPS_PER_LIFETIME = 4

_LATENCIES = (
    "io_worker_latency_seconds",
    "mainloop_io_worker_roundtrip_latency_seconds",
)

_NEWS_INTERVAL_S = 1.0
"""Drops of one kind are said once in so long, with their number."""


@record
class LogStatistics(Event):
    """All rows of the classic CSV at one moment."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "Log statistics"

    rows: tuple[tuple[str, str], ...]

    def tags(self) -> Iterator[tuple[str, str]]:
        """Yield ``processed='source(s_net)=3'`` and so on."""
        yield from self.rows


def stats_options(options: GlobalOptions) -> StatsOptions:
    """Return ``stats()``, made of the old single options where they are given."""
    from logferry.config.options import StatsOptions

    block = cast("StatsOptions | None", options.stats)
    if block is not None:
        return block
    return StatsOptions(
        {
            "level": options.stats_level,
            "freq": options.stats_freq,
            "lifetime": options.stats_lifetime,
            "max_dynamics": options.stats_max_dynamics,
        }
    )


class StatsClock:
    """
    The timers of the counters.

    Args:
        environment: the counters, and the log.
        take_news: returns events that are due: what was dropped, and why.

    """

    def __init__(
        self,
        environment: Environment,
        take_news: Callable[[], Iterable[Event]] = tuple,
    ) -> None:
        self._environment = environment
        self._take_news = take_news
        self._options: StatsOptions | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def set(self, options: StatsOptions) -> None:
        """Follow ``options`` from now on."""
        self.stop()
        metrics = self._environment.metrics
        metrics.level = options.level
        metrics.gauge("stats_level").value = options.level
        metrics.dynamics_max = options.max_dynamics
        self._options = options
        self._arm("news", _NEWS_INTERVAL_S)
        self._arm("sample", SAMPLE_INTERVAL_S)
        self._arm("sweep", options.lifetime / _SWEEPS_PER_LIFETIME)
        if options.freq:
            self._arm("log", options.freq)
        if options.healthcheck_freq:
            self._arm("health", options.healthcheck_freq)

    def _arm(self, name: str, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(delay_s, self._on_timer, name, delay_s)

    def _on_timer(self, name: str, delay_s: float) -> None:
        assert self._options is not None
        if name == "news":
            self.report()
        elif name == "sweep":
            now = self._environment.clock()
            self._environment.metrics.expire(now, self._options.lifetime)
        elif name == "health":
            self._measure()
        elif name == "sample":
            self._environment.metrics.sample_flows()
        else:
            self._environment.log.emit(self.statistics())
        self._arm(name, delay_s)

    def _measure(self) -> None:
        """Measure how long the event loop takes to come around."""
        clock, metrics = self._environment.clock, self._environment.metrics
        started = clock()

        def note() -> None:
            for name in _LATENCIES:
                metrics.gauge(name).value = clock() - started

        asyncio.get_running_loop().call_soon(note)

    def report(self) -> None:
        """Say what was dropped since the last time."""
        for event in self._take_news():
            self._environment.log.emit(event)

    def statistics(self) -> LogStatistics:
        """Return the event for the internal log."""
        rows = []
        level = self._environment.metrics.level
        for series in self._environment.metrics:
            legacy = series.legacy
            if legacy is not None and series.legacy_level <= level:
                place = ",".join(filter(None, (legacy.id, legacy.instance)))
                text = f"{legacy.component}({place})={series.value:g}"
                rows.append((legacy.type, text))
        return LogStatistics(tuple(rows))

    def stop(self) -> None:
        """Stop the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
