"""The targets of a balancer: as configured, as known, as chosen and as reported."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from logferry.policy.health import Fitness, Health, HealthPlan
from logferry.policy.pool import Server, ServerPlan
from logferry.policy.share import Balance

__all__ = ["BalancerPlan", "Choice", "Member", "ProbePlan", "TargetReport"]

_LATENCY_DECAY_S: Final = 5.0
"""An old measurement fades: who was slow is asked again."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """Active probes: time from one to the next, and the share of it left to chance."""

    interval_s: float
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class BalancerPlan:
    """
    How to balance.

    Attributes:
        targets: the targets as configured, at least one.
        workers: how many workers there are.
        balance: the way to spread load.
        health: when a target is given up and trusted again.
        ejected_share_max: above this share of failed targets all are used; 1 is never.
        slow_start_s: for how long a recovered target warms up.
        probe: active probes, if any.

    """

    targets: tuple[ServerPlan, ...]
    workers: int = 1
    balance: Balance = Balance.WORKERS
    health: HealthPlan = field(default_factory=HealthPlan)
    ejected_share_max: float = 1.0
    slow_start_s: float = 0.0
    probe: ProbePlan | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A target for one batch; ``is_trial``: the batch should be a small one."""

    target: Server
    is_trial: bool = False


@dataclass(slots=True)
class Member:
    """What is known of one target."""

    health: Health
    in_flight: int = 0
    is_on_trial: bool = False  # a batch is with it to find out
    blames: set[int] = field(default_factory=set)
    is_faulty: bool = False  # it failed for another reason than a blame
    latency_s: float = 0.0
    measured_at: float = 0.0
    since: float = 0.0
    why: str = ""
    probe_due_at: float | None = None
    is_out: bool = False  # what was last said of it

    def faded(self, now: float) -> float:
        """Return the latency, less the older its last measurement is."""
        age_s = max(0.0, now - self.measured_at)
        return self.latency_s * math.exp(-age_s / _LATENCY_DECAY_S)


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target for ``ctl pool``; times are monotonic seconds."""

    target: Server
    fitness: Fitness
    since: float
    why: str
    retry_at: float | None
    in_flight: int
    latency_s: float
    seats: int
    is_drained: bool
