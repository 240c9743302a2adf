"""
The stream destinations: ``network()``, ``syslog()`` and ``tcp()`` over TCP and TLS.

Records wait in one queue for all servers. Which server is used, when and how long to
wait is decided in ``policy/failover.py`` and done in ``driver.py``; what was delivered
on a connection is the business of ``session.py``. Here the three meet, and every
switch is counted and explained.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, cast

from logferry.destinations.network import events
from logferry.destinations.network.driver import FailoverDriver
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.report import describe_server, until
from logferry.destinations.network.session import Session
from logferry.destinations.network.setup import Setup
from logferry.errors import ConnectionLost, StateError, TransportError
from logferry.policy.failover import Failover, Server, State
from logferry.policy.throttle import TokenBucket
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.destinations.network.options import InetDestinationOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment
    from logferry.runtime.streams import Stream

__all__ = ["StreamDestination"]

_SETTLE_GRACE_S = 0.5
"""What is under way may be acknowledged for so long, however short the grace is."""

_WAIT_STEP_S = 0.005

_LOOKUP_PATIENCE_S = 1.0
"""At start a slow name service gets so long before other servers have their turn."""


class StreamDestination:
    """One running destination with failover."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._options = cast("InetDestinationOptions", spec.options)
        self._setup = Setup(spec)
        self._environment = environment
        self._queue = queue
        self._members = self._setup.members(environment)
        policy = Failover(
            self._setup.plan(), random.SystemRandom(), self._remembered_server()
        )
        self.driver = FailoverDriver(
            policy, self._members, self._setup.time_reopen, environment, self
        )
        self._tasks = Tasks(environment.log)
        self.accounts = Accounts(spec, self._setup, environment.metrics, queue)
        self._session: Session | None = None
        self._draining: set[Session] = set()
        self.accounts.watch(policy.describe, environment.clock, self._count_in_flight)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_pump_due = False
        self._left: tuple[Server, float] | None = None  # server and moment of a loss
        self._resent_count = 0
        rate = self._options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None
        self._is_kernel_acked = self._setup.is_kernel_acked(environment.log)

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self.accounts.labels

    def _count_in_flight(self) -> int:
        sessions = {*self._draining, self._session} - {None}
        return sum(session.under_way_count for session in sessions if session)

    # -- the destination contract ---------------------------------------------

    def inherit(self, old: Destination) -> None:
        """Begin with the server that ``old`` used; what is drained remains so."""
        if not isinstance(old, StreamDestination):
            return
        policy, before = self.driver.policy, old.driver.policy
        policy.begin_with(before.current.name)
        drained = {server.name for server in before.drained}
        for server in policy.servers:
            if server.name in drained:
                with contextlib.suppress(StateError):  # the last one is needed
                    self.driver.drain(server)

    async def start(self) -> None:
        """Begin to connect; names that must be looked up first do not hold us up."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._pump
        if self._members.is_live:
            self._tasks.start(self._follow_members(), f"members of {self.id}")
        else:
            self.driver.start()

    async def _follow_members(self) -> None:
        watching = self._members.watch(self.driver.set_servers)
        self._tasks.start(watching, f"names of {self.id}")
        await self._members.wait_until_known(_LOOKUP_PATIENCE_S)
        self.driver.start()

    @property
    def _state_key(self) -> str:
        return f"server {self._setup.queue_name}"

    def _remembered_server(self) -> str | None:
        if not self._setup.is_remembering:
            return None
        name = self._environment.state.get(self._state_key)
        return name.decode() if name is not None else None

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in and send them in this turn of the event loop."""
        result = self._queue.push(batch)
        if not self._is_pump_due and self._session is not None:
            assert self._loop is not None
            self._is_pump_due = True
            self._loop.call_soon(self._pump)
        return result

    def _pump(self) -> None:
        self._is_pump_due = False
        if self._session is not None:
            self._session.pump()

    def reopen(self) -> None:
        """Nothing to reopen: a connection is no file."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, then put back what is not acknowledged."""
        await self._wait(
            grace_s, lambda: self._session is None or not self._queue.count
        )
        if self._session is not None:
            session, self._session = self._session, None
            self._draining.add(session)
            session.drain()
        await self._wait(max(grace_s, _SETTLE_GRACE_S), lambda: not self._draining)
        await self._tasks.cancel()
        await self.driver.stop()
        for session in tuple(self._draining):
            session.close()
        self._draining.clear()
        self.accounts.close()

    async def _wait(self, limit_s: float, is_done: Callable[[], bool]) -> None:
        deadline = self._environment.clock() + limit_s
        while not is_done() and self._environment.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_WAIT_STEP_S)

    def server_names(self) -> tuple[str, ...]:
        """Return the names of all servers."""
        return tuple(server.name for server in self.driver.policy.servers)

    def drain(self, name: str) -> None:
        """Keep away from a server. Raises ``StateError`` for the last one."""
        for server in self.driver.policy.servers:
            if server.name == name:
                self.driver.drain(server)

    def undrain(self, name: str) -> None:
        """Let a server be used again."""
        for server in self.driver.policy.servers:
            if server.name == name:
                self.driver.undrain(server)

    def describe(self, now: float) -> dict[str, object]:
        """Return state and servers for ``ctl pool``; durations in seconds."""
        policy = self.driver.policy
        return {
            "state": policy.state.name.lower(),
            "reason": policy.reason or "as configured",
            "queued": self._queue.count,
            "next_try_s": until(policy.retry_at, now),
            "servers": [describe_server(report, now) for report in policy.describe()],
        }

    # -- the driver tells -----------------------------------------------------

    def on_stream(self, stream: Stream, server: Server) -> None:
        """Deliver on ``stream`` from now on."""
        assert self._loop is not None
        session = self._session = Session(
            stream,
            self._queue,
            self,
            self._loop,
            self._environment.clock,
            throttle=self._throttle,
            is_kernel_acked=self._is_kernel_acked,
            delivery_timeout_s=self._options.delivery_timeout,
            is_closed_by_input=self._options.close_on_input,
        )
        self._environment.log.emit(
            events.ConnectionEstablished(
                stream.descriptor, stream.peer, self._setup.local
            )
        )
        self._note_switch(server)
        if self._setup.is_remembering:
            self._environment.state.put(self._state_key, server.name.encode())
        self.accounts.on_connected(server)
        session.start()

    def on_drain(self, server: Server) -> None:
        """Send nothing new on the present connection."""
        session, self._session = self._session, None
        if session is not None:
            self._left = (server, self._environment.clock())
            self._draining.add(session)
            session.drain()

    def on_attempt_failed(self, server: Server) -> None:
        """Count an attempt that failed."""
        self.accounts.on_unreachable(server)

    def on_probe(self, server: Server, *, is_good: bool) -> None:
        """Count a probe."""
        self.accounts.on_probe(server, is_good=is_good)

    # -- the session tells ----------------------------------------------------

    def on_delivered(self, count: int) -> None:
        """Count what was acknowledged."""
        self.accounts.on_delivered(count)

    def on_session_drained(self, session: Session) -> None:
        """Forget a connection that has done its duty."""
        self._draining.discard(session)

    def on_session_lost(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        """Report the loss; its unacknowledged records are back in the queue."""
        self.accounts.on_lost(unacked_count)
        self._log_loss(session, error, unacked_count)
        self._resent_count += unacked_count
        if session in self._draining:
            self._draining.discard(session)
            self._pump()
            return
        self._session = None
        policy = self.driver.policy
        if policy.state is State.UP:
            self._left = (policy.current, self._environment.clock())
            self.driver.on_lost(error)

    def _log_loss(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        stream, time_reopen = session.stream, self._setup.time_reopen
        log = self._environment.log
        if isinstance(error, ConnectionLost) and str(error) == "EOF occurred":
            log.emit(
                events.ConnectionClosed(
                    stream.descriptor, stream.peer, time_reopen, unacked_count
                )
            )
        else:
            log.emit(
                events.ConnectionBroken(
                    stream.descriptor,
                    stream.peer,
                    str(error),
                    time_reopen,
                    unacked_count,
                )
            )

    def _note_switch(self, server: Server) -> None:
        """Say where deliveries go on, why, after how long, and what is sent again."""
        left, self._left = self._left, None
        resent_count, self._resent_count = self._resent_count, 0
        if left is None or left[0] == server:
            return
        gap_ms = (self._environment.clock() - left[1]) * 1000
        self._environment.log.emit(
            events.Switched(
                self.id,
                left[0].name,
                server.name,
                self.driver.policy.reason,
                f"{gap_ms:.1f}",
                resent_count,
            )
        )
        self.accounts.on_switched()
