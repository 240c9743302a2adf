"""
The search for a server that works: who was tried, and how long to wait.

A *round* is over when every candidate has failed since the last connection that held.
Without backoff each failure costs ``reopen_delay_s``: the documents' rule. With it,
the next candidate is tried at once and only a whole round in vain costs time, more
with each round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.policy.backoff import Backoff, Chance
    from logferry.policy.pool import Server

__all__ = ["Search"]


class Search:
    """Rounds through the candidates of a pool."""

    __slots__ = ("_backoff", "_chance", "_reopen_delay_s", "_tried", "round_count")

    def __init__(
        self, reopen_delay_s: float, backoff: Backoff | None, chance: Chance
    ) -> None:
        assert reopen_delay_s >= 0
        self._reopen_delay_s = reopen_delay_s
        self._backoff = backoff
        self._chance = chance
        self._tried: set[Server] = set()
        self.round_count = 0

    def succeed(self) -> None:
        """Begin anew: a connection held."""
        self._tried.clear()
        self.round_count = 0

    def fail(self, server: Server, candidates: Sequence[Server]) -> float:
        """Note that ``server`` failed; return the wait before the next, in seconds."""
        self._tried.add(server)
        is_over = self._tried.issuperset(candidates)
        if is_over:
            self._tried.clear()
            self.round_count += 1
        if self._backoff is None:
            return self._reopen_delay_s
        if not is_over:
            return 0.0
        return self._backoff.delay_s(self.round_count - 1, self._chance)

    def untried(self, candidates: Sequence[Server]) -> list[Server]:
        """Return who of ``candidates`` is still to be tried in this round, or all."""
        if not self._tried:
            return list(candidates)
        left = [server for server in candidates if server not in self._tried]
        return left or list(candidates)
