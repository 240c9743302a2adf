"""
The stream destinations: ``network()``, ``syslog()`` and ``tcp()`` over TCP and TLS.

This driver only does what the failover policy says: it turns actions into connections
and facts back into inputs, and keeps one timer armed. Which server, when, and how long
to wait is decided in ``policy/failover.py``; what was delivered, in ``session.py``.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, cast

from logferry.destinations.network import events
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.session import Session
from logferry.destinations.network.setup import Setup
from logferry.errors import ConnectionLost, TransportError
from logferry.policy.failover import (
    Abandon,
    Action,
    Adopt,
    CancelProbe,
    CloseProbe,
    Connect,
    Drain,
    Failover,
    Probe,
    Server,
    State,
)
from logferry.policy.throttle import TokenBucket
from logferry.runtime.connect import open_stream
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.network.options import InetDestinationOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment
    from logferry.runtime.streams import Stream

__all__ = ["StreamDestination"]

_SETTLE_GRACE_S = 0.5
"""What is under way may be acknowledged for so long, however short the grace is."""


class StreamDestination:
    """One running destination with failover."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._options = cast("InetDestinationOptions", spec.options)
        self._setup = Setup(spec)
        self._environment = environment
        self._queue = queue
        self.policy = Failover(self._setup.plan(), random.SystemRandom())
        self.accounts = Accounts(spec, self._setup, environment.metrics, queue)
        self._tasks = Tasks(environment.log)
        self._session: Session | None = None
        self._draining: set[Session] = set()
        self._probes: dict[Server, Stream] = {}
        self._attempts: dict[tuple[str, Server], asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_pump_due = False
        self._left: tuple[Server, float] | None = None  # server and moment of a loss
        self._resent_count = 0
        rate = self._options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None
        self._is_kernel_acked = self._setup.is_kernel_acked(environment.log)

    # -- the destination contract ---------------------------------------------

    async def start(self) -> None:
        """Begin to connect."""
        self._loop = asyncio.get_running_loop()
        self.policy.start(self._environment.clock())
        self._apply()

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
        deadline = self._environment.clock() + grace_s
        while self._session is not None and self._queue.count:
            if self._environment.clock() >= deadline:
                break
            await asyncio.sleep(_POLL_S)
        if self._session is not None:
            self._session.drain()
        deadline = self._environment.clock() + max(grace_s, _SETTLE_GRACE_S)
        while self._draining or self._session is not None:
            if self._environment.clock() >= deadline:
                break
            await asyncio.sleep(_POLL_S)
        self.policy.stop()
        self._apply()
        await self._tasks.cancel()
        for stream in self._probes.values():
            stream.close()
        for session in (*self._draining, self._session):
            if session is not None:
                session.close()
        self._session = None
        self._draining.clear()
        self._probes.clear()

    # -- actions --------------------------------------------------------------

    def _apply(self) -> None:
        """Do what the policy wants and arm the timer for its next deadline."""
        for event in self.policy.take_events():
            self._environment.log.emit(event)
        for action in self.policy.take_actions():
            self._do(action)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.policy.next_deadline()
        if deadline is not None and self._loop is not None:
            delay_s = max(0.0, deadline - self._environment.clock())
            self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.policy.handle_timer(self._environment.clock())
        self._apply()

    def _do(self, action: Action) -> None:
        server = action.server
        match action:
            case Connect():
                self._attempt("connect", server)
            case Probe():
                self._attempt("probe", server)
            case Abandon():
                self._attempts.pop(("connect", server)).cancel()
            case CancelProbe():
                self._attempts.pop(("probe", server)).cancel()
            case CloseProbe():
                self._probes.pop(server).close()
            case Drain():
                self._drain()
            case Adopt():
                self._use(self._probes.pop(server), server)

    def _attempt(self, kind: str, server: Server) -> None:
        coroutine = self._connect(server) if kind == "connect" else self._probe(server)
        name = f"{kind} {server.name} for {self.id}"
        self._attempts[kind, server] = self._tasks.start(coroutine, name)

    async def _connect(self, server: Server) -> None:
        try:
            stream = await open_stream(self._setup.endpoint(server.position))
        except TransportError as error:
            self._attempts.pop(("connect", server), None)
            self._note_failure(server, error)
            self.policy.on_connect_failed(str(error), self._environment.clock())
        else:
            self._attempts.pop(("connect", server), None)
            self.policy.on_connected(self._environment.clock())
            self._use(stream, server)
        self._apply()

    async def _probe(self, server: Server) -> None:
        error_text = ""
        try:
            stream = await open_stream(self._setup.endpoint(server.position))
            self._probes[server] = stream
        except TransportError as error:
            error_text = str(error)
        self._attempts.pop(("probe", server), None)
        self.policy.on_probe_result(
            server,
            is_good=not error_text,
            error=error_text,
            now=self._environment.clock(),
        )
        self._apply()

    def _use(self, stream: Stream, server: Server) -> None:
        """Deliver on ``stream`` from now on."""
        assert self._loop is not None
        options = self._options
        session = Session(
            stream,
            self._queue,
            self,
            self._loop,
            self._environment.clock,
            throttle=self._throttle,
            is_kernel_acked=self._is_kernel_acked,
            delivery_timeout_s=options.delivery_timeout,
            is_closed_by_input=options.close_on_input,
        )
        self._session = session
        self._environment.log.emit(
            events.ConnectionEstablished(
                stream.descriptor, stream.peer, self._setup.local
            )
        )
        self._note_switch(server)
        self.accounts.on_connected(server)
        session.start()

    def _drain(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._left = (self.policy.current, self._environment.clock())
            self._draining.add(session)
            session.drain()

    # -- facts ----------------------------------------------------------------

    def on_delivered(self, count: int) -> None:
        """Count what was acknowledged."""
        self.accounts.on_delivered(count)

    def on_session_drained(self, session: Session) -> None:
        """Forget a connection that has done its duty."""
        self._draining.discard(session)
        if session is self._session:
            self._session = None

    def on_session_lost(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        """Report the loss; its unacknowledged records are back in the queue."""
        self.accounts.on_lost(unacked_count)
        self._log_loss(session, error, unacked_count)
        if session in self._draining:
            self._draining.discard(session)
            self._pump()
            return
        self._session = None
        if self.policy.state is not State.UP:
            return
        now = self._environment.clock()
        self._left = (self.policy.current, now)
        self._resent_count += unacked_count
        self.policy.on_lost(str(error), now)
        self._apply()

    def _log_loss(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        stream, time_reopen = session.stream, self._setup.time_reopen
        if isinstance(error, ConnectionLost) and str(error) == "EOF occurred":
            event: events.ConnectionClosed | events.ConnectionBroken = (
                events.ConnectionClosed(
                    stream.descriptor, stream.peer, time_reopen, unacked_count
                )
            )
        else:
            event = events.ConnectionBroken(
                stream.descriptor, stream.peer, str(error), time_reopen, unacked_count
            )
        self._environment.log.emit(event)

    def _note_failure(self, server: Server, error: TransportError) -> None:
        self.accounts.on_unreachable(server)
        self._environment.log.emit(
            events.ConnectionFailed(
                self._setup.describe(server.position),
                str(error),
                self._setup.time_reopen,
            )
        )

    def _note_switch(self, server: Server) -> None:
        left, self._left = self._left, None
        if left is None or left[0] == server:
            return
        gap_ms = (self._environment.clock() - left[1]) * 1000
        self._environment.log.emit(
            events.Switched(
                self.id,
                left[0].name,
                server.name,
                self.policy.reason,
                f"{gap_ms:.1f}",
                self._resent_count,
            )
        )
        self._resent_count = 0
        self.accounts.on_switched()


_POLL_S = 0.005
