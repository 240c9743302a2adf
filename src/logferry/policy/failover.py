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
``WAITING``     until ``_retry_at``, then the next attempt begins

=============  =====================  ============  ==================================
state          input                  next state    what happens
=============  =====================  ============  ==================================
IDLE           start                  CONNECTING    Connect(first)
CONNECTING     on_connected           UP
CONNECTING     on_connect_failed      WAITING (1)   the attempt counts as a failure
UP             on_lost                WAITING (1)
WAITING        handle_timer           CONNECTING    step (2), Connect(current)
any but IDLE   enough good probes     UP            Abandon / Drain current, Adopt (3)
any but IDLE   drain(current)         CONNECTING    Drain(current), step, Connect
any            stop                   IDLE          Abandon / CancelProbe
=============  =====================  ============  ==================================

(1) Without ``backoff`` every wait is ``reopen_delay_s``: the documents' rule. With it,
the next server is tried at once (the wait is zero) until every server of the list has
failed since the last connection that held; only then waiting begins, and grows. A
connection that breaks within ``STABLE_S`` did not hold: a server that accepts and
hangs up must not be tried in a tight loop.

(2) *Stepping* goes to the next eligible server in the list and from the last to the
first: the primary in round-robin mode. In failback mode the primary is never reached
by stepping, only by probes. The reference steps only from its second attempt on, so
that a dead primary is tried twice; we step at once.

(3) In failback mode, leaving the primary starts a :class:`Prober` for it. The probe
after which enough were answered hands over its connection (``Adopt``): the old one is
drained, not cut, and a pending attempt is abandoned. With ``returns_to_best`` every
server before the current one is probed, not only the primary.

``hold_time_s`` delays the return after the primary was left. A *relapse*, losing the
primary within ``hold_time_s`` (at least ``RELAPSE_S``) after a return, doubles the
hold time, up to ``hold_time_max_s``; a longer stay resets it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from logferry.errors import StateError
from logferry.policy import events
from logferry.policy.backoff import Backoff, Chance
from logferry.policy.prober import ProbePlan, Prober
from logferry.telemetry.events import Event

__all__ = [
    "Abandon",
    "Action",
    "Adopt",
    "CancelProbe",
    "Connect",
    "Drain",
    "Failover",
    "FailoverPlan",
    "Probe",
    "Server",
    "State",
]

STABLE_S = 1.0
"""A connection that lived shorter counts as a failed attempt (backoff only)."""

RELAPSE_S = 60.0
"""Losing the primary sooner after a return is a relapse."""


class State(Enum):
    """What the wanted connection is doing."""

    IDLE = auto()
    CONNECTING = auto()
    UP = auto()
    WAITING = auto()


@dataclass(frozen=True, slots=True)
class Server:
    """A member of the list: ``name`` is as configured, ``position`` its place."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection; answer with ``on_connected`` or ``on_connect_failed``."""

    server: Server


@dataclass(frozen=True, slots=True)
class Abandon:
    """Give up the attempt that is under way; it must not answer any more."""

    server: Server


@dataclass(frozen=True, slots=True)
class Drain:
    """Send nothing new on the connection; close it when all is acknowledged."""

    server: Server


@dataclass(frozen=True, slots=True)
class Probe:
    """Open a connection on trial; answer with ``on_probe_result``."""

    server: Server


@dataclass(frozen=True, slots=True)
class CloseProbe:
    """The probe's connection is not needed: close it."""

    server: Server


@dataclass(frozen=True, slots=True)
class CancelProbe:
    """Give up the probe that is under way; it must not answer any more."""

    server: Server


@dataclass(frozen=True, slots=True)
class Adopt:
    """The probe's connection becomes the connection."""

    server: Server


Action: TypeAlias = Connect | Abandon | Drain | Probe | CloseProbe | CancelProbe | Adopt


@dataclass(frozen=True, slots=True)
class FailoverPlan:
    """
    How servers are chosen.

    Attributes:
        servers: names in order, the primary first.
        reopen_delay_s: ``time-reopen()``.
        probes: failback mode; ``None`` is round robin.
        returns_to_best: probe every better server, not only the primary.
        backoff: try the next server at once, wait only when all have failed.
        location: place in the configuration, for events.

    """

    servers: tuple[str, ...]
    reopen_delay_s: float = 60.0
    probes: ProbePlan | None = None
    returns_to_best: bool = False
    backoff: Backoff | None = None
    hold_time_s: float = 0.0
    hold_time_max_s: float = 3600.0
    location: str = ""


@dataclass(slots=True)
class _Return:
    """What is remembered about returns to better servers."""

    hold_time_s: float
    left_at: float = 0.0
    returned_at: float | None = None
    probers: dict[Server, Prober] = field(default_factory=dict)


class Failover:
    """The machine; see the module for its theory."""

    def __init__(self, plan: FailoverPlan, chance: Chance, first: int = 0) -> None:
        assert plan.servers
        assert 0 <= first < len(plan.servers)
        self.plan = plan
        self.servers = tuple(
            Server(name, position) for position, name in enumerate(plan.servers)
        )
        self.state = State.IDLE
        self.current = self.servers[first]
        self.reason = ""
        self._chance = chance
        self._drained: set[Server] = set()
        self._failure_count = 0
        self._retry_at: float | None = None
        self._connected_at = 0.0
        self._return = _Return(plan.hold_time_s)
        self._actions: list[Action] = []
        self._events: list[Event] = []

    # -- inputs ---------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin: connect to the first server."""
        self._expect(State.IDLE)
        self._failure_count = 0
        self._connect(now)

    def stop(self) -> None:
        """End: nothing is wanted any more; the driver closes what is open."""
        if self.state is State.CONNECTING:
            self._actions.append(Abandon(self.current))
        self._cancel_probes()
        self.state = State.IDLE
        self._retry_at = None

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
        if self.plan.backoff is None or now - self._connected_at >= STABLE_S:
            self._failure_count = 0
        self._note_relapse(now)
        self._fail(error, now)

    def on_probe_result(
        self, server: Server, *, is_good: bool, error: str, now: float
    ) -> None:
        """A probe of ``server`` was answered, or was not."""
        prober = self._return.probers.get(server)
        if prober is None:
            raise StateError(f"no probe of {server.name} is under way")
        is_enough = prober.on_result(is_good=is_good, now=now)
        if not is_good:
            self._events.append(events.ProbeFailed(server.name, error))
            return
        assert self.plan.probes is not None
        required = self.plan.probes.required
        received = min(prober.successes, required)
        self._events.append(events.ProbeSucceeded(server.name, received, required))
        if is_enough and now >= self._return.left_at + self._return.hold_time_s:
            self._return_to(server, now)
        else:
            self._actions.append(CloseProbe(server))

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; may be called early."""
        if self.state is State.IDLE:
            return
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._step(now)
            self._connect(now)
        for server, prober in self._return.probers.items():
            if prober.due_at is not None and now >= prober.due_at:
                self._probe(server, prober, now)

    def drain(self, server: Server, now: float) -> None:
        """Keep away from ``server`` until ``undrain``; the last one stays in use."""
        if len(self._drained | {server}) == len(self.servers):
            raise StateError("the last server cannot be drained")
        self._drained.add(server)
        self._cancel_probe(server)
        if server == self.current and self.state is not State.IDLE:
            if self.state is State.CONNECTING:
                self._actions.append(Abandon(server))
            elif self.state is State.UP:
                self._actions.append(Drain(server))
            self.reason = "drained"
            self._retry_at = None
            self._step(now)
            self._connect(now)

    def undrain(self, server: Server, now: float) -> None:
        """Let ``server`` be used again."""
        self._drained.discard(server)
        if self.state is not State.IDLE:
            self._start_probers(now)

    # -- outputs --------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` has something to do, or ``None``."""
        deadlines = [
            prober.due_at
            for prober in self._return.probers.values()
            if prober.due_at is not None
        ]
        if self._retry_at is not None:
            deadlines.append(self._retry_at)
        return min(deadlines, default=None)

    def take_actions(self) -> list[Action]:
        """Return what is to be done, in order, and forget it."""
        actions, self._actions = self._actions, []
        return actions

    def take_events(self) -> list[Event]:
        """Return what happened, in order, and forget it."""
        taken, self._events = self._events, []
        return taken

    @property
    def drained(self) -> frozenset[Server]:
        """Servers that are kept out of use."""
        return frozenset(self._drained)

    @property
    def retry_at(self) -> float | None:
        """When the next attempt begins, while waiting."""
        return self._retry_at

    def prober(self, server: Server) -> Prober | None:
        """Return the prober of ``server`` while it is probed."""
        return self._return.probers.get(server)

    # -- transitions ----------------------------------------------------------

    def _expect(self, state: State) -> None:
        if self.state is not state:
            raise StateError(f"expected {state.name}, but it is {self.state.name}")

    def _connect(self, now: float) -> None:
        self.state = State.CONNECTING
        self._actions.append(Connect(self.current))
        self._start_probers(now)

    def _become_up(self, now: float) -> None:
        self.state = State.UP
        self._connected_at = now
        self._retry_at = None

    def _fail(self, error: str, now: float) -> None:
        self.state = State.WAITING
        self.reason = error
        self._failure_count += 1
        self._retry_at = now + self._delay_s()

    def _delay_s(self) -> float:
        backoff = self.plan.backoff
        if backoff is None:
            return self.plan.reopen_delay_s
        rounds, rest = divmod(self._failure_count, len(self._candidates()))
        if rest or not rounds:
            return 0.0
        return backoff.delay_s(rounds - 1, self._chance)

    def _candidates(self) -> list[Server]:
        """Return the servers that stepping may reach, in order."""
        servers = [item for item in self.servers if item not in self._drained]
        if self.plan.probes is not None and len(servers) > 1:
            servers = [item for item in servers if item.position != 0] or servers
        return servers

    def _step(self, now: float) -> None:
        """Go to the next server of the list (rules S2 to S5 of the reference)."""
        candidates, old = self._candidates(), self.current
        following = [item for item in candidates if item.position > old.position]
        self.current = following[0] if following else candidates[0]
        if len(self.servers) == 1:
            return
        location = self.plan.location
        event: Event
        if not following and self.current.position == 0:
            event = events.PrimaryAgain(self.current.name, location)
        elif not following:
            event = events.FirstFailoverAgain(self.current.name, location)
        elif old.position == 0 and self.plan.probes is not None:
            event = events.PrimaryInaccessible(self.current.name, location)
        else:
            event = events.FailoverInaccessible(self.current.name, location)
        self._events.append(event)
        if old.position == 0:
            self._return.left_at = now

    def _note_relapse(self, now: float) -> None:
        memory = self._return
        if memory.returned_at is None:
            return
        stay_s = now - memory.returned_at
        if stay_s < max(memory.hold_time_s, RELAPSE_S):
            doubled = memory.hold_time_s * 2
            memory.hold_time_s = min(doubled, self.plan.hold_time_max_s)
        else:
            memory.hold_time_s = self.plan.hold_time_s
        memory.returned_at = None

    # -- probing --------------------------------------------------------------

    def _start_probers(self, now: float) -> None:
        """Probe every server that is better than the current one."""
        if self.plan.probes is None:
            return
        probers = self._return.probers
        for server in self.servers[: self.current.position]:
            is_wanted = server.position == 0 or self.plan.returns_to_best
            if is_wanted and server not in self._drained and server not in probers:
                probers[server] = Prober(self.plan.probes, now)

    def _probe(self, server: Server, prober: Prober, now: float) -> None:
        assert self.plan.probes is not None
        prober.on_started(now)
        interval = f"{self.plan.probes.interval_s:g}"
        self._events.append(events.ProbeStarted(server.name, interval))
        self._actions.append(Probe(server))

    def _return_to(self, server: Server, now: float) -> None:
        self._events.append(events.PrimaryStable(server.name))
        if self.state is State.CONNECTING:
            self._actions.append(Abandon(self.current))
        elif self.state is State.UP:
            self._actions.append(Drain(self.current))
        del self._return.probers[server]
        self.current = server
        self.reason = "failback"
        self._actions.append(Adopt(server))
        self._failure_count = 0
        self._become_up(now)
        self._return.returned_at = now
        for other in tuple(self._return.probers):
            if other.position > server.position:
                self._cancel_probe(other)

    def _cancel_probe(self, server: Server) -> None:
        prober = self._return.probers.pop(server, None)
        if prober is not None and prober.is_probing:
            self._actions.append(CancelProbe(server))

    def _cancel_probes(self) -> None:
        for server in tuple(self._return.probers):
            self._cancel_probe(server)
