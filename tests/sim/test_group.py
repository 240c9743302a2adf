"""Two thousand worlds of a TCP load balancer obey the laws, and the laws can see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logferry.destinations.drain_marks import DrainMarks
from logferry.policy.failover import Failover
from logferry.policy.search import Search
from logferry.policy.sharing import Partner, Sharing
from logferry.queues.memory import MemoryQueue
from sim.group import World
from sim.group_laws import play

SEEDS = 2000


@pytest.mark.slow
@pytest.mark.parametrize("block", range(0, SEEDS, 250))
def test_laws_hold_in_every_world(block: int):
    broken = {seed: play(seed)[1] for seed in range(block, block + 250)}
    assert not {seed: laws for seed, laws in broken.items() if laws}


def test_same_seed_is_the_same_world():
    assert play(7)[0].history == play(7)[0].history


def _ignore_weights(sharing: Sharing, partner: Partner, byte_count: int) -> None:
    partner.served += byte_count


def _ignore_load(sharing: Sharing, under_way_bytes: Callable[[Partner], int]):
    return iter(sharing._eligible)


def _lose_without_rewind(world: World, target) -> int:
    target.session.leases.clear()
    return ORIGINAL_END(world, target)


ORIGINAL_END = World._end

SABOTAGE: list[tuple[type, str, object]] = [
    (World, "_end", _lose_without_rewind),
    (MemoryQueue, "rewind", lambda queue, token=None: None),
    (Search, "fail", lambda search, server, candidates: 1e9),
    (Failover, "_connect", lambda policy, now: None),
    (Partner, "class_", property(lambda partner: (False, 1, 0))),
    (Partner, "is_ready", property(lambda partner: partner.is_connected)),
    (Sharing, "on_sent", _ignore_weights),
    (Sharing, "order", _ignore_load),
    (DrainMarks, "__contains__", lambda marks, name: False),
]


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name", "fault"), SABOTAGE)
def test_the_laws_notice_sabotage(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, fault: object
):
    monkeypatch.setattr(owner, name, fault)
    assert any(play(seed)[1] for seed in range(60))
