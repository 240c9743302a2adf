"""
What every driver is given: the log, the counters, the clock, the state directory.

One object instead of six parameters; drivers keep it as ``self.environment``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from logferry.message.model import Monotonic, UnixNanos
from logferry.telemetry.counters import Metrics
from logferry.telemetry.events import EventLog, NullLog

__all__ = ["Environment", "monotonic", "wall_clock"]


def monotonic() -> Monotonic:
    """Read the clock for durations."""
    return Monotonic(time.monotonic())


def wall_clock() -> UnixNanos:
    """Read the wall clock."""
    return UnixNanos(time.time_ns())


@dataclass(slots=True)
class Environment:
    """
    The world as drivers see it.

    Attributes:
        log: where events go.
        metrics: where counters are registered.
        state_dir: where files that must survive a restart are kept.
        host_name: our own short name (``$LOGHOST``).
        clock: monotonic seconds.
        now: wall clock in nanoseconds.

    """

    log: EventLog = field(default_factory=NullLog)
    metrics: Metrics = field(default_factory=Metrics)
    state_dir: Path = Path()
    host_name: str = "localhost"
    clock: Callable[[], Monotonic] = monotonic
    now: Callable[[], UnixNanos] = wall_clock
