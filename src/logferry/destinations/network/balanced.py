"""
``network-load-balancer()``: several targets, one queue, nothing behind a dead one.

Every target has a line of delivery of its own (``line.py``) and all of them lease
records from the same queue: a slow target takes less because its window is full, a dead
one takes nothing, and what it had not acknowledged goes back to where the others find
it. Whoever has the least under way for its ``weight()`` is served first; among equals
they take turns.

Servers in ``failover()`` are spares: they are connected like the targets, and used only
while no target is.

Order holds within a connection, not between targets.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from logferry.destinations.network.destination import SETTLE_GRACE_S
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.line import Line, wait_until
from logferry.destinations.network.report import describe_server
from logferry.destinations.network.setup import Setup
from logferry.errors import StateError
from logferry.policy.throttle import TokenBucket
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.destinations.network.roster import Entry
    from logferry.message.batch import RecordBatch
    from logferry.policy.failover import ServerReport
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["BalancedDestination"]


_DRAIN_PATIENCE_S = 60.0
"""A drained target may take so long to acknowledge; then others get what it has."""


class _Target:
    """A line, and what the group knows of it."""

    def __init__(self, entry: Entry, *, is_spare: bool) -> None:
        self.name = entry.name
        self.weight = entry.weight
        self.is_spare = is_spare
        self.is_drained = False
        self.turn = 0
        self.line: Line

    @property
    def is_ready(self) -> bool:
        return self.line.is_connected and not self.is_drained

    @property
    def load(self) -> float:
        return self.line.in_flight_bytes / self.weight


class BalancedDestination:
    """One running group of targets."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        setup = Setup(spec)
        rate = setup.options.throttle
        throttle = TokenBucket(rate, environment.clock()) if rate else None
        self._environment = environment
        self._queue = queue
        self._accounts = Accounts(spec, setup, environment.metrics, queue)
        head_count = len(setup.options.heads)
        self._targets = [
            _Target(entry, is_spare=position >= head_count)
            for position, entry in enumerate(setup.entries)
        ]
        for target, entry in zip(self._targets, setup.entries, strict=True):
            target.line = Line(
                Setup(spec, (entry,)),
                environment,
                queue,
                self._accounts,
                throttle=throttle,
                may_send=self._gate(target),
                on_returned=self._schedule,
            )
        self._accounts.watch(self._reports, environment.clock, self._count_in_flight)
        self._tasks = Tasks(environment.log)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_pump_due = False
        self._turn = 0

    def _gate(self, target: _Target) -> Callable[[], bool]:
        return lambda: target in self._eligible()

    def _eligible(self) -> list[_Target]:
        """Return who may send now: targets, or spares while no target is ready."""
        ready = [target for target in self._targets if target.is_ready]
        heads = [target for target in ready if not target.is_spare]
        return heads or ready

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self._accounts.labels

    def _count_in_flight(self) -> int:
        return sum(target.line.in_flight_count for target in self._targets)

    def _reports(self) -> tuple[ServerReport, ...]:
        return tuple(
            report for target in self._targets for report in target.line.reports()
        )

    # -- the destination contract ---------------------------------------------

    def inherit(self, old: Destination) -> None:
        """Keep out of use what an operator has taken out of use."""
        if isinstance(old, BalancedDestination):
            drained = {item.name for item in old._targets if item.is_drained}
            for target in self._targets:
                target.is_drained = target.name in drained
            if all(target.is_drained for target in self._targets):
                self._targets[0].is_drained = False

    async def start(self) -> None:
        """Begin to connect to every target."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._schedule
        for target in self._targets:
            if not target.is_drained:
                target.line.start()

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in and send them in this turn of the event loop."""
        result = self._queue.push(batch)
        self._schedule()
        return result

    def _schedule(self) -> None:
        if not self._is_pump_due and self._loop is not None:
            self._is_pump_due = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Serve the targets, the least loaded first, while something waits."""
        self._is_pump_due = False
        ready = self._eligible()
        ready.sort(key=lambda target: (target.load, target.turn))
        for target in ready:
            if not self._queue.waiting_count:
                break
            self._turn += 1
            target.turn = self._turn
            target.line.pump()

    def reopen(self) -> None:
        """Nothing to reopen: a connection is no file."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, then put back what is not acknowledged."""
        lines = [target.line for target in self._targets]
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
        """Return the names of targets and spares."""
        return tuple(target.name for target in self._targets)

    def _find(self, name: str) -> _Target:
        for target in self._targets:
            if target.name == name:
                return target
        raise StateError(f"no target '{name}'")

    def drain(self, name: str) -> None:
        """Send nothing new to a target. Raises ``StateError`` for the last one."""
        target = self._find(name)
        if all(item.is_drained for item in self._targets if item is not target):
            raise StateError("the last server cannot be drained")
        if not target.is_drained:
            target.is_drained = True
            self._tasks.start(self._end(target), f"drain {name}")

    async def _end(self, target: _Target) -> None:
        """Let a drained target finish, then hang up."""
        self._schedule()
        await target.line.settle(_DRAIN_PATIENCE_S)
        if target.is_drained:
            await target.line.stop()
            self._schedule()

    def undrain(self, name: str) -> None:
        """Let a target be used again."""
        target = self._find(name)
        if target.is_drained:
            target.is_drained = False
            self._tasks.start(self._begin(target), f"undrain {name}")

    async def _begin(self, target: _Target) -> None:
        await target.line.stop()
        target.line.start()

    def describe(self, now: float) -> dict[str, object]:
        """Return state and targets for ``ctl pool``; durations in seconds."""
        eligible = self._eligible()
        servers = []
        for target in self._targets:
            for report in target.line.reports():
                row = describe_server(report, now)
                row["is_current"] = target in eligible and report.is_current
                row["is_drained"] = target.is_drained
                notes = ["drained"] * target.is_drained + ["spare"] * target.is_spare
                if count := target.line.in_flight_count:
                    notes.append(f"{count} under way")
                row["note"] = ", ".join([*notes, *filter(None, [str(row["note"])])])
                row["weight"] = target.weight
                servers.append(row)
        heads = [target for target in self._targets if not target.is_spare]
        ready_count = sum(target.is_ready for target in heads)
        return {
            "state": "up" if eligible else "down",
            "reason": f"{ready_count} of {len(heads)} targets are connected",
            "queued": self._queue.count,
            "servers": servers,
        }
