"""
The program's own log: lines on stderr, and listeners.

A line is ``[2026-11-21T01:34:40.695452] message; key='value', key2='value2'``, the
reference's form. What happened before the ``internal()`` source existed is remembered,
up to a bound. A stderr that is full or closed never blocks or ends the process.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from logferry.daemon.recent import Recent
from logferry.telemetry.events import Event, Level, render

if TYPE_CHECKING:
    from logferry.message.model import UnixNanos

__all__ = ["SelfLog", "Verbosity", "stamped"]

_REMEMBERED_MAX = 1000
_REPEATS_PER_WINDOW = 1000
_WINDOW_NS = 10 * 1_000_000_000


class Verbosity(StrEnum):
    """How much is said (``-v``, ``-d``, ``-t``, ``ctl log-level``)."""

    DEFAULT = "default"
    VERBOSE = "verbose"
    DEBUG = "debug"
    TRACE = "trace"

    @property
    def number(self) -> int:
        """The reference's number for it."""
        return list(Verbosity).index(self)

    @property
    def level(self) -> Level:
        """The least important level that is said."""
        return (Level.NOTICE, Level.INFO, Level.DEBUG, Level.DEBUG)[self.number]


class SelfLog:
    """
    Takes events (``telemetry.events.EventLog``).

    Args:
        now: the wall clock.
        descriptor: where lines are written, or ``None``.
        verbosity: how much is said.
        is_journal: the descriptor leads into systemd's journal, which adds the time
            itself and reads the level from a prefix.

    """

    def __init__(
        self,
        now: Callable[[], UnixNanos],
        descriptor: int | None = 2,
        verbosity: Verbosity = Verbosity.DEFAULT,
        *,
        is_journal: bool = False,
    ) -> None:
        self.verbosity = verbosity
        self._is_journal = is_journal
        self.recent = Recent()
        self._now = now
        self._descriptor = descriptor
        self._copies: list[int] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._unheard: deque[Event] | None = deque(maxlen=_REMEMBERED_MAX)
        self._window_end_ns = 0
        self._counts: dict[type[Event], int] = {}

    @property
    def verbosity(self) -> Verbosity:
        """How much is said."""
        return self._verbosity

    @verbosity.setter
    def verbosity(self, verbosity: Verbosity) -> None:
        self._verbosity = verbosity
        self.level = verbosity.level

    def emit(self, event: Event) -> None:
        """Write ``event`` and tell the listeners."""
        if event.level > self.level:
            return
        now = self._now()
        self.recent.add(now, event)
        if self._is_allowed(event, now):
            self._write(now, event.level, render(event))
        if self._unheard is not None:
            self._unheard.append(event)
        for listener in self._listeners:
            listener(event)

    def _is_allowed(self, event: Event, now: UnixNanos) -> bool:
        """Let a bounded number of events of one kind through in each window."""
        if now >= self._window_end_ns:
            self._window_end_ns = now + _WINDOW_NS
            for kind, count in self._counts.items():
                if count > _REPEATS_PER_WINDOW:
                    left_out = count - _REPEATS_PER_WINDOW
                    text = f"{kind.text}; left_out='{left_out}'"
                    self._write(now, kind.level, text)
            self._counts.clear()
        if not event.is_limited:
            return True
        count = self._counts[type(event)] = self._counts.get(type(event), 0) + 1
        return count <= _REPEATS_PER_WINDOW or event.level <= Level.CRITICAL

    def _write(self, now: UnixNanos, level: Level, text: str) -> None:
        if self._descriptor is None and not self._copies:
            return
        line = f"{stamped(now, text)}\n"
        for descriptor in self._copies:
            _put(descriptor, line)
        if self._descriptor is not None:
            is_journal = self._is_journal
            _put(self._descriptor, f"<{int(level)}>{text}\n" if is_journal else line)

    def add_copy(self, descriptor: int) -> None:
        """Write every line to ``descriptor`` too, which stays the caller's."""
        self._copies.append(descriptor)

    def remove_copy(self, descriptor: int) -> None:
        """Undo ``add_copy``."""
        self._copies.remove(descriptor)

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Also tell ``listener``, beginning with what nobody has heard yet."""
        unheard, self._unheard = self._unheard, None
        self._listeners.append(listener)
        for event in unheard or ():
            listener(event)

    def unsubscribe(self, listener: Callable[[Event], None]) -> None:
        """Stop telling ``listener``."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._unheard = deque(maxlen=_REMEMBERED_MAX)


def stamped(now: UnixNanos, text: str) -> str:
    """Return ``text`` as it stands in the log: local time is what an operator reads."""
    stamp = datetime.fromtimestamp(now / 1e9).isoformat(timespec="microseconds")  # noqa: DTZ006
    return f"[{stamp}] {text}"


def _put(descriptor: int, line: str) -> None:
    """Write one line, as far as that can be done without waiting for a reader."""
    data = line.encode("utf-8", "backslashreplace")
    poll = select.poll()
    try:
        poll.register(descriptor, select.POLLOUT)
        # A pipe that is ready takes PIPE_BUF bytes at once, and perhaps no more.
        for start in range(0, len(data), select.PIPE_BUF):
            if not poll.poll(0):
                return  # nobody reads: the event is in `recent` all the same
            os.write(descriptor, data[start : start + select.PIPE_BUF])
    except OSError:
        return  # there is no reader any more
