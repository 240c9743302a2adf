"""
What every driver is given: the log, the counters, the clock, the state directory.

One object instead of eight parameters; drivers keep it as ``self._environment``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from logferry.message.model import Monotonic, UnixNanos
from logferry.runtime.credentials import Credentials
from logferry.runtime.inbox import Inbox
from logferry.runtime.stores import (
    DeadLetters,
    MemoryDeadLetters,
    MemoryState,
    State,
)
from logferry.telemetry.counters import Metrics
from logferry.telemetry.events import Event, NullLog

__all__ = ["Environment", "Log", "monotonic", "wall_clock"]


def monotonic() -> Monotonic:
    """Read the clock for durations."""
    return Monotonic(time.monotonic())


def wall_clock() -> UnixNanos:
    """Read the wall clock."""
    return UnixNanos(time.time_ns())


class Log(Protocol):
    """Where events go, and where the ``internal()`` source gets them from."""

    def emit(self, event: Event) -> None:
        """Take one event; never raises, never blocks."""

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Also tell ``listener``, beginning with what is remembered from before."""

    def unsubscribe(self, listener: Callable[[Event], None]) -> None:
        """Stop telling ``listener``."""


def _ignore() -> None:
    """Take no notice."""


@dataclass(slots=True)
class Environment:
    """
    The world as drivers see it.

    Attributes:
        log: where events go.
        metrics: where counters are registered.
        state_dir: where files that must survive a restart are kept.
        host_name: our own short name (``$LOGHOST``).
        time_zone: the system's zone, such as ``Europe/Budapest``.
        clock: monotonic seconds.
        now: wall clock in nanoseconds.
        worker_index: which of the worker processes this is, from 0.
        worker_count: how many there are; they share listening ports.
        started_ns: when this process started, by the wall clock.
        run_id: how often a daemon was started with this state; 0 outside of one.
        stop: asks the daemon to stop (``flags(exit-on-eof)``).
        state: small values that survive a restart.
        dead_letters: where messages go that no server takes.
        credentials: passphrases of private keys.
        left_behind: what drivers that were stopped leave to those that take their
            place in the same process, by persist name.
        is_at_end: it was asked to stop because the input has ended.
        inbox: where correlations post messages for ``internal()``.

    """

    log: Log = field(default_factory=NullLog)
    metrics: Metrics = field(default_factory=Metrics)
    state_dir: Path = Path()
    host_name: str = "localhost"
    time_zone: str = "UTC"
    clock: Callable[[], Monotonic] = monotonic
    now: Callable[[], UnixNanos] = wall_clock
    worker_index: int = 0
    worker_count: int = 1
    started_ns: int = field(default_factory=time.time_ns)
    run_id: int = 0
    stop: Callable[[], None] = _ignore
    state: State = field(default_factory=MemoryState)
    dead_letters: DeadLetters = field(default_factory=MemoryDeadLetters)
    left_behind: dict[str, object] = field(default_factory=dict)
    credentials: Credentials = field(default_factory=Credentials)
    is_at_end: bool = False
    inbox: Inbox = field(default_factory=Inbox)

    def __post_init__(self) -> None:
        """Let rates be measured with our clocks."""
        self.metrics.clock = self.clock
        self.metrics.now = self.now
