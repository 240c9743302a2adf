"""
The servers of one destination: who they are, in which order, how they fare.

A pool decides nothing; it remembers. Its order is that of preference: by tier and
priority, and within those as configured. Members may come and go while it is in use
(DNS, SRV, reload): who stays keeps its :class:`Server` object, its state and its drain
mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from logferry.errors import StateError

__all__ = ["Pool", "Server", "ServerPlan", "ServerReport", "ServerState", "Standing"]


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """
    A server as configured.

    Attributes:
        name: host name or address, as written.
        tier: servers of a higher tier are used when the lower ones are gone.
        weight: its share with ``strategy(weighted)``, positive.
        priority: divides a tier further, like a tier of its own; the lower the
            better (RFC 2782, the priority of a service record).

    """

    name: str
    tier: int = 1
    weight: int = 1
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """
    A member of a pool.

    Attributes:
        name: as configured.
        position: its place in the configured list, counted from 0. A member that
            comes later gets the next free number; no number is used twice.
        tier: see :class:`ServerPlan`.
        weight: see :class:`ServerPlan`.
        priority: see :class:`ServerPlan`.

    """

    name: str
    position: int
    tier: int = 1
    weight: int = 1
    priority: int = 0

    @property
    def class_(self) -> tuple[int, int]:
        """Tier and priority: servers of a lower class are used before others."""
        return self.tier, self.priority

    def __hash__(self) -> int:
        """Return the position: unique in a pool, and asked for at every batch."""
        return self.position

    def is_made_from(self, plan: ServerPlan) -> bool:
        """Tell whether ``plan`` describes this server."""
        mine = (self.name, self.tier, self.weight, self.priority)
        return mine == (plan.name, plan.tier, plan.weight, plan.priority)


class ServerState(StrEnum):
    """What we last learned of a server."""

    UNUSED = "unused"
    CONNECTING = "connecting"
    UP = "up"
    FAILED = "failed"


@dataclass(slots=True)
class Standing:
    """
    State of one server, since when (monotonic; ``None``: ever), and why.

    Attempts in vain do not make a failure younger: ``failed_since`` is when it began.
    """

    state: ServerState = ServerState.UNUSED
    since: float | None = None
    why: str = ""
    failed_since: float | None = None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One line of ``ctl pool``; times are monotonic seconds."""

    server: Server
    state: ServerState
    since: float | None
    why: str
    is_current: bool
    is_drained: bool
    probe_successes: int | None
    probe_due_at: float | None
    probes_required: int | None = None
    retry_at: float | None = None


class Pool:
    """An ordered set of servers with their standings; never empty."""

    def __init__(self, plans: Sequence[ServerPlan]) -> None:
        assert plans
        self.servers: tuple[Server, ...] = ()
        self.drained: set[Server] = set()
        self._standings: dict[Server, Standing] = {}
        self._ranks: dict[Server, int] = {}
        self._next_position = 0
        self.replace(plans)

    @property
    def primary(self) -> Server:
        """The server that we like best."""
        return self.servers[0]

    def replace(self, plans: Sequence[ServerPlan]) -> tuple[Server, ...]:
        """Make the pool consist of ``plans``; return the servers that are gone."""
        assert plans
        before = list(self.servers)
        members = [self._match(plan, before) or self._make(plan) for plan in plans]
        members.sort(key=lambda server: server.class_)  # stable: keeps the list's order
        self.servers = tuple(members)
        self._ranks = {server: rank for rank, server in enumerate(self.servers)}
        for server in before:  # what was not matched
            self.drained.discard(server)
            del self._standings[server]
        return tuple(before)

    @staticmethod
    def _match(plan: ServerPlan, before: list[Server]) -> Server | None:
        """Take the first server made from ``plan`` out of ``before``."""
        for server in before:
            if server.is_made_from(plan):
                before.remove(server)
                return server
        return None

    def _make(self, plan: ServerPlan) -> Server:
        assert plan.weight > 0
        server = Server(
            plan.name, self._next_position, plan.tier, plan.weight, plan.priority
        )
        self._next_position += 1
        self._standings[server] = Standing()
        return server

    def usable(self) -> tuple[Server, ...]:
        """Return who is not drained, in order of preference; all if all are."""
        if not self.drained:
            return self.servers
        undrained = tuple(item for item in self.servers if item not in self.drained)
        return undrained or self.servers

    def rank(self, server: Server) -> int:
        """Return the place of ``server`` in the order of preference, -1 if gone."""
        return self._ranks.get(server, -1)

    def find(self, name: str) -> Server | None:
        """Return the first server called ``name``."""
        return next((item for item in self.servers if item.name == name), None)

    def drain(self, server: Server) -> None:
        """Mark ``server`` as not to be used; the last one cannot be drained."""
        self._expect_member(server)
        if len(self.drained | {server}) == len(self.servers):
            raise StateError("the last server cannot be drained")
        self.drained.add(server)

    def undrain(self, server: Server) -> None:
        """Take the mark of ``drain`` away."""
        self._expect_member(server)
        self.drained.discard(server)

    def _expect_member(self, server: Server) -> None:
        if server not in self._ranks:
            raise StateError(f"{server.name} is not in the pool")

    def note(self, server: Server, state: ServerState, now: float, why: str) -> None:
        """Remember what was learned of ``server``; nothing if it is gone."""
        standing = self._standings.get(server)
        if standing is None:
            return
        if state is ServerState.FAILED:
            if standing.failed_since is None:
                standing.failed_since = now
            standing.since = standing.failed_since
        elif standing.state is not state:
            standing.since = now
        if state in {ServerState.UP, ServerState.UNUSED}:
            standing.failed_since = None
        standing.state = state
        standing.why = why

    def standing(self, server: Server) -> Standing:
        """Return how ``server`` fares."""
        return self._standings[server]
