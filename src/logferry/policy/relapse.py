"""
How long a server must be good before we return to it, learned from relapses.

Losing a server within ``RELAPSE_S`` (or the hold time, if that is longer) of the
return to it is a *relapse* and doubles the hold time, up to a maximum; a longer stay
sets it back. So a primary that comes and goes is left alone for longer and longer.
"""

from __future__ import annotations

__all__ = ["RELAPSE_S", "HoldTime"]

RELAPSE_S = 60.0
"""A stay shorter than this ended in a relapse, even without a hold time so long."""


class HoldTime:
    """``hold-time()``: the one in force, in seconds, is ``current_s``."""

    __slots__ = ("_initial_s", "_max_s", "_returned_at", "current_s")

    def __init__(self, initial_s: float, max_s: float) -> None:
        assert initial_s >= 0
        self._initial_s = initial_s
        self._max_s = max(max_s, initial_s)
        self._returned_at: float | None = None
        self.current_s = initial_s

    def on_returned(self, now: float) -> None:
        """A better server is used again."""
        self._returned_at = now

    def on_left(self) -> None:
        """The server was left for a reason that is not its fault."""
        self._returned_at = None

    def on_lost(self, now: float) -> None:
        """The server in use was lost."""
        if self._returned_at is None:
            return
        stay_s = now - self._returned_at
        self._returned_at = None
        if stay_s < max(self.current_s, RELAPSE_S):
            self.current_s = min(self.current_s * 2, self._max_s)
        else:
            self.current_s = self._initial_s
