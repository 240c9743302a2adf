"""Worlds of load balancers obey the laws; the laws would notice if they did not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logferry.policy.balancer import Balancer
from logferry.policy.retry import Delivery
from logferry.queues.memory import MemoryQueue
from sim.balance import World, play

SEEDS = 400


@pytest.mark.slow
@pytest.mark.parametrize("block", range(0, SEEDS, 100))
def test_laws_hold_in_every_world(block: int):
    broken = {seed: play(seed).broken for seed in range(block, block + 100)}
    assert not {seed: laws for seed, laws in broken.items() if laws}


@pytest.mark.parametrize("seed", [303861, 1004663, 1024207, 2007976])
def test_seeds_that_broke_a_law_once_do_not_any_more(seed: int):
    assert not play(seed).broken


def test_same_seed_is_the_same_world():
    assert play(7).history == play(7).history


def _forget_trial(balancer: Balancer, choice) -> object:
    member = balancer._members[choice.target]
    member.in_flight -= 1
    return member


def _trial_for_all(balancer: Balancer, now: float, tried: frozenset):
    due = ORIGINAL_TRIAL(balancer, now, tried)
    if due is not None:
        balancer._members[due].is_on_trial = False
    return due


ORIGINAL_TRIAL = Balancer._due_trial
ORIGINAL_HALVE = Delivery._halve


def _halve_wrongly(delivery: Delivery, part) -> None:
    ORIGINAL_HALVE(delivery, part)
    delivery._parts.reverse()


SABOTAGE: list[tuple[type, str, Callable[..., object]]] = [
    (Balancer, "_due_trial", lambda balancer, now, tried: None),
    (Balancer, "_end", _forget_trial),
    (Balancer, "_share", lambda balancer, target, now: 1.0),
    (Delivery, "_may_condemn", lambda delivery, part: False),
    (Delivery, "_halve", _halve_wrongly),
    (MemoryQueue, "rewind", lambda queue, token=None: None),
    (World, "_resume", lambda world, worker, wait: None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name", "fault"), SABOTAGE)
def test_the_laws_notice_sabotage(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    fault: Callable[..., object],
):
    monkeypatch.setattr(owner, name, fault)
    assert any(play(seed).broken for seed in range(40))
