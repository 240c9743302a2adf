"""
Worlds of a ``network-load-balancer()``, each from one seed, on a virtual clock.

The sharing policy, one failover policy a target, the drain marks and the memory queue
are the real ones. What the simulation stands in for is the network, and the driver that
carries actions out (``destinations/network/balanced.py``): a lease leaves the queue when
its target's kernel has acknowledged it, and goes back when the connection ends first.

A run has three parts: faults until ``FAULTS_S``; healing, in which everybody who is
alive must be found again; and peace, in which shares are measured, either of a trickle
(shares follow the weights) or of a flood with one slow target (shares follow the load).
The laws are in ``group_laws.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any

from logferry.destinations.drain_marks import DrainMarks
from logferry.message.batch import RecordBatch
from logferry.policy.backoff import Backoff
from logferry.policy.failover import Abandon, Connect, Failover, FailoverPlan, State
from logferry.policy.pool import ServerPlan
from logferry.policy.sharing import Move, Partner, Sharing
from logferry.queues.memory import MemoryQueue
from logferry.runtime.stores import MemoryState
from sim.simulator import Loss, Mode

WINDOW_BYTES = 400
LEASE_BYTES = 80
LATENCY_S = 0.01
SLOW_FACTOR = 20
CONNECT_TIMEOUT_S = 3.0
DELIVERY_TIMEOUT_S = 5.0
FAULTS_S = 30.0
PEACE_PUSHES = 60
SETTLE_PUSHES = 60  # what was in busy times counts for a little while
FLOOD_RECORDS = 1200


@dataclass(eq=False)
class Session:
    """A connection in use; leases on their way by token."""

    leases: dict[int, tuple[int, ...]] = field(default_factory=dict)
    travelling: deque[int] = field(default_factory=deque)
    received: list[int] = field(default_factory=list)
    under_way_bytes: int = 0
    progress_at: float = 0.0
    is_open: bool = True
    is_cut: bool = False  # the peer is gone, we have not heard of it yet


@dataclass(eq=False)
class Target:
    """A server of the world, and our line to it."""

    plan: ServerPlan
    is_spare: bool
    mode: Mode
    partner: Partner
    policy: Failover
    session: Session | None = None
    attempt: int = 0
    latency_s: float = LATENCY_S
    timer: float | None = None
    peace_bytes: int = 0


class World:
    """One run; ``run()`` plays it to its end."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = Random(seed)
        self.now = 0.0
        self.history: list[tuple[float, str]] = []
        self.broken: list[str] = []
        self.sessions: list[Session] = []
        self.losses: list[Loss] = []
        self.accepted: list[int] = []
        self.moves: list[Move] = []
        self.queue = MemoryQueue(count_limit=1 << 30)
        self.state = MemoryState()
        self.drained: set[str] = set()  # what operators wanted, over all restarts
        self.reopen_s = chance.choice((0.3, 1, 3))
        self.backoff = chance.choice((None, None, Backoff(0.4, 4, 2, 0.3)))
        self.plans = self._draw_plans()
        self.is_flood = chance.random() < 0.5
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._tie = 0
        self.targets: list[Target] = []
        self.sharing = Sharing()
        self.is_peace = False
        self._make_targets(self.plans)
        heal_s = 2 * self.reopen_s + 8 + 3 * CONNECT_TIMEOUT_S + DELIVERY_TIMEOUT_S
        self.peace_at = FAULTS_S + heal_s
        self.end_at = self.peace_at + (SETTLE_PUSHES + PEACE_PUSHES) * 0.1 + 15

    def _draw_plans(self) -> list[tuple[ServerPlan, bool]]:
        chance = self.chance
        has_weights, has_tiers = chance.random() < 0.4, chance.random() < 0.2
        head_count, spare_count = chance.randint(1, 5), chance.choice((0, 0, 1, 2))
        return [
            (
                ServerPlan(
                    f"t{number}",
                    chance.randint(1, 2) if has_tiers else 1,
                    chance.randint(1, 4) if has_weights else 1,
                ),
                number >= head_count,
            )
            for number in range(head_count + spare_count)
        ]

    # -- time -------------------------------------------------------------------

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
        for target in self.targets:
            self._start(target)
        heap = self._heap
        while heap and heap[0][0] <= self.end_at:
            self.now, _, what, arguments = heappop(heap)
            what(*arguments)
            self._watch()
        self.now = self.end_at

    def _schedule(self) -> None:
        chance = self.chance
        for _ in range(chance.randint(2, 20)):
            when = chance.random() * FAULTS_S
            self.at(when, self._fault)
            if chance.random() < 0.7:  # let something be on its way
                just_before = max(0.0, when - 3 * LATENCY_S * chance.random())
                self.at(just_before, self.push, chance.randint(1, 60))
        for _ in range(chance.randint(3, 15)):
            self.at(chance.random() * FAULTS_S, self.push, chance.randint(1, 60))
        for _ in range(chance.choice((0, 0, 0, 2, 5))):
            self.at(chance.random() * FAULTS_S, self._operate)
        self.at(FAULTS_S, self._heal)
        self.at(self.peace_at, self._begin_peace)

    # -- the world's doings -------------------------------------------------------

    def push(self, count: int) -> None:
        """Accept ``count`` new records."""
        first = len(self.accepted)
        numbers = range(first, first + count)
        self.queue.push(RecordBatch.of([b"%08d\n" % number for number in numbers]))
        self.accepted.extend(numbers)
        self.pump()

    def _fault(self) -> None:
        target = self.chance.choice(self.targets)
        self.set_mode(target, self.chance.choice((Mode.UP, Mode.UP, *Mode)))
        if self.chance.random() < 0.2:
            self._reset(target)

    def set_mode(self, target: Target, mode: Mode) -> None:
        """Let ``target`` behave otherwise from now on."""
        self.note(f"{target.plan.name} {mode.name}")
        was_hole, target.mode = target.mode is Mode.HOLE, mode
        session = target.session
        if mode is Mode.DOWN:
            self._reset(target)
        elif was_hole and mode is not Mode.HOLE and session is not None:
            for _ in range(len(session.travelling)):
                self.at(self.now + target.latency_s, self._arrive, target, session)

    def _reset(self, target: Target) -> None:
        """End the connection of ``target``: what is on its way is lost."""
        if target.session is not None and not target.session.is_cut:
            target.session.is_cut = True
            self.at(self.now + LATENCY_S, self._lose, target, target.session, "reset")

    def _heal(self) -> None:
        alive = self.chance.sample(
            self.targets, self.chance.randint(1, len(self.targets))
        )
        for target in self.targets:
            dead = self.chance.choice((Mode.DOWN, Mode.HOLE))
            self.set_mode(target, Mode.UP if target in alive else dead)
        if all(target.partner.is_drained for target in alive):
            self.undrain(alive[0])

    def _begin_peace(self) -> None:
        """Measure shares: of a trickle, or of a flood beside a slow target."""
        for target in self.targets:
            if target.mode is Mode.HOLE and target.session is not None:
                self._lose(target, target.session, "keepalive")
        if self.is_flood:
            self._measure()
            self.chance.choice(self.targets).latency_s *= SLOW_FACTOR
            for _ in range(FLOOD_RECORDS // 60):
                self.push(60)
            return
        for number in range(SETTLE_PUSHES + PEACE_PUSHES):
            self.at(self.peace_at + 0.1 * number, self.push, 5)
        self.at(self.peace_at + 0.1 * SETTLE_PUSHES - 0.05, self._measure)

    def _measure(self) -> None:
        self.is_peace = True

    # -- operators and name servers -----------------------------------------------

    def _operate(self) -> None:
        fate = self.chance.random()
        target = self.chance.choice(self.targets)
        if fate < 0.25:
            self.note("restart")
            self._restart(self.plans)
        elif fate < 0.45:
            kept = self.chance.sample(
                self.plans, self.chance.randint(1, len(self.plans))
            )
            self._set_members([item for item in self.plans if item in kept])
        elif target.partner.is_drained:
            self.undrain(target)
        elif sum(not item.partner.is_drained for item in self.targets) > 1:
            self.note(f"drain {target.plan.name}")
            self.marks.add(target.plan.name)
            self.drained.add(target.plan.name)
            self.sharing.keep_out(self.marks, self.now)
            self._hang_up_when_settled(target)
        self.pump()

    def undrain(self, target: Target) -> None:
        """Let ``target`` be used again."""
        self.note(f"undrain {target.plan.name}")
        self.marks.discard(target.plan.name)
        self.drained.discard(target.plan.name)
        self._close(target)
        self.sharing.on_lost(target.partner, "", self.now)
        self._mark_and_share()
        self._start(target)
        for other in self.targets:
            if other.partner.is_drained:
                self._hang_up_when_settled(other)
        self.pump()  # what the closed line had is in the queue again

    def _hang_up_when_settled(self, target: Target) -> None:
        """Close the connection of a drained target when it owes nothing any more."""
        if not target.partner.is_drained:
            return
        if target.session is not None and target.session.leases:
            self.at(self.now + 0.1, self._hang_up_when_settled, target)
            return
        self._close(target)
        self.sharing.on_lost(target.partner, "", self.now)

    def _restart(self, plans: list[tuple[ServerPlan, bool]]) -> None:
        for target in self.targets:
            self._close(target)
        self._make_targets(plans)
        for target in self.targets:
            self._start(target)

    def _make_targets(self, plans: list[tuple[ServerPlan, bool]]) -> None:
        """Make all anew, as a start of the program does."""
        modes = {target.plan.name: target.mode for target in self.targets}
        self.marks = DrainMarks(self.state, "d")
        self.sharing = Sharing()
        self.targets = []
        for plan, is_spare in plans:
            mode = modes.get(plan.name) or self.chance.choice(
                (Mode.UP, Mode.UP, Mode.DOWN)
            )
            self.targets.append(self._make_target(plan, is_spare, mode))
        self._mark_and_share()

    def _make_target(self, plan: ServerPlan, is_spare: bool, mode: Mode) -> Target:
        partner = Partner(plan, is_spare=is_spare)
        failover = FailoverPlan((plan,), self.reopen_s, backoff=self.backoff)
        return Target(plan, is_spare, mode, partner, Failover(failover, self.chance))

    def _mark_and_share(self) -> None:
        partners = [target.partner for target in self.targets]
        self.sharing.set_partners(partners, self.now)
        self.sharing.keep_out(self.marks, self.now)

    def _set_members(self, plans: list[tuple[ServerPlan, bool]]) -> None:
        """Let the name service say who there is; who stays keeps its connection."""
        self.note(f"members {[plan.name for plan, _ in plans]}")
        before = {target.plan.name: target for target in self.targets}
        self.targets = [
            before.pop(plan.name, None)
            or self._make_target(plan, is_spare, self.chance.choice((Mode.UP, *Mode)))
            for plan, is_spare in plans
        ]
        self._mark_and_share()
        for target in before.values():
            self._close(target)  # the daemon waits for what it has, up to a minute
        for target in self.targets:
            if target.partner.is_drained:
                self._hang_up_when_settled(target)
            elif target.policy.state is State.IDLE:
                self._start(target)

    # -- the driver ---------------------------------------------------------------

    def _start(self, target: Target) -> None:
        if not target.partner.is_drained:
            target.policy.start(self.now)
            self._apply(target)

    def _close(self, target: Target) -> None:
        """Stop the line of ``target`` as the driver does."""
        target.policy.stop()
        self._apply(target)
        target.attempt += 1
        if target.session is not None:
            self._end(target)

    def _apply(self, target: Target) -> None:
        target.policy.take_events()
        for action in target.policy.take_actions():
            if isinstance(action, Connect):
                target.attempt += 1
                self.at(self.now + LATENCY_S, self._knock, target, target.attempt)
            else:
                assert isinstance(action, Abandon), action
                target.attempt += 1
        deadline = target.policy.next_deadline()
        if deadline is not None:
            target.timer = deadline
            self.at(deadline, self._on_timer, target, deadline)

    def _on_timer(self, target: Target, armed_for: float) -> None:
        if target.timer == armed_for and target.policy.state is State.WAITING:
            target.policy.handle_timer(self.now)
            self._apply(target)

    def _knock(self, target: Target, attempt: int) -> None:
        if target.mode in {Mode.HOLE, Mode.HANG}:
            due_at = self.now + CONNECT_TIMEOUT_S
            self.at(due_at, self._answer, target, attempt, "timed out")
        else:
            refused = "refused" if target.mode is Mode.DOWN else ""
            self._answer(target, attempt, refused)

    def _answer(self, target: Target, attempt: int, error: str) -> None:
        if attempt != target.attempt:
            return  # it was abandoned
        if error:
            target.policy.on_connect_failed(error, self.now)
        else:
            target.policy.on_connected(self.now)
            self.note(f"up {target.plan.name}")
            target.session = Session()
            self.sessions.append(target.session)
            if target.mode is Mode.FLAP:
                self._reset(target)
            self.sharing.on_connected(target.partner, self.now)
            self.pump()
        self._apply(target)

    # -- sessions -------------------------------------------------------------------

    def pump(self) -> None:
        """Serve the targets, as the destination does."""
        if self.queue.waiting_count:
            self._serve()
        for move in self.sharing.take_moves(self.now):
            self.note(f"move {move}")
            self.moves.append(move)

    def _serve(self) -> None:
        by_partner = {target.partner: target for target in self.targets}

        def under_way(partner: Partner) -> int:
            session = by_partner[partner].session
            return session.under_way_bytes if session is not None else 0

        for partner in self.sharing.order(under_way):
            if not self.queue.waiting_count:
                break
            self._pump_target(by_partner[partner])

    def has_room(self, target: Target) -> bool:
        """Tell whether the window of ``target`` lets something through."""
        session = target.session
        return session is not None and session.under_way_bytes < WINDOW_BYTES

    def _pump_target(self, target: Target) -> None:
        session = target.session
        if session is None or not self.sharing.is_eligible(target.partner):
            return
        while self.has_room(target):
            lease = self.queue.peek(1 << 20, LEASE_BYTES)
            if lease is None:
                return
            numbers = tuple(map(int, lease.batch.records()))
            size = len(lease.batch.data)
            if not session.leases:
                session.progress_at = self.now
                due_at = self.now + DELIVERY_TIMEOUT_S
                self.at(due_at, self._check_progress, target, session)
            session.leases[lease.token] = numbers
            session.travelling.append(lease.token)
            session.under_way_bytes += size
            target.peace_bytes += size * self.is_peace
            self.sharing.on_sent(target.partner, size)
            self.at(self.now + target.latency_s, self._arrive, target, session)

    def _arrive(self, target: Target, session: Session) -> None:
        if not session.is_open or session.is_cut or target.mode is Mode.HOLE:
            return
        if session.travelling:
            token = session.travelling.popleft()
            session.received.extend(session.leases[token])
            self.at(self.now + target.latency_s, self._ack, target, session, token)

    def _ack(self, target: Target, session: Session, token: int) -> None:
        if not session.is_open or session.is_cut:
            return
        if target.mode is Mode.HOLE:  # acknowledged again when packets pass
            self.at(self.now + 1.0, self._ack, target, session, token)
            return
        self.queue.ack(token)
        session.under_way_bytes -= 9 * len(session.leases.pop(token))
        session.progress_at = self.now
        self.pump()

    def _check_progress(self, target: Target, session: Session) -> None:
        if not session.is_open or not session.leases:
            return
        due_at = session.progress_at + DELIVERY_TIMEOUT_S
        if due_at <= self.now:
            self._lose(target, session, "delivery timeout")
        else:
            self.at(due_at, self._check_progress, target, session)

    def _lose(self, target: Target, session: Session, why: str) -> None:
        if not session.is_open:
            return
        self.note(f"lost {target.plan.name}: {why}")
        count = self._end(target)
        self.sharing.on_lost(target.partner, why, self.now, count)
        target.policy.on_lost(why, self.now)
        self._apply(target)
        self.pump()

    def _end(self, target: Target) -> int:
        """Close a connection, put back what was not acknowledged; return how much."""
        session, target.session = target.session, None
        assert session is not None
        session.is_open = False
        unacked = tuple(n for numbers in session.leases.values() for n in numbers)
        if unacked:
            self.losses.append(Loss(self.now, unacked))
        for token in reversed(session.leases):
            self.queue.rewind(token)
        session.leases.clear()
        return len(unacked)

    # -- laws that hold at every moment ---------------------------------------------

    def _watch(self) -> None:
        """Write down what must never be, while it is."""
        wanted = [item.plan.name in self.drained for item in self.targets]
        found = [item.partner.is_drained for item in self.targets]
        if wanted != found and not all(wanted):
            self.broken.append(f"{self.now}: somebody forgot who is drained")
        ready = [
            (item.is_spare, item.plan.tier, item)
            for item in self.targets
            if item.session is not None and not item.partner.is_drained
        ]
        best = min((ready_as[:2] for ready_as in ready), default=None)
        due = [item for *class_, item in ready if tuple(class_) == best]
        for item in self.targets:
            if self.sharing.is_eligible(item.partner) is not (item in due):
                self.broken.append(f"{self.now}: {item.plan.name} is served wrongly")
        if self.queue.waiting_count and any(map(self.has_room, due)):
            self.broken.append(f"{self.now}: records wait although there is room")
