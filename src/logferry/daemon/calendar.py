"""
Whether the wall clock can be trusted with what cannot be undone.

Deleting by age is for good, and a wall clock may be a year ahead for an hour: a wrong
time server, a virtual machine that was resumed, a board without a battery that thinks
it is 1970 and then learns better. The monotonic clock tells the difference. When the
wall clock runs away from it by more than ``STEP_S``, the new time is believed only
after it has stood for ``PATIENCE_S``; should it be corrected before, nothing happened.
A clock that was put back makes everything younger, which destroys nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Monotonic, UnixNanos

__all__ = ["Calendar"]

STEP_S: Final = 3600.0
PATIENCE_S: Final = 86_400.0


class Calendar:
    """
    A wall clock that is slow to believe in a leap forward.

    Args:
        now: the wall clock.
        clock: monotonic seconds.

    """

    def __init__(
        self, now: Callable[[], UnixNanos], clock: Callable[[], Monotonic]
    ) -> None:
        self._now = now
        self._clock = clock
        self._lead_s = now() / 1e9 - clock()  # of the wall clock, as we trust it
        self._leapt_at: float | None = None

    def trusted_now_ns(self) -> int:
        """Return the wall clock, or what it would show had it not leapt."""
        clock = self._clock()
        lead_s = self._now() / 1e9 - clock
        if lead_s - self._lead_s < STEP_S:  # also when it was put back
            self._lead_s, self._leapt_at = lead_s, None
        elif self._leapt_at is None:
            self._leapt_at = clock
        elif clock - self._leapt_at >= PATIENCE_S:
            self._lead_s, self._leapt_at = lead_s, None
        return int((clock + self._lead_s) * 1e9)
