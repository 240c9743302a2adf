"""A token bucket: how many messages may go now (``throttle()``)."""

from __future__ import annotations

__all__ = ["TokenBucket"]


class TokenBucket:
    """
    Lets ``rate`` messages a second pass, at most one second's worth at once.

    Args:
        rate: messages a second, positive.
        now: monotonic seconds.

    """

    __slots__ = ("_rate", "_tokens", "_updated_at")

    def __init__(self, rate: int, now: float) -> None:
        assert rate > 0
        self._rate = rate
        self._tokens = float(rate)
        self._updated_at = now

    def available(self, now: float) -> int:
        """Return how many messages may pass at ``now``."""
        gained = max(0.0, now - self._updated_at) * self._rate
        self._tokens = min(float(self._rate), self._tokens + gained)
        self._updated_at = now
        return int(self._tokens)

    def take(self, count: int, now: float) -> None:
        """Use ``count`` tokens, no more than ``available`` said."""
        assert count <= self.available(now)
        self._tokens -= count
