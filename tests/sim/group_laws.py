"""
The auditor of load-balanced worlds (``group.py``).

Safety: delivered ⊆ accepted, and accepted ⊆ delivered when the faults have ended; a
record arrives twice only if a connection ended while it was not acknowledged, at most
one window for each such end; within a connection records keep their order, except those
that another one gave back.

Liveness: nothing waits while a target that may be used has room; who is alive and not
drained is connected again, and only the best class of them is served.

Sharing: in peace a trickle is spread by weight, a flood by load. Every switch names who
was served and who is, and what was sent again is what was not acknowledged.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import pairwise

from sim.auditor import safety
from sim.group import LEASE_BYTES, SLOW_FACTOR, WINDOW_BYTES, Mode, Target, World

_RECORD_BYTES = 9
_SHARE_TOLERANCE = 0.2


def broken_laws(world: World) -> list[str]:
    """Return the laws that ``world`` broke, each as a sentence."""
    window_records = (WINDOW_BYTES + LEASE_BYTES) // _RECORD_BYTES
    return [
        *world.broken[:3],
        *safety(world, window_records),
        *_order(world),
        *_liveness(world),
        *_sharing(world),
        *_moves(world),
    ]


def _order(world: World) -> Iterator[str]:
    again = {number for loss in world.losses for number in loss.unacked}
    for session in world.sessions:
        received = [number for number in session.received if number not in again]
        if any(a >= b for a, b in pairwise(received)):
            yield "order is broken within a connection"


def _served(world: World) -> list[Target]:
    """Return who has to be served in peace, worked out from the world alone."""
    usable = [
        target
        for target in world.targets
        if target.mode is Mode.UP and not target.partner.is_drained
    ]
    rank = {t: (t.is_spare, t.plan.tier, t.plan.priority) for t in usable}
    return [target for target in usable if rank[target] == min(rank.values())]


def _liveness(world: World) -> Iterator[str]:
    for target in world.targets:
        is_usable = target.mode is Mode.UP and not target.partner.is_drained
        if is_usable and target.session is None:
            yield f"{target.plan.name} is up, but not connected: {target.policy.state}"


def _sharing(world: World) -> Iterator[str]:
    served = _served(world)
    for target in world.targets:
        if target.peace_bytes and target not in served:
            yield f"{target.plan.name} got {target.peace_bytes} bytes in peace"
    if world.is_flood:
        yield from _flood(served)
        return
    total = sum(target.peace_bytes for target in served)
    weight = sum(target.plan.weight for target in served)
    for target in served:
        due = total * target.plan.weight / weight
        if abs(target.peace_bytes - due) > _SHARE_TOLERANCE * due + WINDOW_BYTES:
            yield f"{target.plan.name} got {target.peace_bytes} of {due:.0f} bytes"


def _flood(served: list[Target]) -> Iterator[str]:
    slow = [target for target in served if target.latency_s > 0.1]
    fast = [target for target in served if target not in slow]
    if not slow or not fast:
        return
    most = slow[0].peace_bytes - WINDOW_BYTES
    for target in fast:
        if most > 4 * target.peace_bytes / SLOW_FACTOR + WINDOW_BYTES:
            yield f"{slow[0].plan.name} is slow and got {most} bytes"


def _moves(world: World) -> Iterator[str]:
    resent = sum(move.resent for move in world.moves)
    if resent > sum(len(loss.unacked) for loss in world.losses):
        yield "switches sent more again than was lost"
    for move in world.moves:
        if move.from_ in move.to.split(", ") or not move.to:
            yield f"not a switch: {move}"
        if move.gap_s < 0:
            yield f"a gap that ends before it begins: {move}"


def play(seed: int) -> tuple[World, list[str]]:
    """Play one seed; an exception breaks the law that there are none."""
    world = World(seed)
    try:
        world.run()
    except Exception:
        return world, [traceback.format_exc()]
    return world, broken_laws(world)
