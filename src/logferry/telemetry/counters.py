"""
Counters and gauges: the delivery ledger as numbers.

A driver asks the registry for its series once, at start, and adds to them once per
batch. Rendering (CSV, Prometheus) is in ``daemon/stats.py``; here are only the values
and the names they go by.

Names and labels are AxoSyslog's (its metric registry) without the ``syslogng_``
prefix; ``Legacy`` is the row of the classic CSV that shows the same number.

Counters themselves are never set back: a reset remembers where each stood, so that the
ledger's sums, which drivers may keep using, stay true.

*Dynamic* series come and go with the data (``metrics-probe()``, one set per client):
their number is bounded, and what did not move for a lifetime is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from logferry.telemetry.flows import Flow
from logferry.telemetry.histograms import Histogram, Scale

__all__ = ["Counter", "Kind", "Legacy", "Metrics", "Series"]


_SIZES = ("msg_size_max", "msg_size_avg")
_RATES = ("eps_last_1h", "eps_last_24h", "eps_since_start")
_BATCHES = ("batch_size_max", "batch_size_avg")
_TRUNCATIONS = ("truncated_count", "truncated_bytes")


class Kind(StrEnum):
    """How a series behaves over time."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Legacy:
    """The place of a series in the classic CSV: four of its six columns."""

    component: str
    id: str
    instance: str
    type: str


class Counter:
    """
    One number; a plain slotted class because it is on the path of every batch.

    ``value`` may be read and set directly; counters only grow, gauges move.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: int | float = 0

    def add(self, amount: float) -> None:
        """Add ``amount``."""
        self.value += amount


@dataclass(slots=True)
class Series:
    """A counter with everything a reader needs to know of it."""

    name: str
    labels: tuple[tuple[str, str], ...]
    kind: Kind
    level: int
    legacy: Legacy | None
    counter: Counter
    legacy_level: int = 0
    orphaned: bool = False
    dynamic: bool = False
    is_kept: bool = False
    base: float = 0
    seen_value: float = 0
    moved_at: float = 0.0

    @property
    def value(self) -> float:
        """What is shown: what was counted since the last reset."""
        return self.counter.value - self.base

    def reset(self) -> None:
        """Count from zero again; a gauge shows what is and has no zero."""
        if self.kind is not Kind.GAUGE and not self.is_kept:
            self.base = self.counter.value


class Metrics:
    """All series of a process; the same key always gives the same counter."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
        self._refreshers: list[Callable[[], None]] = []
        self._flows: dict[tuple[str, str, str], Flow] = {}
        self.clock: Callable[[], float] = float
        """Monotonic seconds; rates are measured with it."""
        self.now: Callable[[], int] = int
        """The wall clock in nanoseconds; rows carry stamps of it."""
        self._unlisted = Counter()  # what is counted beyond the bound
        self._dynamics_count = 0
        self.level = 0
        """``stats(level())``: who makes series only to show them looks here."""
        self.dynamics_max = -1
        """How many dynamic series there may be; -1 is any number."""

    def counter(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        level: int = 0,
        legacy: Legacy | None = None,
        legacy_level: int | None = None,
        kind: Kind = Kind.COUNTER,
        dynamic: bool = False,
        is_kept: bool = False,
    ) -> Counter:
        """
        Return the counter of ``name`` and ``labels``, made at its first use.

        Args:
            name: the series' name without prefix, such as ``output_events_total``;
                may be empty when only the classic CSV shows it.
            labels: label names and values, in any order.
            level: the lowest ``stats(level())`` at which it is shown.
            legacy: its row in the classic CSV.
            legacy_level: the level of that row, if it is another one.
            kind: counter or gauge.
            dynamic: it comes and goes with the data (state ``d`` in the CSV).
            is_kept: a reset leaves it alone.

        """
        items = tuple(sorted((labels or {}).items()))
        assert name or legacy is not None
        key = (name, items) if name else (repr(legacy), ())
        series = self._series.get(key)
        if series is None:
            if dynamic:
                if 0 <= self.dynamics_max <= self._dynamics_count:
                    return self._unlisted
                self._dynamics_count += 1
            series = Series(
                name,
                items,
                kind,
                level,
                legacy,
                Counter(),
                level if legacy_level is None else legacy_level,
                dynamic=dynamic,
                is_kept=is_kept,
            )
            self._series[key] = series
        series.orphaned = False
        return series.counter

    def gauge(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        level: int = 0,
        legacy: Legacy | None = None,
    ) -> Counter:
        """Return a gauge: see :meth:`counter`."""
        return self.counter(name, labels, level=level, legacy=legacy, kind=Kind.GAUGE)

    def histogram(
        self, name: str, labels: dict[str, str], scale: Scale, *, level: int = 0
    ) -> Histogram:
        """Return a histogram, made at its first use; ``level`` as in ``counter``."""

        def part(ending: str, **more: str) -> Counter:
            return self.counter(
                f"{name}_{ending}", labels | more, level=level, kind=Kind.HISTOGRAM
            )

        return Histogram(
            scale,
            amount=part("sum"),
            total=part("count"),
            buckets=[part("bucket", le=bound) for bound in scale.bounds()],
        )

    def flow(
        self,
        row: tuple[str, str, str],
        *,
        level: int = 0,
        newline_bytes: int = 1,
        has_batches: bool = False,
        has_truncation: bool = False,
    ) -> Flow:
        """
        Return what measures the messages of ``row``, made at its first use.

        Args:
            row: component, id and instance in the classic CSV.
            level: the lowest ``stats(level())`` at which it is shown.
            newline_bytes: see ``Flow``.
            has_batches: show ``batch_size_max`` and ``batch_size_avg``.
            has_truncation: show ``truncated_count`` and ``truncated_bytes``.

        """
        flow = self._flows.get(row)
        kinds = [*_SIZES, *_RATES]
        kinds += [*_BATCHES] if has_batches else []
        for kind in kinds:
            self.gauge("", level=level, legacy=Legacy(*row, kind))
        for kind in _TRUNCATIONS if has_truncation else ():
            self.counter("", level=level, legacy=Legacy(*row, kind))
        if flow is None:
            flow = self._flows[row] = Flow(self.clock(), newline_bytes)
        return flow

    def discard_row(self, row: tuple[str, str, str], kind: str) -> None:
        """Forget a row that only the classic CSV has, if it is there."""
        self._series.pop((repr(Legacy(*row, kind)), ()), None)

    def discard_flow(self, row: tuple[str, str, str]) -> None:
        """Forget what measures ``row``, if it is there."""
        if self._flows.pop(row, None) is not None:
            for kind in (*_SIZES, *_RATES, *_BATCHES, *_TRUNCATIONS):
                self.discard_row(row, kind)

    def sample_flows(self) -> None:
        """Let rates know the past; every ``flows.SAMPLE_INTERVAL_S``."""
        for flow in self._flows.values():
            flow.sample()

    def _refresh_flows(self) -> None:
        now = self.clock()
        for row, flow in self._flows.items():
            sizes = (flow.largest, flow.average)
            batches = (flow.batch_largest, flow.batch_average)
            cuts = (flow.truncated_count, flow.truncated_bytes)
            values = (*sizes, *flow.rates(now), *batches, *cuts)
            kinds = (*_SIZES, *_RATES, *_BATCHES, *_TRUNCATIONS)
            for kind, value in zip(kinds, values, strict=True):
                series = self._series.get((repr(Legacy(*row, kind)), ()))
                if series is not None:
                    series.counter.value = value

    def discard(self, name: str, labels: Mapping[str, str]) -> None:
        """Forget one series, if it is there: what it counted has ended."""
        series = self._series.pop((name, tuple(sorted(labels.items()))), None)
        self._dynamics_count -= series is not None and series.dynamic

    def mark_orphans(self, is_alive: Callable[[Series], bool]) -> None:
        """Mark the series that nobody counts any more, and unmark the others."""
        for series in self._series.values():
            series.orphaned = not is_alive(series)

    def expire(self, now: float, lifetime_s: float) -> None:
        """Forget dynamic series that did not move for ``lifetime_s``."""
        for key, series in tuple(self._series.items()):
            if not series.dynamic:
                continue
            if not series.moved_at or series.counter.value != series.seen_value:
                series.moved_at = now
                series.seen_value = series.counter.value
            elif now - series.moved_at >= lifetime_s:
                del self._series[key]
                self._dynamics_count -= 1
                if series.legacy is not None:
                    row = series.legacy
                    self.discard_flow((row.component, row.id, row.instance))

    def on_read(self, refresh: Callable[[], None]) -> None:
        """Call ``refresh`` before the series are read, for values kept elsewhere."""
        self._refreshers.append(refresh)

    def remove_orphans(self) -> None:
        """Forget series that nobody counts any more."""
        for series in tuple(self._series.values()):
            if series.orphaned and series.legacy is not None:
                legacy = series.legacy
                self._flows.pop((legacy.component, legacy.id, legacy.instance), None)
        self._series = {
            key: series for key, series in self._series.items() if not series.orphaned
        }
        self._dynamics_count = sum(item.dynamic for item in self._series.values())

    def forget(self, refresh: Callable[[], None]) -> None:
        """Undo ``on_read``."""
        self._refreshers.remove(refresh)

    def __iter__(self) -> Iterator[Series]:
        """Iterate over all series in the order of their making."""
        for refresh in self._refreshers:
            refresh()
        self._refresh_flows()
        return iter(tuple(self._series.values()))
