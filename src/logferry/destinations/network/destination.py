"""
The stream destinations: ``network()``, ``syslog()`` and ``tcp()`` over TCP and TLS.

One queue for all servers, and one line of delivery (``line.py``) that empties it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from logferry.destinations.drain_marks import DrainMarks
from logferry.destinations.network.events import DrainRemembered
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.line import Alone, Line, wait_until
from logferry.destinations.network.report import describe_server, until
from logferry.destinations.network.setup import Setup
from logferry.errors import StateError
from logferry.policy.throttle import TokenBucket
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.message.batch import RecordBatch
    from logferry.policy.failover import ServerPlan
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["SETTLE_GRACE_S", "StreamDestination"]

SETTLE_GRACE_S = 0.5
"""What is under way may be acknowledged for so long, however short the grace is."""


class StreamDestination:
    """One running destination with failover."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        setup = Setup(spec)
        rate = setup.options.throttle
        self._environment = environment
        self._queue = queue
        self._accounts = Accounts(spec, setup, environment.metrics, queue)
        self.flow = self._accounts.flow
        self._members = setup.members(environment)
        self._line = Line(
            setup,
            environment,
            queue,
            self._accounts,
            members=self._members,
            plan=setup.plan(),
            throttle=TokenBucket(rate, environment.clock()) if rate else None,
            owner=Alone(),
        )
        self._drains = DrainMarks(environment.state, setup.queue_name)
        self._tasks = Tasks(environment.log)
        self._accounts.watch(
            self._line.reports,
            environment.clock,
            lambda: self._line.in_flight_count,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_pump_due = False

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self._accounts.labels

    # -- the destination contract ---------------------------------------------

    def inherit(self, old: Destination) -> None:
        """Begin with the server that ``old`` used; what is drained remains so."""
        if isinstance(old, StreamDestination):
            self._line.inherit(old._line)
            for name in old._drains.names:
                self._drains.add(name)

    async def start(self) -> None:
        """Begin to connect; names that must be looked up first do not hold us up."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._pump
        if self._drains.names:
            self._keep_drained()
            names = ", ".join(self._drains.names)
            self._environment.log.emit(DrainRemembered(self.id, names))
        if self._members.is_live:
            following = self._members.follow(self._line.start, self._set_servers)
            self._tasks.start(following, f"members of {self.id}")
        else:
            self._line.start()

    def _set_servers(self, plans: Sequence[ServerPlan]) -> None:
        self._line.driver.set_servers(plans)
        self._keep_drained()

    def _keep_drained(self) -> None:
        """Drain the members that are marked, also those that were away for a while."""
        policy = self._line.driver.policy
        for server in policy.servers:
            if server.name in self._drains and server not in policy.drained:
                with contextlib.suppress(StateError):  # the last one is needed
                    self._line.driver.drain(server)

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in and send them in this turn of the event loop."""
        self.flow.note(batch.data, batch.count, batch.ends)
        result = self._queue.push(batch)
        if not self._is_pump_due and self._line.is_connected:
            assert self._loop is not None
            self._is_pump_due = True
            self._loop.call_soon(self._pump)
        return result

    def _pump(self) -> None:
        self._is_pump_due = False
        self._line.pump()

    def reopen(self) -> None:
        """Nothing to reopen: a connection is no file."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, then put back what is not acknowledged."""
        line, clock = self._line, self._environment.clock
        deadline = clock() + grace_s
        await wait_until(
            lambda: not self._queue.count or not line.is_hopeful(deadline),
            grace_s,
            clock,
        )
        await line.settle(max(deadline - clock(), SETTLE_GRACE_S))
        await self._tasks.cancel()
        await line.stop()
        self._accounts.close()

    # -- for ctl ----------------------------------------------------------------

    def server_names(self) -> tuple[str, ...]:
        """Return the names of all servers, those drained and away included."""
        names = [report.server.name for report in self._line.reports()]
        return tuple(dict.fromkeys([*names, *self._drains.names]))

    def drain(self, name: str) -> None:
        """Keep away from a server. Raises ``StateError`` for the last one."""
        driver = self._line.driver
        for server in driver.policy.servers:
            if server.name == name:
                driver.drain(server)
        self._drains.add(name)

    def undrain(self, name: str) -> None:
        """Let a server be used again."""
        self._drains.discard(name)
        driver = self._line.driver
        for server in driver.policy.servers:
            if server.name == name:
                driver.undrain(server)
        self._keep_drained()  # one that was used for want of others

    def describe(self, now: float) -> dict[str, object]:
        """Return state and servers for ``ctl pool``; durations in seconds."""
        policy = self._line.driver.policy
        return {
            "state": policy.state.name.lower(),
            "reason": policy.reason or "as configured",
            "current": policy.current.name,
            **self._accounts.describe(now),
            "next_try_s": until(policy.retry_at, now),
            "servers": [
                *(describe_server(item, now) for item in self._line.reports()),
                *self._describe_absent(),
            ],
        }

    def _describe_absent(self) -> list[dict[str, object]]:
        """Return rows for drained servers that are no members at present."""
        present = {report.server.name for report in self._line.reports()}
        return [
            {
                "name": name,
                "is_current": False,
                "is_drained": True,
                "state": "absent",
                "note": "drained, no member at present",
            }
            for name in self._drains.names
            if name not in present
        ]
