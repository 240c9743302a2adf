"""
How long to wait before trying again: growing, bounded, spread by chance.

The first wait is ``initial_s``; each further one is longer by ``multiplier`` up to
``max_s``. A share of each wait (``jitter``) is random, so that many forwarders do not
come back in the same moment ("equal jitter").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Backoff", "Chance"]


class Chance(Protocol):
    """A source of chance, such as ``random.Random``."""

    def random(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    Waiting times in seconds.

    Attributes:
        initial_s: the first wait.
        max_s: no wait is longer.
        multiplier: each wait is so many times the one before.
        jitter: the share of a wait that is left to chance, 0 to 1.

    """

    initial_s: float
    max_s: float
    multiplier: float = 2.0
    jitter: float = 0.0

    def delay_s(self, attempt: int, chance: Chance) -> float:
        """Return the wait after failure number ``attempt`` (the first is 0)."""
        assert attempt >= 0
        # The exponent is bounded: 2 ** 1000 would not fit into a float.
        grown = self.initial_s * self.multiplier ** min(attempt, 64)
        delay_s = min(grown, self.max_s)
        return delay_s * (1 - self.jitter * chance.random())
