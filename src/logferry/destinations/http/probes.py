"""Active health checks: a GET to each target, whenever the balancer asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from multidict import CIMultiDict
from yarl import URL

from logferry.destinations.http import events
from logferry.destinations.http.session import Outgoing, Session
from logferry.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.destinations.http.setup import Setup
    from logferry.destinations.http.worker import Shared
    from logferry.policy.pool import Server
    from logferry.runtime.tasks import Tasks

__all__ = ["Probes"]


class Probes:
    """The probes of one destination; each target has a connection of its own."""

    def __init__(
        self,
        setup: Setup,
        shared: Shared,
        tasks: Tasks,
        on_result: Callable[[], None],
    ) -> None:
        self._options = setup.health_check()
        self._shared = shared
        self._tasks = tasks
        self._on_result = on_result
        self._bases = [target.url[0].base for target in setup.targets]
        self._connect_timeout_s = setup.options.connect_timeout
        self._sessions: dict[Server, Session] = {}

    def start(self, target: Server) -> None:
        """Probe ``target`` and tell the balancer the result."""
        self._tasks.start(self._probe(target), f"probe {target.name}")

    async def _probe(self, target: Server) -> None:
        options, shared = self._options, self._shared
        assert options is not None
        clock = shared.environment.clock
        session = self._sessions.get(target)
        if session is None:
            session = self._sessions[target] = Session(
                clock, connect_timeout_s=min(options.timeout, self._connect_timeout_s)
            )
        path = options.path if options.path.startswith("/") else f"/{options.path}"
        url = URL(self._bases[target.position] + path, encoded=True)
        outgoing = Outgoing(
            "GET",
            url,
            CIMultiDict({"User-Agent": "logferry health check"}),
            b"",
            options.timeout,
            shared.contexts[target.position],
        )
        try:
            reply = await session.send(outgoing)
            ok = reply.status in options.expect
            why = f"health check: {reply.status} {reply.reason}"
        except TransportError as error:
            ok, why = False, f"health check: {error}"
        if not ok:
            shared.environment.log.emit(
                events.ProbeUnanswered(str(url), why, shared.id)
            )
        shared.balancer.on_probe_result(target, ok=ok, why=why, now=clock())
        self._on_result()

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
