"""
A world made from one seed: servers, links, faults, an operator, and a virtual clock.

The failover policy and the memory queue are the real ones. What the simulation stands
in for is the network: it carries out actions as the asyncio driver does, and moves
leases as a session with kernel acknowledgements does (a lease leaves the queue when
the peer's kernel has acknowledged it; whatever was not, is put back when a connection
ends).

Time is a heap of events; nothing waits. A run has two parts: faults until
``World.heal_at``, then peace, in which some servers stay dead and the rest stays up for
longer than the policy may take to find them. The laws are in ``auditor.py``.

Limits: bytes do not exist, a lease arrives whole; a black-holed connection recovers
when its server comes back before ``delivery_timeout_s`` (TCP sends again).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any

from logferry.message.batch import RecordBatch
from logferry.policy.backoff import Backoff
from logferry.policy.failover import (
    Abandon,
    Action,
    Adopt,
    CancelProbe,
    CloseProbe,
    Connect,
    Drain,
    Failover,
    FailoverPlan,
    Probe,
    Server,
    ServerPlan,
    State,
    Strategy,
)
from logferry.policy.prober import ProbePlan
from logferry.queues.memory import MemoryQueue

WINDOW_LEASES = 4
LEASE_RECORDS = 8
LATENCY_S = 0.01
CONNECT_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_S = 15.0
FAULTS_S = 400.0


class Mode(Enum):
    """What a server does to us."""

    UP = auto()
    DOWN = auto()  # refuses; connections are reset
    HOLE = auto()  # packets vanish
    HANG = auto()  # accepts, but never finishes a handshake
    FLAP = auto()  # accepts, and hangs up at once


@dataclass(slots=True)
class Peer:
    """A server of the simulated world."""

    name: str
    mode: Mode
    sessions: list[Session] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Session:
    """A connection in use: leases on their way, oldest first."""

    server: Server
    peer: Peer
    opened_at: float
    travelling: deque[tuple[int, tuple[int, ...]]] = field(default_factory=deque)
    arrived: deque[int] = field(default_factory=deque)
    records: dict[int, tuple[int, ...]] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    is_draining: bool = False
    is_open: bool = True
    is_order_excused: bool = False
    progress_at: float = 0.0
    closed_at: float = inf


@dataclass(slots=True)
class Loss:
    """A connection that ended with records nobody acknowledged."""

    at: float
    unacked: tuple[int, ...]


def draw_plan(chance: Random) -> FailoverPlan:
    """Return some plan; half of them have no option that the documents do not have."""
    count = chance.choice((1, 2, 2, 3, 3, 4, 5))
    probes = None
    if chance.random() < 0.6:
        probes = ProbePlan(chance.choice((0.5, 2, 10, 60)), chance.randint(1, 4))
    names = [f"s{index}" for index in range(count)]
    reopen_s = chance.choice((0.1, 1, 5, 60))
    if chance.random() < 0.5:
        return FailoverPlan(tuple(names), reopen_s, probes)
    if probes is not None:
        jitter = chance.choice((0, 0.3))
        is_bare = chance.random() < 0.3
        probes = ProbePlan(probes.interval_s, probes.required, jitter, is_bare)
    hold_s = chance.choice((0, 0, 3, 20))
    servers = [
        ServerPlan(
            name,
            chance.choice((1, 1, 2)),
            chance.randint(1, 5),
            chance.choice((0, 0, 10)),
        )
        for name in names
    ]
    return FailoverPlan(
        tuple(servers),
        reopen_s,
        probes,
        returns_to_best=chance.random() < 0.5,
        backoff=chance.choice((None, Backoff(0.5, 20, 2, 0.3), Backoff(1, 5))),
        hold_time_s=hold_s,
        hold_time_max_s=max(hold_s, 60),
        strategy=chance.choice(list(Strategy)),
    )


class World:
    """One run; ``run()`` plays it to its end."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = Random(seed)
        self.now = 0.0
        self.plan = draw_plan(chance)
        self.policy = Failover(self.plan, chance)
        self.queue = MemoryQueue(count_limit=1 << 30)
        self.peers = [
            Peer(server.name, chance.choice((Mode.UP, Mode.UP, Mode.DOWN, Mode.HOLE)))
            for server in sorted(self.policy.servers, key=lambda item: item.position)
        ]
        self._peers = {peer.name: peer for peer in self.peers}
        self.session: Session | None = None
        self.sessions: list[Session] = []
        self.losses: list[Loss] = []
        self.accepted: list[int] = []
        self.attempts: dict[tuple[type, Server], int] = {}
        self.attempt_count = 0
        self.connect_count = 0
        self.interventions = 0
        self.history: list[tuple[float, str]] = []
        self.heal_at = 0.0
        self.end_at = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._tie = 0
        self._timer: float | None = None
        self._probed: set[Server] = set()
        self._next_record = 0

    # -- time -----------------------------------------------------------------

    def at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        """Call ``what`` at ``when``; equal times keep their order."""
        self._tie += 1
        heappush(self._heap, (when, self._tie, what, arguments))

    def note(self, text: str) -> None:
        """Write down what happened, for whoever looks into a failed seed."""
        self.history.append((round(self.now, 3), text))

    def run(self) -> None:
        """Play the world to its end."""
        self._schedule()
        self.policy.start(0.0)
        self.apply()
        heap = self._heap
        while heap and heap[0][0] <= self.end_at:
            self.now, _, what, arguments = heappop(heap)
            what(*arguments)
        self.now = self.end_at

    def _schedule(self) -> None:
        chance = self.chance
        for _ in range(chance.randint(2, 25)):
            when = chance.random() * FAULTS_S
            self.at(when, self._fault, chance.choice(self.peers))
            if chance.random() < 0.7:  # let some records be on their way
                just_before = max(0.0, when - 3 * LATENCY_S * chance.random())
                self.at(just_before, self._push, chance.randint(1, 60))
        if chance.random() < 0.3:
            for _ in range(chance.randint(1, 6)):
                self.at(chance.random() * FAULTS_S, self._operate)
        for _ in range(chance.randint(5, 40)):
            self.at(chance.random() * FAULTS_S, self._push, chance.randint(1, 12))
        self.heal_at = FAULTS_S
        self.at(self.heal_at, self._heal)
        self.end_at = self.heal_at + self.patience_s()
        for share in (0.0, 0.3, 0.9):
            when = self.heal_at + share * self.patience_s() + 0.001
            self.at(when, self._push, 5)

    def patience_s(self) -> float:
        """Return how long a policy may take to settle when faults have ended."""
        plan, count = self.plan, len(self.peers)
        wait_s = plan.reopen_delay_s if plan.backoff is None else plan.backoff.max_s
        patience_s = DELIVERY_TIMEOUT_S + (count + 3) * (wait_s + CONNECT_TIMEOUT_S)
        # After undrain one good probe at time-reopen, also without failback.
        interval_s = max(plan.reopen_delay_s, CONNECT_TIMEOUT_S)
        if plan.probes is not None:
            interval_s = max(plan.probes.interval_s, CONNECT_TIMEOUT_S)
            patience_s += (plan.probes.required + 2) * interval_s
            patience_s += max(plan.hold_time_s, plan.hold_time_max_s)
        return patience_s + 2 * interval_s

    def peer(self, server: Server) -> Peer:
        """Return who answers under the name of ``server``."""
        return self._peers[server.name]

    # -- the world's doings ---------------------------------------------------

    def _push(self, count: int) -> None:
        first = self._next_record
        self._next_record += count
        numbers = range(first, first + count)
        self.queue.push(RecordBatch.of([b"%d\n" % number for number in numbers]))
        self.accepted.extend(numbers)
        self.pump()

    def _fault(self, peer: Peer) -> None:
        mode = self.chance.choice((*[Mode.UP] * 3, Mode.DOWN, *Mode))
        self.set_mode(peer, mode)
        if self.chance.random() < 0.2:
            self._reset(peer)

    def set_mode(self, peer: Peer, mode: Mode) -> None:
        """Let ``peer`` behave otherwise from now on."""
        self.note(f"{peer.name} {mode.name}")
        was_hole, peer.mode = peer.mode is Mode.HOLE, mode
        if mode is Mode.DOWN:
            self._reset(peer)
        elif was_hole and mode is not Mode.HOLE:
            for session in peer.sessions:
                for _ in range(len(session.travelling)):
                    self.at(self.now + LATENCY_S, self._arrive, session)

    def _reset(self, peer: Peer) -> None:
        """End the connections of ``peer``: what is on its way is lost."""
        for session in tuple(peer.sessions):
            peer.sessions.remove(session)
            self.at(self.now + LATENCY_S, self._lose, session, "reset")

    def _heal(self) -> None:
        alive = self.chance.sample(self.peers, self.chance.randint(1, len(self.peers)))
        for peer in self.peers:
            if peer in alive:
                self.set_mode(peer, Mode.UP)
            else:
                self.set_mode(peer, self.chance.choice((Mode.DOWN, Mode.HOLE)))
        self.policy.set_servers(self.plan.servers, self.now)
        for server in tuple(self.policy.drained):
            self.policy.undrain(server, self.now)
        self.apply()

    def _operate(self) -> None:
        """Do what operators and name servers do: restart, new members, drain."""
        server = self.chance.choice(self.policy.servers)
        drained = self.policy.drained
        fate = self.chance.random()
        self.interventions += 1
        if fate < 0.3:
            self._restart()
        elif fate < 0.5:
            count = self.chance.randint(0, len(self.plan.servers))
            members = self.chance.sample(self.plan.servers, count)
            self.note(f"members {members}")
            self.policy.set_servers(members, self.now)
        elif server in drained:
            self.note(f"undrain {server.name}")
            self.policy.undrain(server, self.now)
        elif len(drained) + 1 < len(self.policy.servers):
            self.note(f"drain {server.name}")
            self.policy.drain(server, self.now)
        self.apply()

    def _restart(self) -> None:
        self.note("restart")
        self.policy.stop()
        self.apply()
        for session in self.sessions:
            if session.is_open:
                self._end(session)
        self.session = None
        self.policy = Failover(self.plan, self.chance)
        self.policy.start(self.now)

    # -- the driver -----------------------------------------------------------

    def apply(self) -> None:
        """Carry out what the policy wants and arm its timer."""
        self.policy.take_events()
        for action in self.policy.take_actions():
            self._do(action)
        deadline = self.policy.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer):
            self._timer = max(deadline, self.now)
            self.at(self._timer, self._on_timer, self._timer)

    def _on_timer(self, armed_for: float) -> None:
        if self._timer != armed_for:
            return
        self._timer = None
        self.policy.handle_timer(self.now)
        self.apply()

    def _do(self, action: Action) -> None:
        server = action.server
        self.note(f"{type(action).__name__} {server.name}")
        match action:
            case Connect() | Probe():
                self.connect_count += isinstance(action, Connect)
                key = (type(action), server)
                assert key not in self.attempts, f"two of {key} at once"
                self.attempt_count += 1
                self.attempts[key] = self.attempt_count
                is_bare = isinstance(action, Probe) and action.is_bare
                self.at(
                    self.now + LATENCY_S, self._knock, key, self.attempt_count, is_bare
                )
            case Abandon():
                del self.attempts[Connect, server]
            case CancelProbe():
                del self.attempts[Probe, server]
            case CloseProbe():
                self._probed.discard(server)  # bare ones have no connection left
            case Drain():
                assert self.session is not None
                assert self.session.server == server
                self._drain()
            case Adopt():
                self._probed.remove(server)
                self._use(server)

    def _knock(self, key: tuple[type, Server], number: int, is_bare: bool) -> None:
        """Let an attempt reach its server."""
        mode = self.peer(key[1]).mode
        if is_bare:
            error = {Mode.DOWN: "refused", Mode.HOLE: "timed out"}.get(mode, "")
            wait_s = CONNECT_TIMEOUT_S if mode is Mode.HOLE else 0.0
            self.at(self.now + wait_s, self._answer_bare, key, number, error)
            return
        match mode:
            case Mode.UP | Mode.FLAP:
                self._answer(key, number, "")
            case Mode.DOWN:
                self._answer(key, number, "refused")
            case Mode.HOLE | Mode.HANG:
                due_at = self.now + CONNECT_TIMEOUT_S
                self.at(due_at, self._answer, key, number, "timed out")

    def _answer_bare(self, key: tuple[type, Server], number: int, error: str) -> None:
        """Answer a probe that ends with the TCP connection: nothing to adopt."""
        if self.attempts.get(key) != number:
            return
        del self.attempts[key]
        is_good = not error
        self.policy.on_probe_result(key[1], is_good=is_good, error=error, now=self.now)
        self.apply()

    def _answer(self, key: tuple[type, Server], number: int, error: str) -> None:
        if self.attempts.get(key) != number:
            return  # it was abandoned
        del self.attempts[key]
        kind, server = key
        if kind is Probe:
            if not error:
                self._probed.add(server)
            is_good = not error
            self.policy.on_probe_result(
                server, is_good=is_good, error=error, now=self.now
            )
        elif error:
            self.policy.on_connect_failed(error, self.now)
        else:
            self.policy.on_connected(self.now)
            self._use(server)
        self.apply()

    # -- sessions -------------------------------------------------------------

    def _use(self, server: Server) -> None:
        assert self.session is None, "two connections in use"
        peer = self.peer(server)
        self.note(f"up on {server.name}")
        session = Session(server, peer, self.now)
        peer.sessions.append(session)
        if peer.mode is Mode.FLAP:
            self._reset(peer)
        self.sessions.append(session)
        self.session = session
        self.pump()

    def pump(self) -> None:
        """Send as much as the window allows."""
        session = self.session
        if session is None:
            return
        while len(session.records) < WINDOW_LEASES:
            lease = self.queue.peek(LEASE_RECORDS, 1 << 20)
            if lease is None:
                return
            numbers = tuple(map(int, lease.batch.records()))
            if not session.records:
                session.progress_at = self.now
                self.at(self.now + DELIVERY_TIMEOUT_S, self._check_progress, session)
            session.records[lease.token] = numbers
            session.travelling.append((lease.token, numbers))
            self.at(self.now + LATENCY_S, self._arrive, session)

    def _arrive(self, session: Session) -> None:
        """Let the next lease reach the peer's kernel, if it can."""
        is_alive = session in session.peer.sessions
        if not is_alive or not session.travelling or session.peer.mode is Mode.HOLE:
            return
        token, numbers = session.travelling.popleft()
        session.received.extend(numbers)
        self.at(self.now + LATENCY_S, self._ack, session, token)

    def _ack(self, session: Session, token: int) -> None:
        is_alive = session in session.peer.sessions
        if not session.is_open or not is_alive:
            return
        if session.peer.mode is Mode.HOLE:  # the ack is sent again when packets pass
            self.at(self.now + 1.0, self._ack, session, token)
            return
        self.queue.ack(token)
        del session.records[token]
        session.progress_at = self.now
        if session.is_draining and not session.records:
            self._close(session)
        self.pump()

    def _check_progress(self, session: Session) -> None:
        if not session.is_open or not session.records:
            return
        due_at = session.progress_at + DELIVERY_TIMEOUT_S
        if due_at <= self.now:
            if session in session.peer.sessions:
                session.peer.sessions.remove(session)
            self._lose(session, "delivery timeout")
        else:
            self.at(due_at, self._check_progress, session)

    def _drain(self) -> None:
        session, self.session = self.session, None
        assert session is not None
        session.is_draining = True
        if not session.records:
            self._close(session)

    def _close(self, session: Session) -> None:
        session.is_open = False
        session.closed_at = self.now
        if session in session.peer.sessions:
            session.peer.sessions.remove(session)

    def _lose(self, session: Session, why: str) -> None:
        if not session.is_open:
            return
        self.note(f"lost {session.server.name}: {why}")
        self._end(session)
        if session is self.session:
            self.session = None
            self.policy.on_lost(why, self.now)
            self.apply()
        elif self.session is not None:
            self.session.is_order_excused = True
            self.pump()

    def _end(self, session: Session) -> None:
        """Close a connection and put back what was not acknowledged."""
        unacked = tuple(n for numbers in session.records.values() for n in numbers)
        if unacked:
            self.losses.append(Loss(self.now, unacked))
        for token in session.records:
            self.queue.rewind(token)
        session.records.clear()
        self._close(session)

    # -- for the auditor ------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """A connection is in use."""
        return self.policy.state is State.UP and self.session is not None
