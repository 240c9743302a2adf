"""
Counters by host, program, sender, severity and facility, message by message.

``stats(level(2))`` counts hosts, level 3 the rest too; ``syslog-stats(yes)`` and ``no``
force all of it on and off. The programs are compiled with a call for it only then:
otherwise it costs nothing, and lines need not be taken apart for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.telemetry.counters import Counter, Kind, Legacy, Metrics

if TYPE_CHECKING:
    from logferry.config.options import StatsOptions
    from logferry.message.model import Message

__all__ = ["census_of"]

_KNOWN_MAX = 10_000
"""Counters that are remembered by what they count; more are looked up anew."""

_HOST_LEVEL, _DETAIL_LEVEL = 2, 3


def census_of(
    options: StatsOptions, metrics: Metrics
) -> Callable[[Message], None] | None:
    """Return what counts a message, or ``None`` when nothing is to be counted."""
    level = options.level
    if options.syslog_stats == "yes":
        level = max(level, _DETAIL_LEVEL)
    if options.syslog_stats == "no" or level < _HOST_LEVEL:
        return None
    return _Census(metrics, level, options.level).count


class _Census:
    def __init__(self, metrics: Metrics, level: int, shown_level: int) -> None:
        self._metrics = metrics
        self._is_detailed = level >= _DETAIL_LEVEL
        self._shown_level = shown_level
        self._counters: dict[tuple[str, str], tuple[Counter, Counter]] = {}

    def count(self, message: Message) -> None:
        """Count one message."""
        stamp_s = message.received.unix_ns // 1_000_000_000
        self._add("src.host", message.host, stamp_s)
        if self._is_detailed:
            self._add("src.program", message.program, stamp_s)
            self._add("src.sender", message.origin.host, stamp_s)
            self._add("severity", b"%d" % (message.pri & 7), stamp_s)
            self._add("facility", b"%d" % (message.pri >> 3), stamp_s)

    def _add(self, component: str, value: bytes, stamp_s: int) -> None:
        name = value.decode("utf-8", "replace")
        counters = self._counters.get((component, name))
        if counters is None:
            counters = self._make(component, name)
        counters[0].value += 1
        counters[1].value = stamp_s

    def _make(self, component: str, name: str) -> tuple[Counter, Counter]:
        if len(self._counters) >= _KNOWN_MAX:
            self._counters.clear()
        # The reference has the two closed sets in the id column's place.
        is_closed = not component.startswith("src.")
        made = tuple(
            self._metrics.counter(
                "",
                level=self._shown_level,
                legacy=Legacy(component, "", name, kind),
                kind=Kind.GAUGE if kind == "stamp" else Kind.COUNTER,
                dynamic=not is_closed,
            )
            for kind in ("processed", "stamp")
        )
        counters = self._counters[component, name] = (made[0], made[1])
        return counters
