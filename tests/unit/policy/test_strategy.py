"""Which server comes next."""

from __future__ import annotations

from collections import Counter
from random import Random

from helpers.chance import ScriptedChance
from logferry.policy.pool import Pool, ServerPlan
from logferry.policy.strategy import Strategy, choose, is_better


def pool(*plans: ServerPlan) -> Pool:
    return Pool(plans or [ServerPlan("a"), ServerPlan("b"), ServerPlan("c")])


def test_round_robin_takes_the_one_after_the_current_and_then_the_first():
    servers = pool()
    names = [
        choose(
            Strategy.ROUND_ROBIN, servers.servers, servers, rank, ScriptedChance()
        ).name
        for rank in (-1, 0, 1, 2)
    ]
    assert names == ["a", "b", "c", "a"]


def test_ordered_takes_the_first_candidate():
    servers = pool()
    chosen = choose(Strategy.ORDERED, servers.servers[1:], servers, 2, ScriptedChance())
    assert chosen.name == "b"


def test_random_reaches_every_server_about_equally():
    servers, chance = pool(), Random(1)
    counts = Counter(
        choose(Strategy.RANDOM, servers.servers, servers, 0, chance).name
        for _ in range(3000)
    )
    assert all(850 < counts[name] < 1150 for name in "abc")


def test_weighted_follows_the_weights():
    servers = pool(ServerPlan("a", weight=1), ServerPlan("b", weight=3))
    chance = Random(1)
    counts = Counter(
        choose(Strategy.WEIGHTED, servers.servers, servers, 0, chance).name
        for _ in range(4000)
    )
    assert 2850 < counts["b"] < 3150


def test_higher_tier_is_not_chosen_while_a_lower_one_is_a_candidate():
    servers = pool(ServerPlan("a", tier=2, weight=99), ServerPlan("b"))
    for strategy in Strategy:
        chosen = choose(strategy, servers.servers, servers, 0, ScriptedChance([0.999]))
        assert chosen.name == "b"


def test_servers_of_one_tier_are_equally_good_when_chance_chooses():
    servers = pool(ServerPlan("a"), ServerPlan("b"), ServerPlan("c", tier=2))
    a, b, c = servers.servers
    assert not is_better(Strategy.RANDOM, servers, a, b)
    assert is_better(Strategy.RANDOM, servers, b, c)
    assert is_better(Strategy.ROUND_ROBIN, servers, a, b)
