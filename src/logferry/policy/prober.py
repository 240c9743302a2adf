"""
Probes of one server that we would rather use: when, how many, when enough.

Probes start every ``interval_s`` seconds, counted from the start of the one before,
but never before the result of that one is known (seed: "always waits for the result
of the last probe before sending the next"). Successes must be consecutive.
"""

from __future__ import annotations

from dataclasses import dataclass

from logferry.errors import StateError

__all__ = ["ProbePlan", "Prober"]


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """``tcp-probe-interval()`` and ``successful-probes-required()``."""

    interval_s: float = 60.0
    required: int = 3


class Prober:
    """
    The probes of one server.

    States: *scheduled* (``due_at`` is set), *probing* (it is ``None``).
    """

    __slots__ = ("_plan", "_started_at", "due_at", "successes")

    def __init__(self, plan: ProbePlan, now: float) -> None:
        self._plan = plan
        self._started_at = now
        self.successes = 0
        self.due_at: float | None = now  # the first probe is due at once

    @property
    def is_probing(self) -> bool:
        """A probe is under way."""
        return self.due_at is None

    def on_started(self, now: float) -> None:
        """A probe was started."""
        if self.due_at is None:
            raise StateError("a probe is under way already")
        self._started_at = now
        self.due_at = None

    def on_result(self, *, is_good: bool, now: float) -> bool:
        """Take the result of a probe; true when this one was the last needed."""
        if self.due_at is not None:
            raise StateError("no probe is under way")
        self.due_at = max(now, self._started_at + self._plan.interval_s)
        self.successes = self.successes + 1 if is_good else 0
        return self.successes >= self._plan.required
