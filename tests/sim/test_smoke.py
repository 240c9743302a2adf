"""Two thousand worlds obey the laws, and the auditor would notice if they did not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logferry.policy.failover import Failover
from logferry.policy.prober import Prober
from logferry.policy.search import Search
from logferry.queues.memory import MemoryQueue
from sim.auditor import broken_laws
from sim.run import play
from sim.simulator import Session, World

SEEDS = 2000


def kept_seeds() -> list[int]:
    """Return the seeds that found something once."""
    lines = Path(__file__).with_name("seeds.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and line[0] != "#"]


@pytest.mark.slow
@pytest.mark.parametrize("block", range(0, SEEDS, 250))
def test_laws_hold_in_every_world(block: int):
    broken = {seed: play(seed)[1] for seed in range(block, block + 250)}
    assert not {seed: laws for seed, laws in broken.items() if laws}


def test_laws_hold_where_they_were_once_broken():
    assert not {seed for seed in kept_seeds() if play(seed)[1]}


def test_same_seed_is_the_same_world():
    first, second = World(7), World(7)
    first.run()
    second.run()
    assert first.history == second.history


def any_law_broken(seeds: int = 60) -> bool:
    return any(play(seed)[1] for seed in range(seeds))


def lose_without_rewind(world: World, session: Session) -> None:
    session.records.clear()
    world._close(session)


SABOTAGE: list[tuple[type, str, Callable[..., object]]] = [
    (World, "_end", lose_without_rewind),
    (Prober, "is_enough", lambda prober, hold_time_s, now: False),
    (Failover, "_next_server", lambda policy: policy.current),
    (Failover, "_update_probers", lambda policy, now: None),
    (Search, "fail", lambda search, server, candidates: 0.0),
    (MemoryQueue, "rewind", lambda queue, token=None: None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name", "fault"), SABOTAGE)
def test_auditor_notices_sabotage(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    fault: Callable[..., object],
):
    monkeypatch.setattr(owner, name, fault)
    assert any_law_broken()


def test_auditor_notices_a_record_that_came_twice_for_no_reason():
    world = World(1)
    world.run()
    assert broken_laws(world) == []
    session = next(item for item in world.sessions if item.received)
    session.received.append(session.received[-1])
    assert broken_laws(world) != []
