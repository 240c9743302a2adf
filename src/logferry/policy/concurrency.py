"""
How many requests at the same time: ``workers(auto(1..16))``.

Additive increase, multiplicative decrease, as TCP does it. While there is more to send
and answers come about as quickly as they ever did, the limit grows by one for each
round of answers. When a server says that it is too much (429, 503), or latency is
several times the best one, the limit shrinks by a third, once in a while at most: the
answers under way then still tell of the old limit.
"""

from __future__ import annotations

__all__ = ["Concurrency"]

_DECREASE = 2 / 3
_LATENCY_GOOD = 2.0  # times the baseline: room for more
_LATENCY_BAD = 4.0  # times the baseline: too much
_COOLDOWN_S = 1.0
_BASELINE_RISE = 0.02  # so that a server that became slower for good is accepted
_LATENCY_MIN_S = 0.002  # below this nothing is slow


class Concurrency:
    """The number of workers that may be busy; between ``least`` and ``most``."""

    def __init__(self, least: int, most: int) -> None:
        assert 0 < least <= most
        self._least = least
        self._most = most
        self._limit = float(least)
        self._baseline_s = 0.0
        self._shrunk_at = float("-inf")

    @property
    def limit(self) -> int:
        """How many workers may be busy now."""
        return int(self._limit)

    def on_answer(
        self, latency_s: float, now: float, *, is_overload: bool, is_backlogged: bool
    ) -> None:
        """
        An answer came.

        Args:
            latency_s: from the request to the answer.
            now: monotonic seconds.
            is_overload: the server said that it is too much.
            is_backlogged: there is more to send than workers to send it.

        """
        if is_overload:
            self._shrink(now)
            return
        latency_s = max(latency_s, _LATENCY_MIN_S)
        if not self._baseline_s or latency_s < self._baseline_s:
            self._baseline_s = latency_s
        ratio = latency_s / self._baseline_s
        self._baseline_s += _BASELINE_RISE * (latency_s - self._baseline_s)
        if ratio > _LATENCY_BAD:
            self._shrink(now)
        elif ratio < _LATENCY_GOOD and is_backlogged:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def _shrink(self, now: float) -> None:
        if now - self._shrunk_at >= _COOLDOWN_S:
            self._shrunk_at = now
            self._limit = max(float(self._least), self._limit * _DECREASE)
