"""
``network-load-balancer()``: several targets, one queue, nothing behind a dead one.

Every target has a line of delivery of its own (``line.py``) and all of them lease
records from the same queue: a slow target takes less because its window is full, a dead
one takes nothing, and what it had not acknowledged goes back to where the others find
it. Who may send, and who is served first, is decided in ``policy/sharing.py``.

Servers in ``failover()`` are spares: they are connected like the targets, and used only
while no target is. ``srv:`` and ``dns:`` names stand for as many targets as they have
addresses; those come and go while we run.

Order holds within a connection, not between targets.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from logferry.destinations.drain_marks import DrainMarks
from logferry.destinations.network.destination import SETTLE_GRACE_S
from logferry.destinations.network.events import DrainRemembered, Switched
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.line import Line, wait_until
from logferry.destinations.network.report import describe_server, until
from logferry.destinations.network.setup import Setup
from logferry.errors import StateError
from logferry.policy.pool import ServerState
from logferry.policy.sharing import Partner, Sharing
from logferry.policy.throttle import TokenBucket
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.message.batch import RecordBatch
    from logferry.policy.failover import ServerPlan, ServerReport
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["BalancedDestination"]


_DRAIN_PATIENCE_S = 60.0
"""A target taken out of use may acknowledge for so long; then others get the rest."""


class _Target:
    """A server of the group: its place in the policy, and its line; owns the line."""

    def __init__(self, partner: Partner, group: BalancedDestination) -> None:
        self.partner = partner
        self._group = group
        self.line = group.make_line(partner.plan, self)

    @property
    def name(self) -> str:
        """The server's name."""
        return self.partner.plan.name

    def may_send(self) -> bool:
        """Tell whether the policy gives it records."""
        return self._group.sharing.is_eligible(self.partner)

    def on_up(self) -> None:
        """The line is connected."""
        self._group.on_up(self)

    def on_down(self, reason: str, resent_count: int) -> None:
        """The connection broke."""
        self._group.on_down(self, reason, resent_count)

    def on_sent(self, byte_count: int) -> None:
        """The line has sent something."""
        self._group.sharing.on_sent(self.partner, byte_count)

    def on_returned(self) -> None:
        """Records are back in the queue."""
        self._group.schedule()


class BalancedDestination:
    """One running group of targets."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._setup = setup = Setup(spec)
        rate = setup.options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None
        self._environment = environment
        self._queue = queue
        self._accounts = Accounts(spec, setup, environment.metrics, queue)
        self.flow = self._accounts.flow
        self._members = setup.members(environment)
        self._drains = DrainMarks(environment.state, setup.queue_name)
        self._head_count = len(setup.options.heads)
        self.sharing = Sharing()
        self._targets: dict[Partner, _Target] = {}
        self._leaving: set[_Target] = set()
        self._tasks = Tasks(environment.log)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_pump_due = False
        self._review_targets()
        self._accounts.watch(self._reports, environment.clock, self._count_in_flight)

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self._accounts.labels

    def _count_in_flight(self) -> int:
        targets = [*self._targets.values(), *self._leaving]
        return sum(target.line.in_flight_count for target in targets)

    def _reports(self) -> tuple[ServerReport, ...]:
        found = []
        for partner, target in self._targets.items():
            (report,) = target.line.reports()  # a line has one server
            if not target.line.is_started:
                report = replace(report, state=ServerState.UNUSED, since=None)
            is_current = self.sharing.is_eligible(partner)
            found.append(
                replace(report, is_current=is_current, is_drained=partner.is_drained)
            )
        return tuple(found)

    # -- who the targets are ----------------------------------------------------

    def make_line(self, plan: ServerPlan, owner: _Target) -> Line:
        """Return a new line to the one server of ``plan``."""
        return Line(
            self._setup,
            self._environment,
            self._queue,
            self._accounts,
            members=self._members,
            plan=replace(self._setup.plan(), servers=(plan,), probes=None),
            throttle=self._throttle,
            owner=owner,
        )

    def _review_targets(self) -> None:
        """Make the targets those that the names stand for now."""
        before: defaultdict[tuple[str, bool], list[_Target]] = defaultdict(list)
        for partner, target in self._targets.items():
            before[partner.name, partner.is_spare].append(target)
        self._targets = {}
        for position, entry in enumerate(self._setup.entries):
            is_spare = position >= self._head_count
            for plan in self._members.plans_of(entry):
                known = before[plan.name, is_spare]
                target = known.pop(0) if known else self._make(plan, is_spare=is_spare)
                target.partner.plan = plan  # weight and priority may have changed
                self._targets[target.partner] = target
        self._leaving |= {target for known in before.values() for target in known}
        now = self._environment.clock()
        self.sharing.set_partners(list(self._targets), now)
        self.sharing.keep_out(self._drains, now)

    def _make(self, plan: ServerPlan, *, is_spare: bool) -> _Target:
        return _Target(Partner(plan, is_spare=is_spare), self)

    def _on_members(self, plans: Sequence[ServerPlan]) -> None:
        del plans  # they do not say whose they are
        known = set(self._leaving)
        self._review_targets()
        for target in self._leaving - known:
            self._tasks.start(self._retire(target), f"leave {target.name}")
        self._start_lines()
        self.schedule()

    def _start_lines(self) -> None:
        """Connect whom we may use, hang up on the others."""
        for partner, target in self._targets.items():
            if partner.is_drained and target.line.is_started:
                self._tasks.start(self._end(target), f"drain {target.name}")
            elif not partner.is_drained and not target.line.is_started:
                target.line.start()

    async def _retire(self, target: _Target) -> None:
        """Let a target that is no member any more finish, then hang up."""
        await target.line.settle(_DRAIN_PATIENCE_S)
        await target.line.stop()
        self._leaving.discard(target)
        self.schedule()

    # -- the lines tell -----------------------------------------------------------

    def on_up(self, target: _Target) -> None:
        """A target can be sent to."""
        self.sharing.on_connected(target.partner, self._environment.clock())
        self.schedule()

    def on_down(self, target: _Target, reason: str, resent_count: int) -> None:
        """A target was lost."""
        now = self._environment.clock()
        self.sharing.on_lost(target.partner, reason, now, resent_count)

    # -- the destination contract ---------------------------------------------

    def inherit(self, old: Destination) -> None:
        """Keep out of use what an operator has taken out of use."""
        if isinstance(old, BalancedDestination):
            for name in old._drains.names:
                self._drains.add(name)
            self._review_targets()

    async def start(self) -> None:
        """Begin to connect to every target."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self.schedule
        if self._drains.names:
            names = ", ".join(self._drains.names)
            self._environment.log.emit(DrainRemembered(self.id, names))
        if self._members.is_live:
            following = self._members.follow(self._start_lines, self._on_members)
            self._tasks.start(following, f"members of {self.id}")
        else:
            self._start_lines()

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in and send them in this turn of the event loop."""
        self.flow.note(batch.data, batch.count, batch.ends)
        result = self._queue.push(batch)
        self.schedule()
        return result

    def schedule(self) -> None:
        """Look soon whether somebody can send something."""
        if not self._is_pump_due and self._loop is not None:
            self._is_pump_due = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Serve the targets, the best choice first, while something waits."""
        self._is_pump_due = False
        for partner in self.sharing.order(self._under_way_bytes):
            if not self._queue.waiting_count:
                break
            self._targets[partner].line.pump()
        for move in self.sharing.take_moves(self._environment.clock()):
            event = Switched(
                self.id,
                move.from_,
                move.to,
                move.reason,
                f"{move.gap_s * 1000:.1f}",
                move.resent,
            )
            self._environment.log.emit(event)
            self._accounts.on_switched(event)

    def _under_way_bytes(self, partner: Partner) -> int:
        return self._targets[partner].line.in_flight_bytes

    def reopen(self) -> None:
        """Nothing to reopen: a connection is no file."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, then put back what is not acknowledged."""
        lines = [target.line for target in (*self._targets.values(), *self._leaving)]
        clock = self._environment.clock
        deadline = clock() + grace_s
        await wait_until(
            lambda: (
                not self._queue.count
                or not any(line.is_hopeful(deadline) for line in lines)
            ),
            grace_s,
            clock,
        )
        limit_s = max(deadline - clock(), SETTLE_GRACE_S)
        await asyncio.gather(*(line.settle(limit_s) for line in lines))
        await self._tasks.cancel()
        for line in lines:
            await line.stop()
        self._accounts.close()

    # -- for ctl ----------------------------------------------------------------

    def server_names(self) -> tuple[str, ...]:
        """Return the names of targets and spares, those drained and away included."""
        names = [target.name for target in self._targets.values()]
        return tuple(dict.fromkeys([*names, *self._drains.names]))

    def _named(self, name: str) -> list[_Target]:
        return [item for item in self._targets.values() if item.name == name]

    def drain(self, name: str) -> None:
        """Send nothing new to a target. Raises ``StateError`` for the last one."""
        others = [item for item in self._targets if item.name != name]
        if all(item.is_drained for item in others):
            raise StateError("the last server cannot be drained")
        self._drains.add(name)
        self.sharing.keep_out(self._drains, self._environment.clock())
        for target in self._named(name):
            self._tasks.start(self._end(target), f"drain {name}")

    async def _end(self, target: _Target) -> None:
        """Let a drained target finish, then hang up."""
        self.schedule()
        await target.line.settle(_DRAIN_PATIENCE_S)
        if target.partner.is_drained:
            await target.line.stop()
            self._forget_connection(target)
            self.schedule()

    def undrain(self, name: str) -> None:
        """Let a target be used again."""
        self._drains.discard(name)
        for target in self._named(name):
            if target.partner.is_drained:
                self._forget_connection(target)  # if it still has one, it is ending
                self._tasks.start(self._begin(target), f"undrain {name}")
        self.sharing.keep_out(self._drains, self._environment.clock())
        for target in self._targets.values():  # one that was used for want of others
            if target.partner.is_drained and target.line.is_started:
                self._tasks.start(self._end(target), f"drain {target.name}")

    async def _begin(self, target: _Target) -> None:
        await target.line.stop()
        target.line.start()

    def _forget_connection(self, target: _Target) -> None:
        """Note that a connection was closed by us: its partner is not ready."""
        now = self._environment.clock()
        self.sharing.on_lost(target.partner, "reconnecting", now)

    def describe(self, now: float) -> dict[str, object]:
        """Return state and targets for ``ctl pool``; durations in seconds."""
        servers = []
        reports = self._reports()
        for (partner, target), report in zip(
            self._targets.items(), reports, strict=True
        ):
            notes = ["spare"] * partner.is_spare
            if count := target.line.in_flight_count:
                notes.append(f"{count} under way")
            if (retry_s := until(report.retry_at, now)) is not None:
                notes.append(f"next try in {retry_s:.1f} s")
            row = describe_server(report, now, notes)
            row["tier"], row["weight"] = partner.plan.tier, partner.plan.weight
            servers.append(row)
        heads = [partner for partner in self._targets if not partner.is_spare]
        ready_count = sum(partner.is_ready for partner in heads)
        return {
            "state": "up" if self.sharing.has_eligible else "down",
            "reason": f"{ready_count} of {len(heads)} targets are connected",
            **self._accounts.describe(now),
            "servers": servers,
        }
