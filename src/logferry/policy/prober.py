"""
Probes of one server that we would rather use: when, how many, when enough.

Probes start every ``interval_s`` seconds, counted from the start of the one before,
but never before the result of that one is known: the documents' "always waits for the
result of the last probe before sending the next". Successes must be consecutive; a
failure starts the count anew, and the hold time with it.

A probe is *bare* when it stops at the TCP connection (``probe(tcp)``). The one that may
be enough is never bare: its connection is to carry messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logferry.errors import StateError

if TYPE_CHECKING:
    from logferry.policy.backoff import Chance

__all__ = ["ProbePlan", "Prober"]


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """
    How a server is probed.

    Attributes:
        interval_s: ``tcp-probe-interval()``, from start to start.
        required: ``successful-probes-required()``, in a row.
        jitter: the share of each interval that is left to chance, 0 to 1.
        is_bare: probes that cannot be enough need no TLS handshake.

    """

    interval_s: float = 60.0
    required: int = 3
    jitter: float = 0.0
    is_bare: bool = False


class Prober:
    """
    The probes of one server.

    Args:
        plan: how to probe.
        chance: for the jitter.
        first_at: when the first probe is due.

    States: *scheduled* (``due_at`` is set), *probing* (it is ``None``).
    """

    __slots__ = (
        "_chance",
        "_good_since",
        "_started_at",
        "due_at",
        "is_bare",
        "plan",
        "successes",
    )

    def __init__(self, plan: ProbePlan, chance: Chance, first_at: float) -> None:
        assert plan.required > 0
        self.plan = plan
        self._chance = chance
        self._started_at = first_at
        self._good_since = first_at
        self.successes = 0
        self.is_bare = False  # the probe under way, or the last one
        self.due_at: float | None = first_at

    @property
    def is_probing(self) -> bool:
        """A probe is under way."""
        return self.due_at is None

    def on_started(self, now: float, *, needs_all: bool = False) -> None:
        """A probe was started; with ``needs_all`` it is not a bare one."""
        if self.due_at is None:
            raise StateError("a probe is under way already")
        self._started_at = now
        self.due_at = None
        may_be_enough = needs_all or self.successes + 1 >= self.plan.required
        self.is_bare = self.plan.is_bare and not may_be_enough

    def on_result(self, *, is_good: bool, now: float) -> None:
        """Take the result of a probe and schedule the next one."""
        if self.due_at is not None:
            raise StateError("no probe is under way")
        interval_s = self.plan.interval_s
        if self.plan.jitter:
            interval_s *= 1 - self.plan.jitter * self._chance.random()
        self.due_at = max(now, self._started_at + interval_s)
        if is_good and not self.successes:
            self._good_since = now
        self.successes = self.successes + 1 if is_good else 0

    def is_enough(self, hold_time_s: float, now: float) -> bool:
        """Tell whether the server was good often enough, and for long enough."""
        is_held = now - self._good_since >= hold_time_s
        return self.successes >= self.plan.required and is_held and not self.is_bare
