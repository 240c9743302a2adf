"""
One line of delivery: a failover driver, its present connection, and those that end.

Which server is used, when and how long to wait is decided in ``policy/failover.py`` and
done in ``driver.py``; what was delivered on a connection is the business of
``session.py``. Here the three meet, and every switch is counted and explained.

A destination has one line; a load balancer has one for each target, all of them on the
same queue.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

from logferry.destinations.network import events
from logferry.destinations.network.driver import FailoverDriver
from logferry.destinations.network.session import Session
from logferry.errors import ConnectionLost, TransportError
from logferry.policy.failover import (
    Failover,
    FailoverPlan,
    Server,
    ServerReport,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.destinations.network.ledger import Accounts
    from logferry.destinations.network.members import Members
    from logferry.destinations.network.setup import Setup
    from logferry.policy.throttle import TokenBucket
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment
    from logferry.runtime.streams import Stream

__all__ = ["Alone", "Line", "LineOwner", "wait_until"]

_WAIT_STEP_S = 0.005


class LineOwner(Protocol):
    """Who shares a queue among lines, and is told how they fare."""

    def may_send(self) -> bool:
        """Tell whether the line may take records from the queue now."""

    def on_up(self) -> None:
        """The line is connected and is about to send."""

    def on_down(self, reason: str, resent_count: int) -> None:
        """The line lost its connection; so many records are back in the queue."""

    def on_sent(self, byte_count: int) -> None:
        """The line has sent so many bytes."""

    def on_returned(self) -> None:
        """Records went back to the queue."""


class Alone:
    """The owner of a line that shares its queue with nobody."""

    def may_send(self) -> bool:
        """Return true: all records are its own."""
        return True

    def on_up(self) -> None:
        """Nobody else needs to know."""

    def on_down(self, reason: str, resent_count: int) -> None:
        """Nobody else can help."""

    def on_sent(self, byte_count: int) -> None:
        """There are no shares."""

    def on_returned(self) -> None:
        """The line looks for them itself."""


async def wait_until(
    is_done: Callable[[], bool], limit_s: float, clock: Callable[[], float]
) -> None:
    """Wait until ``is_done``, at most ``limit_s``."""
    deadline = clock() + limit_s
    while not is_done() and clock() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_WAIT_STEP_S)


class Line:
    """
    Deliveries from a queue to one server at a time.

    Args:
        setup: servers, plan and options.
        environment: the world.
        queue: where records come from.
        accounts: where they are counted.
        members: who can be connected to.
        plan: how servers are chosen.
        throttle: shared by all lines of a destination.
        owner: shares the queue among lines.

    """

    def __init__(
        self,
        setup: Setup,
        environment: Environment,
        queue: Queue,
        accounts: Accounts,
        *,
        members: Members,
        plan: FailoverPlan,
        throttle: TokenBucket | None,
        owner: LineOwner,
    ) -> None:
        self._setup = setup
        self._options = setup.options
        self._environment = environment
        self._queue = queue
        self.accounts = accounts
        self._throttle = throttle
        self._owner = owner
        policy = Failover(plan, random.SystemRandom(), self._remembered())
        self.driver = FailoverDriver(
            policy, members, setup.time_reopen, environment, self
        )
        self._session: Session | None = None
        self._draining: set[Session] = set()
        self._left: tuple[Server, float] | None = None  # server and moment of a loss
        self._resent_count = 0
        self._is_kernel_acked = setup.is_kernel_acked(environment.log)

    # -- state ------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Records can be sent, window and kernel permitting."""
        return self._session is not None

    @property
    def is_started(self) -> bool:
        """It connects, is connected, or waits to connect."""
        return self.driver.policy.state is not State.IDLE

    @property
    def in_flight_count(self) -> int:
        """Records sent and not yet acknowledged."""
        sessions = {*self._draining, self._session} - {None}
        return sum(session.under_way_count for session in sessions if session)

    @property
    def in_flight_bytes(self) -> int:
        """Bytes sent on the present connection and not yet acknowledged."""
        return self._session.under_way_bytes if self._session is not None else 0

    def reports(self) -> tuple[ServerReport, ...]:
        """Return how every server fares, in order of preference."""
        return self.driver.policy.describe()

    # -- life -------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect."""
        self.driver.start()

    def pump(self) -> None:
        """Send what waits, as far as window and kernel allow."""
        if self._session is not None:
            self._session.pump()

    def is_hopeful(self, deadline: float) -> bool:
        """Tell whether something may be delivered until ``deadline`` (monotonic)."""
        return self.driver.policy.may_connect_before(deadline)

    async def settle(self, limit_s: float) -> None:
        """Take nothing new; wait at most ``limit_s`` for acknowledgements."""
        # A connection or probe that comes about now would begin what is about to end.
        await self.driver.stop()
        self._retire_session()
        await wait_until(lambda: not self._draining, limit_s, self._environment.clock)

    async def stop(self) -> None:
        """Close everything; what is not acknowledged goes back to the queue."""
        await self.driver.stop()
        self._retire_session()
        for session in tuple(self._draining):
            session.close()
        self._draining.clear()

    def _retire_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._draining.add(session)
            session.drain()

    # -- remember ---------------------------------------------------------------

    def inherit(self, old: Line) -> None:
        """Begin with the server that ``old`` used."""
        self.driver.policy.begin_with(old.driver.policy.current.name)

    @property
    def _state_key(self) -> str:
        return f"server {self._setup.queue_name}"

    def _remembered(self) -> str | None:
        if not self._setup.is_remembering:
            return None
        name = self._environment.state.get(self._state_key)
        return name.decode() if name is not None else None

    # -- the driver tells -----------------------------------------------------

    def on_stream(self, stream: Stream, server: Server) -> None:
        """Deliver on ``stream`` from now on."""
        session = self._session = Session(
            stream,
            self._queue,
            self,
            asyncio.get_running_loop(),
            self._environment.clock,
            throttle=self._throttle,
            is_kernel_acked=self._is_kernel_acked,
            delivery_timeout_s=self._options.delivery_timeout,
            is_closed_by_input=self._options.close_on_input,
            may_send=self._owner.may_send,
            latency=self.accounts.latency(server),
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
        self._owner.on_up()
        session.start()

    def on_drain(self, server: Server) -> None:
        """Send nothing new on the present connection."""
        if self._session is not None:
            self._left = (server, self._environment.clock())
            self._retire_session()

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

    def on_sent(self, byte_count: int) -> None:
        """Count, and tell who shares the queue."""
        self.accounts.on_sent()
        self._owner.on_sent(byte_count)

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
            self.pump()
            self._owner.on_returned()
            return
        self._session = None
        self._owner.on_down(str(error), unacked_count)
        policy = self.driver.policy
        if policy.state is State.UP:
            self._left = (policy.current, self._environment.clock())
            self.driver.on_lost(error)
        self._owner.on_returned()

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
        event = events.Switched(
            self._setup.id,
            left[0].name,
            server.name,
            self.driver.policy.reason,
            f"{gap_ms:.1f}",
            resent_count,
        )
        self._environment.log.emit(event)
        self.accounts.on_switched(event)
