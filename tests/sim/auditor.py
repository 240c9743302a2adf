"""
The laws that every world must obey.

Safety: what was delivered had been accepted; what was accepted is delivered when the
faults have ended; a record arrives twice only if a connection ended while it was not
acknowledged, and at most one window is sent again for each such end; within a
connection records keep their order; the queue's columns are true.

Liveness: when some server stayed up for long enough, deliveries go on; with failback,
they go to the primary if it is up, or to the best server that is
(``returns_to_best``). And it is no frenzy: attempts are no more than the waits that the
plan prescribes allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from logferry.policy.strategy import is_better
from logferry.queues.memory import MemoryQueue
from sim.simulator import LEASE_RECORDS, WINDOW_LEASES, Loss, Mode, Session, World


def broken_laws(world: World) -> list[str]:
    """Return the laws that ``world`` broke, each as a sentence."""
    window_records = WINDOW_LEASES * LEASE_RECORDS
    return [
        *safety(world, window_records),
        *_liveness(world),
        *_order(world),
        *_frenzy(world),
    ]


class Audited(Protocol):
    """What the laws of safety ask of a world."""

    accepted: list[int]
    losses: list[Loss]
    queue: MemoryQueue

    @property
    def sessions(self) -> Sequence[Arrivals]:
        """All connections that ever were."""


class Arrivals(Protocol):
    """What arrived on one connection."""

    received: list[int]


def safety(world: Audited, window_records: int) -> Iterator[str]:
    """Yield the laws of safety that ``world`` broke."""
    arrivals = Counter(n for session in world.sessions for n in session.received)
    accepted = set(world.accepted)
    if extra := arrivals.keys() - accepted:
        yield f"delivered but never accepted: {sorted(extra)[:5]}"
    if missing := accepted - arrivals.keys():
        yield f"accepted but not delivered: {sorted(missing)[:5]} of {len(missing)}"
    unacked = Counter(n for loss in world.losses for n in loss.unacked)
    for number, count in arrivals.items():
        if count > 1 + unacked[number]:
            yield f"record {number} arrived {count} times, {unacked[number]} losses"
    for loss in world.losses:
        if len(loss.unacked) > window_records:
            yield f"more than one window unacknowledged at {loss.at}"
    ledger = world.queue.ledger
    if ledger.accepted != len(accepted) or ledger.queued() != world.queue.count:
        yield "the ledger does not balance"
    if ledger.delivered != len(accepted):
        yield f"{len(accepted) - ledger.delivered} records were never acknowledged"


def _order(world: World) -> Iterator[str]:
    for session in world.sessions:
        if not session.is_order_excused and not _is_increasing(session):
            yield f"order broken on {session.server.name} since {session.opened_at}"


def _is_increasing(session: Session) -> bool:
    received = session.received
    return all(a < b for a, b in pairwise(received))


def _liveness(world: World) -> Iterator[str]:
    if not world.is_up:
        yield f"no connection although a server was up: {world.policy.state}"
        return
    assert world.session is not None
    current = world.session.server
    if world.session.peer.mode is not Mode.UP:
        yield f"stuck on {current.name}, which is {world.session.peer.mode}"
    if world.plan.probes is None:
        return
    pool, plan = world.policy.pool, world.plan
    wanted = pool.servers if plan.returns_to_best else (pool.primary,)
    for server in wanted:
        is_up = world.peer(server).mode is Mode.UP
        if is_up and is_better(plan.strategy, pool, server, current):
            yield f"on {current.name} although {server.name} was up for long"


def _frenzy(world: World) -> Iterator[str]:
    plan, count = world.plan, len(world.peers)
    wait_s = plan.reopen_delay_s
    if plan.backoff is not None:
        wait_s = plan.backoff.initial_s * (1 - plan.backoff.jitter) / count
    # Without waiting: the first attempt, what an operator causes, and with backoff one
    # round after each connection that held, and one after each that a probe gave us.
    rounds = 1.0 + 2 * world.interventions
    if plan.backoff is not None:
        rounds += sum(item.closed_at - item.opened_at >= 1 for item in world.sessions)
    if plan.probes is not None:
        rounds += count * world.end_at / (plan.probes.interval_s * 0.7)
    allowed = world.end_at / wait_s + rounds * count
    if world.connect_count > allowed:
        yield f"{world.connect_count} attempts, at most {allowed:.0f} are due"
