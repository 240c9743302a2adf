"""
The load balancer: which target gets a worker's next batch.

Pure: time, latency and chance are arguments. ``choose`` must be followed by exactly
one fact about the choice. The life of a target is that of ``policy/health.py``; here
it is known as

=============  ======================================  =================================
state          how it gets there                       what it gets
=============  ======================================  =================================
operational    start; success after a failure; pardon  its share of the batches
failed         connection error, timeout, bad status   nothing until its wait is over
on trial       the wait is over                        one batch at a time (or probes)
=============  ======================================  =================================

Rules:

* A failure takes a target out at once (``fall`` = 1, the reference's rule), and the
  batch is offered to the others: ``tried`` keeps it from going to one of them twice.
* A target on trial gets *one* batch, whoever asks first; success restores it and
  spreads the load anew, failure begins the next wait. Each target has its own clock.
* With active probes (``ProbePlan``) targets on trial get no batches: probes decide.
* Only the lowest tier that has an operational target is used.
* More than ``ejected_share_max`` of the pool out: *panic*, all are used; so many bad
  targets are more likely a fault of ours, or all there is.
* A *blamed* target (its status accuses the request) is out like a failed one, but may
  be pardoned: it is back as if nothing had happened, unless it also failed otherwise.

``version`` grows whenever the set of usable targets changes: who waits may ask again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from logferry.policy.health import Fitness, Health
from logferry.policy.lineup import Lineup
from logferry.policy.pool import Pool, Server
from logferry.policy.share import (
    Balance,
    Rounds,
    Seats,
    Turns,
    least_loaded,
    sticky,
)
from logferry.policy.target import (
    BalancerPlan,
    Choice,
    Member,
    ProbePlan,
    TargetReport,
)
from logferry.policy.target_events import (
    TargetFailed,
    TargetPardoned,
    TargetRecovered,
)

if TYPE_CHECKING:
    from logferry.policy.backoff import Chance
    from logferry.telemetry.events import Event

__all__ = ["Balancer", "BalancerPlan", "Choice", "ProbePlan", "TargetReport"]

_LATENCY_WEIGHT = 0.2  # of the newest measurement in the moving average
_LATENCY_MIN_S = 0.0001  # who was never measured is fast, not infinitely fast
_WARMING_STEP = 0.01  # of slow-start(): shares of warming targets grow in such steps
_SHARE_MIN = 0.1  # of its weight, at the beginning of a slow start


class Balancer:
    """Balances the workers of one destination over its targets."""

    def __init__(self, plan: BalancerPlan, chance: Chance, now: float) -> None:
        self.plan = plan
        self.pool = Pool(plan.targets)
        self.version = 0
        self.condemned_in_a_row = 0  # without a success in between
        self.condemned_at = now
        self._chance = chance
        self._workers = plan.workers
        self._members = {
            target: Member(Health(plan.health, now, chance), since=now)
            for target in self.pool.servers
        }
        self._seats = Seats()
        self._has_deadline = False
        self._deadline: float | None = None
        self._rounds: defaultdict[int, Rounds] = defaultdict(Rounds)  # by tier
        self._turns = Turns()
        self._second_turns = Turns()  # of batches that somebody else had first
        self._lineup: Lineup | None = None
        self._events: list[Event] = []
        self._next_blame = 0
        if plan.probe is not None:
            for member in self._members.values():
                # The first probes are spread over one interval.
                member.probe_due_at = now + plan.probe.interval_s * chance.random()

    # -- questions --------------------------------------------------------------

    def choose(
        self,
        worker: int,
        now: float,
        key: bytes = b"",
        tried: frozenset[Server] = frozenset(),
    ) -> Choice | None:
        """
        Return where ``worker`` should send its batch, ``None`` when nobody is left.

        Args:
            worker: its number, from 0.
            now: monotonic seconds.
            key: the partition key, for ``sticky``.
            tried: targets that had this batch already and are not asked again.

        """
        lineup = self._look(now)
        trial = self._due_trial(lineup, now, tried) if lineup.unwell else None
        if trial is not None:
            self._members[trial].is_on_trial = True
            return self._chosen(trial, is_trial=True)
        allowed = lineup.group
        if tried:
            left = self._left(lineup, tried, now)
            if left and left[0].tier != lineup.group[0].tier:
                lineup = self._lineup_of(left, now)
            allowed = tuple(item for item in left if item.tier == left[0].tier)
        if not allowed:
            return None
        return self._chosen(self._pick(worker, key, lineup, allowed, tried, now))

    def _left(
        self, lineup: Lineup, tried: frozenset[Server], now: float
    ) -> list[Server]:
        """Return who may get a batch that others had; in panic, who is well first."""
        left = [target for target in lineup.usable if target not in tried]
        well = [
            target
            for target in left
            if self._members[target].health.fitness(now) is Fitness.HEALTHY
        ]
        return well or left

    def _chosen(self, target: Server, *, is_trial: bool = False) -> Choice:
        self._members[target].in_flight += 1
        return Choice(target, is_trial)

    def _look(self, now: float) -> Lineup:
        """Return the lineup, drawn up anew if it does not hold any more."""
        lineup = self._lineup
        if lineup is None or now >= lineup.until:
            lineup = self._lineup = self._lineup_of(self._usable(now), now)
        return lineup

    def _lineup_of(self, usable: list[Server], now: float) -> Lineup:
        group = [item for item in usable if item.tier == usable[0].tier]
        unwell = [
            target
            for target in self.pool.usable()
            if self._members[target].health.fitness(now) is not Fitness.HEALTHY
        ]
        moments = [self._members[target].health.retry_at for target in unwell]
        until = min(
            (moment for moment in moments if moment is not None and moment > now),
            default=math.inf,
        )
        if any(self._is_warming(target, now) for target in group):
            until = min(until, now + self.plan.slow_start_s * _WARMING_STEP)
        return Lineup(
            tuple(usable),
            tuple(group),
            tuple(unwell),
            {target: self._share(target, now) for target in group},
            self._workers,
            until,
        )

    def _change(self) -> None:
        """Note that neither lineup nor deadline hold any more."""
        self._lineup = None
        self._has_deadline = False

    def _due_trial(
        self, lineup: Lineup, now: float, tried: frozenset[Server]
    ) -> Server | None:
        """Return the target to find out about: the one that failed longest ago."""
        if self.plan.probe is not None:
            return None
        unwell = set(lineup.unwell)
        tiers = [item.tier for item in lineup.usable if item not in unwell]
        tier = min(tiers, default=None)  # of those that serve, also in panic
        due = [
            target
            for target in lineup.unwell
            if target not in tried
            and not self._members[target].is_on_trial
            and self._members[target].health.fitness(now) is Fitness.ON_TRIAL
            and (tier is None or target.tier <= tier)
        ]
        return min(due, key=lambda item: self._members[item].since, default=None)

    def _usable(self, now: float) -> list[Server]:
        """Return who may get batches: the operational targets, or all in panic."""
        pool = self.pool.usable()
        well = [
            target
            for target in pool
            if self._members[target].health.fitness(now) is Fitness.HEALTHY
        ]
        out_share = 1 - len(well) / len(pool)
        return list(pool) if out_share > self.plan.ejected_share_max else well

    def usable_count(self, now: float) -> int:
        """Return how many targets may get batches."""
        return len(self._look(now).usable)

    def others(self, now: float, than: frozenset[Server]) -> bool:
        """Tell whether anybody else may be asked now."""
        return any(target not in than for target in self._look(now).usable)

    def _pick(
        self,
        worker: int,
        key: bytes,
        lineup: Lineup,
        allowed: Sequence[Server],
        tried: frozenset[Server],
        now: float,
    ) -> Server:
        match self.plan.balance:
            case Balance.WORKERS:
                return self._seats.choose(worker, lineup.quota, lineup.group, allowed)
            case Balance.ROUND_ROBIN:
                tier = allowed[0].tier
                is_retry = any(target.tier == tier for target in tried)
                return self._rounds[tier].choose(allowed, is_retry=is_retry)
            case Balance.WEIGHTED:
                turns = self._second_turns if tried else self._turns
                return turns.choose(lineup.shares, allowed)
            case Balance.STICKY if not tried:
                return lineup.home(key)
            case Balance.STICKY:
                return sticky(key, allowed, lineup.shares)
            case Balance.LEAST_LOADED:

                def load(target: Server) -> float:
                    member = self._members[target]
                    wait_s = max(member.faded(now), _LATENCY_MIN_S)
                    return (member.in_flight + 1) * wait_s / lineup.shares[target]

                return least_loaded(allowed, load, self._chance)

    def _is_warming(self, target: Server, now: float) -> bool:
        member, slow_s = self._members[target], self.plan.slow_start_s
        return bool(member.why) and now - member.health.healthy_since < slow_s

    def _share(self, target: Server, now: float) -> float:
        """Return the weight of ``target``, less while it warms up."""
        if not self._is_warming(target, now):
            return float(target.weight)
        age_s = now - self._members[target].health.healthy_since
        return target.weight * max(_SHARE_MIN, age_s / self.plan.slow_start_s)

    # -- facts ------------------------------------------------------------------

    def on_success(self, choice: Choice, latency_s: float, now: float) -> None:
        """The batch was taken, ``latency_s`` after it was sent."""
        member = self._end(choice)
        if member.latency_s:
            latency_s = member.latency_s + _LATENCY_WEIGHT * (
                latency_s - member.latency_s
            )
        member.latency_s = latency_s
        member.measured_at = now
        self.condemned_in_a_row = 0
        self._note_success(choice.target, now)

    def on_failed(
        self, choice: Choice, why: str, now: float, wait_s: float | None = None
    ) -> None:
        """The target is to blame; ``wait_s`` is its own wish (``Retry-After``)."""
        member = self._end(choice)
        member.is_faulty = True
        self._fail(choice.target, why, now, wait_s)

    def on_blamed(self, choice: Choice, why: str, now: float) -> int:
        """The answer accuses the request; return a number for ``pardon``."""
        member = self._end(choice)
        self._next_blame += 1
        member.blames.add(self._next_blame)
        self._fail(choice.target, why, now, None)
        return self._next_blame

    def on_answered(self, choice: Choice) -> None:
        """The attempt is over and says nothing about the target."""
        self._end(choice)

    def pardon(self, target: Server, blame: int, now: float) -> None:
        """The request was bad: bring ``target`` back if nothing else is against it."""
        member = self._members[target]
        if blame not in member.blames:
            return  # it has delivered since, or it was pardoned already
        member.blames.discard(blame)
        if member.blames or member.is_faulty:
            return
        was_out = member.is_out
        member.health.restore(now)
        self._change()
        if was_out:
            member.is_out = False
            member.since = now
            self.version += 1
            self._events.append(TargetPardoned(target.name))

    def on_condemned(self, now: float) -> None:
        """A request was found guilty."""
        self.condemned_in_a_row += 1
        self.condemned_at = now

    def set_workers(self, count: int) -> None:
        """There are ``count`` workers now."""
        self._workers = count
        self._change()
        self._seats.keep(count)

    def drain(self, target: Server) -> None:
        """Send nothing new to ``target``. Raises ``StateError`` for the last one."""
        self.pool.drain(target)
        self._change()
        self.version += 1

    def undrain(self, target: Server) -> None:
        """Let ``target`` be used again."""
        self.pool.undrain(target)
        self._change()
        self.version += 1

    def _end(self, choice: Choice) -> Member:
        member = self._members[choice.target]
        assert member.in_flight > 0
        member.in_flight -= 1
        if choice.is_trial:
            member.is_on_trial = False
            self.version += 1  # somebody else may have the next trial
            self._change()
        return member

    def _note_success(self, target: Server, now: float) -> None:
        member = self._members[target]
        if member.is_out:
            self._change()
        member.health.on_success(now)
        if member.health.fitness(now) is Fitness.HEALTHY:
            member.blames.clear()
            member.is_faulty = False
        self._settle(target, now)

    def _fail(self, target: Server, why: str, now: float, wait_s: float | None) -> None:
        member = self._members[target]
        member.health.on_failure(now, wait_s)
        member.why = why
        self._change()
        self._settle(target, now)

    def _settle(self, target: Server, now: float) -> None:
        """Say what changed."""
        member = self._members[target]
        is_out = member.health.fitness(now) is not Fitness.HEALTHY
        if is_out == member.is_out:
            return
        member.is_out = is_out
        member.since = now
        self.version += 1
        self._turns.forget(target)
        self._second_turns.forget(target)
        if is_out:
            wait_s = (member.health.retry_at or now) - now
            self._events.append(TargetFailed(target.name, member.why, f"{wait_s:.3g}"))
        else:
            self._events.append(TargetRecovered(target.name))

    # -- time ---------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """
        Return when a failed target may be tried again or a probe is due.

        Asked after every batch, so it is remembered until one of them may come earlier.
        """
        if not self._has_deadline:
            self._has_deadline = True
            moments = [
                moment
                for member in self._members.values()
                for moment in (member.health.retry_at, member.probe_due_at)
                if moment is not None
            ]
            self._deadline = min(moments, default=None)
        return self._deadline

    def next_trial(self, now: float) -> float | None:
        """Return when the next failed target gets a batch, if that is known."""
        if self.plan.probe is not None:
            return None
        moments = [
            retry_at
            for target in self.pool.usable()
            if (retry_at := self._members[target].health.retry_at) is not None
            and retry_at > now
        ]
        return min(moments, default=None)

    def handle_timer(self, now: float) -> tuple[Server, ...]:
        """Return the targets to probe now; may be called early."""
        self._has_deadline = False
        for member in self._members.values():
            if member.health.retry_at is not None and member.health.retry_at <= now:
                member.health.fitness(now)
                self.version += 1
                self._change()
        due = []
        for target, member in self._members.items():
            if member.probe_due_at is not None and member.probe_due_at <= now:
                member.probe_due_at = None  # until the result is in
                due.append(target)
        return tuple(due)

    def on_probe_result(
        self, target: Server, *, ok: bool, why: str, now: float
    ) -> None:
        """A probe has ended; the next is an interval away."""
        plan = self.plan.probe
        assert plan is not None
        member = self._members[target]
        spread = 1 + plan.jitter * (2 * self._chance.random() - 1)
        member.probe_due_at = now + plan.interval_s * spread
        self._has_deadline = False
        if not ok:
            member.is_faulty = True
            self._fail(target, why, now, None)
        elif member.health.fitness(now) is not Fitness.EJECTED:
            self._note_success(target, now)

    # -- for the outside ------------------------------------------------------------

    def take_events(self) -> list[Event]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def remember(self, name: str, retry_at: float, why: str, now: float) -> None:
        """Go on with a failure that an earlier run saw."""
        target = self.pool.find(name)
        if target is None:
            return
        member = self._members[target]
        member.health.eject_until(retry_at)
        self._change()
        member.is_faulty = True
        member.why = why
        member.is_out = True
        member.since = now

    def inherit(self, old: Balancer) -> None:
        """Begin with what ``old`` measured of the targets that both have."""
        for target, member in self._members.items():
            same = old.pool.find(target.name)
            if same is not None:
                member.latency_s = old._members[same].latency_s

    def report(self, now: float) -> list[TargetReport]:
        """Return how all targets fare."""
        return [
            TargetReport(
                target,
                member.health.fitness(now),
                member.since,
                member.why if member.is_out else "",
                member.health.retry_at,
                member.in_flight,
                member.latency_s,
                self._seats.at(target),
                target in self.pool.drained,
            )
            for target, member in self._members.items()
        ]
