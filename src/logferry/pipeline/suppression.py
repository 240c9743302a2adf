"""
``suppress()``: repeated messages are held back and counted.

Consecutive messages with the same host, program and text that come within the time
are one message and, when the time is over or another message comes, one line that
says how many there were. Pure: time is an argument. Source: the reference's
``suppress()``.
"""

from __future__ import annotations

from typing import Final

from logferry.message.model import Message, Origin, Stamp, UnixNanos
from logferry.message.timestamps import local_offset
from logferry.telemetry.counters import Counter

__all__ = ["Suppressor"]

_SHOWN_BYTES: Final = 20


class Suppressor:
    """
    Remembers the last message that went to one destination.

    Args:
        period_s: how long repetitions are held back.
        host_name: our own name.
        pid: our own process id.

    Attributes:
        suppressed: counts what is held back.

    """

    def __init__(self, period_s: float, host_name: bytes, pid: int) -> None:
        assert period_s > 0
        self._period_ns = round(period_s * 1e9)
        self._host_name = host_name
        self._pid = b"%d" % pid
        self._last: tuple[bytes, bytes, bytes] | None = None
        self._pri = 0
        self._until = 0
        self._held_count = 0
        self.suppressed = Counter()

    def take(self, message: Message, now: UnixNanos) -> tuple[Message, ...]:
        """Return what to write now: the message, behind a summary, or nothing."""
        identity = message.host, message.program, message.message
        if identity == self._last and self._is_within(now):
            self._held_count += 1
            self.suppressed.value += 1
            return ()
        summary = self.finish(now)
        self._last = identity
        self._pri = message.pri
        self._until = now + self._period_ns
        return (message,) if summary is None else (summary, message)

    def due(self, now: UnixNanos) -> Message | None:
        """Return the summary when the time is over and something was held back."""
        return None if self._is_within(now) else self.finish(now)

    def _is_within(self, now: UnixNanos) -> bool:
        """Tell whether the time runs; a clock that was put back has ended it."""
        return self._until - self._period_ns <= now < self._until

    def finish(self, now: UnixNanos) -> Message | None:
        """Return the summary of what was held back, if anything was."""
        last, count = self._last, self._held_count
        self._last, self._held_count = None, 0
        if last is None or not count:
            return None
        host, program, text = last
        stamp = Stamp(now, local_offset(now))
        summary = Message(Origin(local=True, host=self._host_name), stamp, stamp)
        summary.pri = self._pri
        summary.host, summary.program, summary.pid = host, program, self._pid
        summary.message = (
            b"Last message '%b' repeated %d times, suppressed by syslog-ng on %b"
            % (text[:_SHOWN_BYTES], count, self._host_name)
        )
        return summary
