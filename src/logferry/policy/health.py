"""
Is a server fit for use? Learned from what it did with our requests.

``HEALTHY``  used like any other
``EJECTED``  left alone until ``retry_at``
``ON_TRIAL`` its time is over: it may show in a few requests what it can do

=========  ============================  =========  ===============================
state      input                         next       what happens
=========  ============================  =========  ===============================
HEALTHY    ``fall`` failures in a row    EJECTED    for ``ejection_s``
EJECTED    ``retry_at`` has come         ON_TRIAL
EJECTED    a success (an active probe)   ON_TRIAL   counted as the first of ``rise``
ON_TRIAL   ``rise`` successes in a row   HEALTHY
ON_TRIAL   a failure                     EJECTED    longer than the time before
=========  ============================  =========  ===============================

Each ejection is longer by ``ejection_s`` than the one before, up to a maximum, or
follows a ``Backoff`` where the plan has one; the server itself may ask for a wait
(``Retry-After``). Being healthy for as long as the last ejection took makes up for all
of them. An ejection that turns out to be an error is taken back by ``restore``. How
many servers may be ejected at the same time is for whoever chooses among them to
decide. The numbers are those that balancers agree on: HAProxy's rise and fall, Envoy's
ejection times.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.policy.backoff import Backoff, Chance

__all__ = ["Fitness", "Health", "HealthPlan"]


class Fitness(StrEnum):
    """What to make of a server."""

    HEALTHY = "healthy"
    EJECTED = "ejected"
    ON_TRIAL = "on-trial"


@dataclass(frozen=True, slots=True)
class HealthPlan:
    """
    When a server is given up, and when it is trusted again.

    Attributes:
        fall: failures in a row that eject it.
        rise: successes in a row that end its trial.
        ejection_s: how long the first ejection takes, and how much longer each next.
        ejection_max_s: no ejection is longer.
        backoff: how long ejections take, instead of the two above.

    """

    fall: int = 3
    rise: int = 2
    ejection_s: float = 30.0
    ejection_max_s: float = 300.0
    backoff: Backoff | None = None


class Health:
    """
    The record of one server; times are monotonic seconds.

    ``chance`` is asked by a plan whose backoff has jitter.
    """

    __slots__ = (
        "_chance",
        "_ejection_count",
        "_ejection_s",
        "_healthy_since",
        "_in_a_row",
        "_plan",
        "_state",
        "retry_at",
    )

    def __init__(
        self, plan: HealthPlan, now: float, chance: Chance | None = None
    ) -> None:
        assert plan.fall > 0
        assert plan.rise > 0
        assert plan.backoff is None or chance is not None
        self._chance = chance
        self._plan = plan
        self._state = Fitness.HEALTHY
        self._healthy_since = now
        self._in_a_row = 0  # failures while healthy, successes on trial
        self._ejection_count = 0
        self._ejection_s = 0.0
        self.retry_at: float | None = None

    def fitness(self, now: float) -> Fitness:
        """Return what to make of the server at ``now``."""
        if self.retry_at is not None and now >= self.retry_at:
            self._begin_trial()
        return self._state

    def on_success(self, now: float) -> None:
        """A request or a probe went well."""
        if self.fitness(now) is Fitness.HEALTHY:
            self._in_a_row = 0
            return
        if self._state is Fitness.EJECTED:
            self._begin_trial()
        self._in_a_row += 1
        if self._in_a_row >= self._plan.rise:
            self._state = Fitness.HEALTHY
            self._healthy_since = now
            self._in_a_row = 0

    @property
    def healthy_since(self) -> float:
        """When it last became healthy."""
        return self._healthy_since

    def on_failure(self, now: float, wait_s: float | None = None) -> None:
        """
        A request or a probe failed, and the server is to blame.

        ``wait_s`` is for how long the server asked to be left alone, if it did.
        Failures while it is ejected change nothing: they were under way before.
        """
        match self.fitness(now):
            case Fitness.HEALTHY:
                self._in_a_row += 1
                if self._in_a_row >= self._plan.fall:
                    if now - self._healthy_since >= self._ejection_s:
                        self._ejection_count = 0
                    self._eject(now, wait_s)
            case Fitness.ON_TRIAL:
                self._eject(now, wait_s)
            case Fitness.EJECTED:
                pass

    def _begin_trial(self) -> None:
        self._state = Fitness.ON_TRIAL
        self._in_a_row = 0
        self.retry_at = None

    def restore(self, now: float) -> None:
        """Take the last ejection back: the server was not to blame."""
        if self.fitness(now) is Fitness.HEALTHY:
            self._in_a_row = max(0, self._in_a_row - 1)
            return
        self._ejection_count = max(0, self._ejection_count - 1)
        self._state = Fitness.HEALTHY
        self._in_a_row = 0
        self.retry_at = None

    def eject_until(self, retry_at: float) -> None:
        """Go on with an ejection of an earlier run."""
        self._ejection_count = 1
        self._state = Fitness.EJECTED
        self._in_a_row = 0
        self.retry_at = retry_at

    def _eject(self, now: float, wait_s: float | None) -> None:
        self._ejection_count += 1
        self._ejection_s = self._wanted_s() if wait_s is None else wait_s
        self._state = Fitness.EJECTED
        self._in_a_row = 0
        self.retry_at = now + self._ejection_s

    def _wanted_s(self) -> float:
        plan = self._plan
        if plan.backoff is not None:
            assert self._chance is not None
            return plan.backoff.delay_s(self._ejection_count - 1, self._chance)
        return min(plan.ejection_s * self._ejection_count, plan.ejection_max_s)
