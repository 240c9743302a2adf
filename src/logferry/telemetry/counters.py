"""
Counters and gauges: the delivery ledger as numbers.

A driver asks the registry for its series once, at start, and adds to them once per
batch. Rendering (CSV, Prometheus) is in ``daemon/stats.py``; here are only the values
and the names they go by.

Names and labels are AxoSyslog's (its metric registry) without the ``syslogng_``
prefix; ``Legacy`` is the row of the classic CSV that shows the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Counter", "Kind", "Legacy", "Metrics", "Series"]


class Kind(StrEnum):
    """How a series behaves over time."""

    COUNTER = "counter"
    GAUGE = "gauge"


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
    orphaned: bool = False
    dynamic: bool = False


class Metrics:
    """All series of a process; the same key always gives the same counter."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
        self._refreshers: list[Callable[[], None]] = []

    def counter(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        level: int = 0,
        legacy: Legacy | None = None,
        kind: Kind = Kind.COUNTER,
        dynamic: bool = False,
    ) -> Counter:
        """
        Return the counter of ``name`` and ``labels``, made at its first use.

        Args:
            name: the series' name without prefix, such as ``output_events_total``;
                may be empty when only the classic CSV shows it.
            labels: label names and values, in any order.
            level: the lowest ``stats(level())`` at which it is shown.
            legacy: its row in the classic CSV.
            kind: counter or gauge.
            dynamic: it comes and goes with the data (state ``d`` in the CSV).

        """
        items = tuple(sorted((labels or {}).items()))
        assert name or legacy is not None
        key = (name, items) if name else (repr(legacy), ())
        series = self._series.get(key)
        if series is None:
            series = Series(
                name, items, kind, level, legacy, Counter(), dynamic=dynamic
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

    def on_read(self, refresh: Callable[[], None]) -> None:
        """Call ``refresh`` before the series are read, for values kept elsewhere."""
        self._refreshers.append(refresh)

    def remove_orphans(self) -> None:
        """Forget series that nobody counts any more."""
        self._series = {
            key: series for key, series in self._series.items() if not series.orphaned
        }

    def forget(self, refresh: Callable[[], None]) -> None:
        """Undo ``on_read``."""
        self._refreshers.remove(refresh)

    def __iter__(self) -> Iterator[Series]:
        """Iterate over all series in the order of their making."""
        for refresh in self._refreshers:
            refresh()
        return iter(tuple(self._series.values()))
