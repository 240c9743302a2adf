"""
The failover driver: the policy's actions become awaits, their outcomes become facts.

There is no decision here. An ``if`` on anything but the type of an action would belong
into ``policy/failover.py``. One timer is armed for the policy's next deadline.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from logferry.destinations.network.events import ConnectionFailed
from logferry.errors import TransportError
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
)
from logferry.runtime.connect import open_stream, probe_tcp
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.destinations.network.members import Members
    from logferry.policy.failover import ServerPlan
    from logferry.runtime.environment import Environment
    from logferry.runtime.streams import Stream

__all__ = ["DriverOwner", "FailoverDriver"]


class DriverOwner(Protocol):
    """Who uses the connections."""

    def on_stream(self, stream: Stream, server: Server) -> None:
        """Deliver on ``stream`` from now on; the callee owns it."""

    def on_drain(self, server: Server) -> None:
        """Send nothing new to ``server``; its connection ends when it is settled."""

    def on_attempt_failed(self, server: Server) -> None:
        """An attempt to connect failed."""

    def on_probe(self, server: Server, *, is_good: bool) -> None:
        """A probe ended."""


class FailoverDriver:
    """Runs one failover policy."""

    def __init__(
        self,
        policy: Failover,
        members: Members,
        time_reopen: str,
        environment: Environment,
        owner: DriverOwner,
    ) -> None:
        self.policy = policy
        self._members = members
        self._time_reopen = time_reopen
        self._environment = environment
        self._owner = owner
        self._tasks = Tasks(environment.log)
        self._attempts: dict[tuple[str, Server], asyncio.Task[None]] = {}
        self._probed: dict[Server, Stream] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to connect."""
        self.policy.start(self._environment.clock())
        self._apply()

    def on_lost(self, error: TransportError) -> None:
        """Tell the policy that the connection broke."""
        self.policy.on_lost(str(error), self._environment.clock())
        self._apply()

    def drain(self, server: Server) -> None:
        """Keep away from ``server``. Raises ``StateError`` for the last one."""
        self.policy.drain(server, self._environment.clock())
        self._apply()

    def undrain(self, server: Server) -> None:
        """Let ``server`` be used again."""
        self.policy.undrain(server, self._environment.clock())
        self._apply()

    def set_servers(self, plans: Sequence[ServerPlan]) -> None:
        """Make the list consist of ``plans``; may be called before the start."""
        self.policy.set_servers(plans, self._environment.clock())
        self._apply()

    async def stop(self) -> None:
        """Stop connecting and probing; connections handed over are the owner's."""
        self.policy.stop()
        self._apply()
        await self._tasks.cancel()
        for stream in self._probed.values():
            stream.close()
        self._probed.clear()

    def _apply(self) -> None:
        """Do what the policy wants, then arm the timer for its next deadline."""
        for event in self.policy.take_events():
            self._environment.log.emit(event)
        for action in self.policy.take_actions():
            self._do(action)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.policy.next_deadline()
        if deadline is not None:
            delay_s = max(0.0, deadline - self._environment.clock())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.policy.handle_timer(self._environment.clock())
        self._apply()

    def _do(self, action: Action) -> None:
        server = action.server
        match action:
            case Connect():
                self._begin("connect", server)
            case Probe():
                self._begin("probe", server, is_bare=action.is_bare)
            case Abandon():
                self._attempts.pop(("connect", server)).cancel()
            case CancelProbe():
                self._attempts.pop(("probe", server)).cancel()
            case CloseProbe():
                if stream := self._probed.pop(server, None):  # bare ones left none
                    stream.close()
            case Drain():
                self._owner.on_drain(server)
            case Adopt():
                self._owner.on_stream(self._probed.pop(server), server)

    def _begin(self, kind: str, server: Server, *, is_bare: bool = False) -> None:
        coroutine = (
            self._connect(server)
            if kind == "connect"
            else self._probe(server, is_bare=is_bare)
        )
        name = f"{kind} {server.name}"
        self._attempts[kind, server] = self._tasks.start(coroutine, name)

    async def _connect(self, server: Server) -> None:
        try:
            stream = await open_stream(self._members.endpoint(server.name))
        except TransportError as error:
            self._attempts.pop(("connect", server), None)
            self._report_failure(server, error)
            self.policy.on_connect_failed(str(error), self._environment.clock())
        else:
            self._attempts.pop(("connect", server), None)
            self.policy.on_connected(self._environment.clock())
            self._owner.on_stream(stream, server)
        self._apply()

    def _report_failure(self, server: Server, error: TransportError) -> None:
        self._owner.on_attempt_failed(server)
        self._environment.log.emit(
            ConnectionFailed(
                self._members.describe(server.name), str(error), self._time_reopen
            )
        )

    async def _probe(self, server: Server, *, is_bare: bool) -> None:
        problem = ""
        try:
            endpoint = self._members.endpoint(server.name)
            if is_bare:
                await probe_tcp(endpoint)
            else:
                self._probed[server] = await open_stream(endpoint)
        except TransportError as error:
            problem = str(error)
        self._attempts.pop(("probe", server), None)
        self._owner.on_probe(server, is_good=not problem)
        self.policy.on_probe_result(
            server, is_good=not problem, error=problem, now=self._environment.clock()
        )
        self._apply()
