"""
Client-side failover: which server to connect to, and when.

Servers are an ordered list; the first is the *primary*. Time and chance are
arguments: this machine reads no clock, connects to nothing and logs nothing. Feed it
facts, take its actions, call ``handle_timer`` at ``next_deadline``.

Theory
======

One *connection* is wanted at any time. Its states:

``IDLE``        not started, or stopped
``CONNECTING``  an attempt to ``current`` is under way
``UP``          ``current`` is connected
``WAITING``     until ``retry_at``, then the next attempt begins

=============  =====================  ============  ==================================
state          input                  next state    what happens
=============  =====================  ============  ==================================
IDLE           start                  CONNECTING    Connect(first)
CONNECTING     on_connected           UP
CONNECTING     on_connect_failed      WAITING (1)   the attempt counts as a failure
UP             on_lost                WAITING (1)
WAITING        handle_timer           CONNECTING    step (2), Connect(current)
any but IDLE   enough good probes     UP            Abandon / Drain current, Adopt (3)
any but IDLE   current is drained     CONNECTING    Abandon / Drain current, step,
               or no member any more                Connect (4)
any            stop                   IDLE          Abandon / CancelProbe
=============  =====================  ============  ==================================

(1) Without ``backoff`` every wait is ``reopen_delay_s``: the documents' rule. With it,
the next server is tried at once until a round through the list was in vain
(``search.py``). A connection that broke within ``STABLE_S`` did not hold: a server
that accepts and hangs up must not be tried in a tight loop.

(2) *Stepping* goes to the next server (``strategy.py``), by default from the last to
the first: the primary in round-robin mode. In failback mode a primary that is probed
is never reached by stepping. The reference steps only from its second attempt on, so
that a dead primary is tried twice; we step at once, also after the very first attempt:
a primary that is dead at start is left, and probed, like one that died later.

(3) Whenever the current server changes, each better one that we would return to gets
a :class:`Prober`: the primary, or with ``returns_to_best`` all of them. Its first
probe is due at once; with ``backoff`` only after an interval if its last connection
did not hold (1), lest a primary that accepts and hangs up be adopted in a tight loop.
The probe after which enough were answered hands over its connection (``Adopt``): the
old one is drained, not cut, and a pending attempt is abandoned. ``hold_time_s`` is how
long probes must have been good without a failure; relapses double it (``relapse.py``).
With ``backoff``, when nothing is connected and a whole round was in vain, one good
probe is enough: there is no better connection that we could risk.

(4) ``undrain`` of a server that ``drain`` moved us away from brings us back after one
good probe, also without failback. Members that come (``set_servers``) are stepped to
and probed like the others; an empty list of members is taken for a failure of the
resolver and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile

from logferry.errors import StateError
from logferry.policy import events
from logferry.policy.actions import (
    Abandon,
    Action,
    Adopt,
    CancelProbe,
    CloseProbe,
    Connect,
    Drain,
    Probe,
)
from logferry.policy.backoff import Backoff, Chance
from logferry.policy.pool import (
    Pool,
    Server,
    ServerPlan,
    ServerReport,
    ServerState,
)
from logferry.policy.prober import ProbePlan, Prober
from logferry.policy.relapse import HoldTime
from logferry.policy.search import Search
from logferry.policy.strategy import Strategy, choose, is_better
from logferry.telemetry.events import Event

__all__ = [
    "Abandon",
    "Action",
    "Adopt",
    "CancelProbe",
    "CloseProbe",
    "Connect",
    "Drain",
    "Failover",
    "FailoverPlan",
    "Probe",
    "Server",
    "ServerPlan",
    "ServerReport",
    "State",
    "Strategy",
]

PROBES_MAX = 32
"""So many probes may be under way: a long list is no storm of connections."""

STABLE_S = 1.0
"""A connection that lived shorter counts as a failed attempt (backoff only)."""


class State(Enum):
    """What the wanted connection is doing."""

    IDLE = auto()
    CONNECTING = auto()
    UP = auto()
    WAITING = auto()


@dataclass(frozen=True, slots=True)
class FailoverPlan:
    """
    How servers are chosen.

    Attributes:
        servers: the list in order, the primary first; a bare name is a server of
            tier 1 and weight 1.
        reopen_delay_s: ``time-reopen()``.
        probes: failback mode; ``None`` is round robin.
        returns_to_best: probe every better server, not only the primary.
        backoff: try the next server at once, wait only when all have failed.
        hold_time_s: how long probes must be good before a return.
        hold_time_max_s: relapses do not make the hold time longer than this.
        strategy: which server comes next.
        location: place in the configuration, for events.

    """

    servers: tuple[str | ServerPlan, ...]
    reopen_delay_s: float = 60.0
    probes: ProbePlan | None = None
    returns_to_best: bool = False
    backoff: Backoff | None = None
    hold_time_s: float = 0.0
    hold_time_max_s: float = 3600.0
    strategy: Strategy = Strategy.ROUND_ROBIN
    location: str = ""


def _server_plans(servers: Sequence[str | ServerPlan]) -> list[ServerPlan]:
    return [
        ServerPlan(server) if isinstance(server, str) else server for server in servers
    ]


class Failover:
    """
    The machine; see the module for its theory.

    Args:
        plan: how to choose.
        chance: consulted by jitter and by the strategies that want it.
        first: the name of the server to begin with, such as the one that was used
            before a restart; by default, and when there is no such server, the
            strategy chooses.

    """

    def __init__(
        self, plan: FailoverPlan, chance: Chance, first: str | None = None
    ) -> None:
        self.plan = plan
        self.pool = Pool(_server_plans(plan.servers))
        self.state = State.IDLE
        self.reason = ""
        self.retry_at: float | None = None
        self._chance = chance
        self._search = Search(plan.reopen_delay_s, plan.backoff, chance)
        self._hold_time = HoldTime(plan.hold_time_s, plan.hold_time_max_s)
        self._first = first
        self._connected_at = 0.0
        self._probers: dict[Server, Prober] = {}
        self._moved_from: set[Server] = set()
        self._unstable: set[Server] = set()
        self._actions: list[Action] = []
        self._events: list[Event] = []
        self.current = self._choose_first()

    # -- inputs ---------------------------------------------------------------

    def begin_with(self, name: str) -> None:
        """Begin with this server, if it is a member, and not with the first."""
        self._first = name
        self.current = self._choose_first()

    def start(self, now: float) -> None:
        """Begin: connect to the first server."""
        self._expect(State.IDLE)
        self._search.succeed()
        self.current = self._choose_first()
        self._connect(now)

    def stop(self) -> None:
        """End: nothing is wanted any more; the driver closes what is open."""
        if self.state is State.CONNECTING:
            self._actions.append(Abandon(self.current))
        for server in tuple(self._probers):
            self._cancel_probe(server)
        self._moved_from.clear()
        self.state = State.IDLE
        self.retry_at = None

    def on_connected(self, now: float) -> None:
        """The attempt succeeded (TLS handshake included)."""
        self._expect(State.CONNECTING)
        self._become_up(now)

    def on_connect_failed(self, error: str, now: float) -> None:
        """The attempt failed."""
        self._expect(State.CONNECTING)
        self._fail(error, now)

    def on_lost(self, error: str, now: float) -> None:
        """The connection broke."""
        self._expect(State.UP)
        has_held = now - self._connected_at >= STABLE_S
        if has_held or self.plan.backoff is None:
            self._search.succeed()
            self._unstable.discard(self.current)
        else:
            self._unstable.add(self.current)
        self._hold_time.on_lost(now)
        self._fail(error, now)

    def on_probe_result(
        self, server: Server, *, is_good: bool, error: str, now: float
    ) -> None:
        """A probe of ``server`` was answered, or was not."""
        prober = self._probers.get(server)
        if prober is None:
            raise StateError(f"no probe of {server.name} is under way")
        prober.on_result(is_good=is_good, now=now)
        if not is_good:
            self.pool.note(server, ServerState.FAILED, now, error)
            self._events.append(events.ProbeFailed(server.name, error))
            return
        required = prober.plan.required
        received = min(prober.successes, required)
        self.pool.note(server, ServerState.UNUSED, now, "probe successful")
        self._events.append(
            events.ProbeSucceeded(received, required, self._name_unless_primary(server))
        )
        is_enough = prober.is_enough(self._hold_time.current_s, now)
        if is_enough or (self._is_desperate() and not prober.is_bare):
            self._return_to(server, now)
        else:
            self._actions.append(CloseProbe(server))

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; may be called early."""
        if self.retry_at is not None and now >= self.retry_at:
            self._step()
            self._connect(now)
        room = self._probe_room()
        for server, prober in self._probers.items():
            if room and prober.due_at is not None and now >= prober.due_at:
                self._probe(server, prober, now)
                room -= 1

    def drain(self, server: Server, now: float) -> None:
        """Keep away from ``server`` until ``undrain``; the last one stays in use."""
        self.pool.drain(server)
        if server == self.current and self.state is not State.IDLE:
            self._moved_from.add(server)
        self._review("drained", now)

    def undrain(self, server: Server, now: float) -> None:
        """Let ``server`` be used again, and return to it if ``drain`` left it."""
        self.pool.undrain(server)
        self._review("drained", now)

    def set_servers(self, servers: Sequence[str | ServerPlan], now: float) -> None:
        """Make the list consist of ``servers``; who stays keeps its connection."""
        if not servers:
            return
        gone = self.pool.replace(_server_plans(servers))
        self._moved_from.difference_update(gone)
        self._unstable.difference_update(gone)
        is_member = self.pool.rank(self.current) >= 0
        self._review("drained" if is_member else "no member any more", now)

    # -- outputs --------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` has something to do, or ``None``."""
        deadlines = [
            prober.due_at
            for prober in self._probers.values()
            if prober.due_at is not None
        ]
        if not self._probe_room():  # the next result makes room
            deadlines.clear()
        if self.retry_at is not None:
            deadlines.append(self.retry_at)
        return min(deadlines, default=None)

    def may_connect_before(self, deadline: float) -> bool:
        """Tell whether waiting until ``deadline`` may bring a connection."""
        match self.state:
            case State.IDLE:
                return False
            case State.UP:
                return True
            case State.CONNECTING:
                return self._search.round_count == 0
        assert self.retry_at is not None
        return self.retry_at <= deadline and self._search.round_count == 0

    def take_actions(self) -> list[Action]:
        """Return what is to be done, in order, and forget it."""
        actions, self._actions = self._actions, []
        return actions

    def take_events(self) -> list[Event]:
        """Return what happened, in order, and forget it."""
        taken, self._events = self._events, []
        return taken

    @property
    def servers(self) -> tuple[Server, ...]:
        """The members in order of preference, the primary first."""
        return self.pool.servers

    @property
    def drained(self) -> frozenset[Server]:
        """Servers that are kept out of use."""
        return frozenset(self.pool.drained)

    def prober(self, server: Server) -> Prober | None:
        """Return the prober of ``server`` while it is probed."""
        return self._probers.get(server)

    def describe(self) -> tuple[ServerReport, ...]:
        """Return how every server fares, in order of preference."""
        return tuple(self._report(server) for server in self.pool.servers)

    def _report(self, server: Server) -> ServerReport:
        standing = self.pool.standing(server)
        prober = self._probers.get(server)
        return ServerReport(
            server,
            standing.state,
            standing.since,
            standing.why,
            is_current=server == self.current and self.state is not State.IDLE,
            is_drained=server in self.pool.drained,
            probe_successes=prober.successes if prober else None,
            probe_due_at=prober.due_at if prober else None,
            probes_required=prober.plan.required if prober else None,
            retry_at=self.retry_at if server == self.current else None,
        )

    # -- transitions ----------------------------------------------------------

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise StateError(f"expected {state.name}, but it is {self.state.name}")

    def _choose_first(self) -> Server:
        usable = self.pool.usable()
        for server in usable:
            if server.name == self._first:
                return server
        return choose(self.plan.strategy, usable, self.pool, -1, self._chance)

    def _connect(self, now: float) -> None:
        self.state = State.CONNECTING
        self.retry_at = None
        self._moved_from.discard(self.current)
        self._update_probers(now)  # may cancel a probe of the server we connect to
        self.pool.note(self.current, ServerState.CONNECTING, now, "")
        self._actions.append(Connect(self.current))

    def _become_up(self, now: float) -> None:
        self.state = State.UP
        self.retry_at = None
        self._connected_at = now
        self.pool.note(self.current, ServerState.UP, now, "")

    def _fail(self, error: str, now: float) -> None:
        self.state = State.WAITING
        self.reason = error
        self.pool.note(self.current, ServerState.FAILED, now, error)
        self.retry_at = now + self._search.fail(self.current, self._candidates())

    def _review(self, reason: str, now: float) -> None:
        """Adapt to a change of the pool; ``reason`` is why current may be unusable."""
        is_usable = self.current in self.pool.usable()
        if self.state is State.IDLE:
            self.current = self.current if is_usable else self._choose_first()
        elif is_usable:
            self._update_probers(now)
        else:
            self._move_away(reason, now)

    def _move_away(self, reason: str, now: float) -> None:
        """Leave a current server that may not be used any more."""
        left = self.current
        self._give_up_current(now, reason)
        self.reason = reason
        self._hold_time.on_left()
        self.current = self._next_server()
        self._events.append(events.MovedAway(left.name, self.current.name, reason))
        self._connect(now)

    def _give_up_current(self, now: float, why: str) -> None:
        if self.state is State.CONNECTING:
            self._actions.append(Abandon(self.current))
        elif self.state is State.UP:
            self._actions.append(Drain(self.current))
        if self.state is not State.WAITING:  # it may work; else we know that it failed
            self.pool.note(self.current, ServerState.UNUSED, now, why)

    def _is_desperate(self) -> bool:
        """Tell whether any connection at all would do."""
        if self.plan.backoff is None or self.state is State.UP:
            return False
        return self._search.round_count > 0

    def _candidates(self) -> list[Server]:
        """Return the servers that stepping may reach, in order of preference."""
        usable = self.pool.usable()
        primary = self.pool.primary
        if self.plan.probes is None or primary not in self._probers:
            return list(usable)
        return [item for item in usable if item is not primary] or list(usable)

    def _next_server(self) -> Server:
        return choose(
            self.plan.strategy,
            self._search.untried(self._candidates()),
            self.pool,
            self.pool.rank(self.current),
            self._chance,
        )

    def _step(self) -> None:
        """Go to the next server of the list (rules S2 to S5 of the reference)."""
        old, new = self.current, self._next_server()
        self.current = new
        if len(self.pool.servers) == 1:
            return
        primary, location = self.pool.primary, self.plan.location
        is_wrapped = self.pool.rank(new) <= self.pool.rank(old)
        event: Event
        if is_wrapped and self.plan.strategy is Strategy.ROUND_ROBIN:
            if new == primary:
                event = events.PrimaryAgain(new.name, location)
            else:
                event = events.FirstFailoverAgain(new.name, location)
        elif old == primary and self.plan.probes is not None:
            event = events.PrimaryInaccessible(new.name, location)
        else:
            event = events.FailoverInaccessible(new.name, location)
        self._events.append(event)

    # -- probing --------------------------------------------------------------

    def _wanted_back(self) -> dict[Server, None]:
        """Return to whom we would return from the current server, in order."""
        usable = self.pool.usable()
        better: list[Server] = []
        if self.plan.probes is not None:
            may_be_better = usable if self.plan.returns_to_best else usable[:1]
            strategy, pool, current = self.plan.strategy, self.pool, self.current
            # Better servers stand before worse ones.
            better += takewhile(
                lambda server: is_better(strategy, pool, server, current), may_be_better
            )
            if not self.plan.returns_to_best and self.pool.primary not in better:
                better.clear()  # drained: the next best is no primary
        moved_from = [item for item in usable if item in self._moved_from]
        return dict.fromkeys([*better, *moved_from])

    def _update_probers(self, now: float) -> None:
        """Probe all whom we want back, and nobody else."""
        wanted = self._wanted_back()
        for server in tuple(self._probers):
            if server not in wanted:
                self._cancel_probe(server)
        plan = self.plan.probes or ProbePlan(self.plan.reopen_delay_s, required=1)
        for server in wanted:
            if server not in self._probers:
                wait_s = plan.interval_s if server in self._unstable else 0.0
                self._probers[server] = Prober(plan, self._chance, now + wait_s)

    def _probe_room(self) -> int:
        """Return how many more probes may be under way at the same time."""
        under_way = sum(prober.is_probing for prober in self._probers.values())
        return max(0, PROBES_MAX - under_way)

    def _probe(self, server: Server, prober: Prober, now: float) -> None:
        prober.on_started(now, needs_all=self._is_desperate())
        interval = f"{prober.plan.interval_s:g}"
        self._events.append(
            events.ProbeStarted(interval, self._name_unless_primary(server))
        )
        self._actions.append(Probe(server, prober.is_bare))

    def _name_unless_primary(self, server: Server) -> str | None:
        return None if server == self.pool.primary else server.name

    def _return_to(self, server: Server, now: float) -> None:
        """Let the probe's connection be the connection."""
        self._events.append(events.PrimaryStable(self._name_unless_primary(server)))
        self._give_up_current(now, "failback")
        del self._probers[server]
        self._moved_from.discard(server)
        self.current = server
        self.reason = "failback"
        self._actions.append(Adopt(server))
        self._become_up(now)
        self._hold_time.on_returned(now)
        self._update_probers(now)

    def _cancel_probe(self, server: Server) -> None:
        prober = self._probers.pop(server)
        if prober.is_probing:
            self._actions.append(CancelProbe(server))
