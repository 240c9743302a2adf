"""
Which server comes next: ``strategy()``.

``round-robin``  the one after the current in the list, then from the top (default)
``ordered``      always the first of the list that was not tried yet
``random``       any, each as likely as the other
``weighted``     any, as likely as its ``weight()`` says

Tiers (and the priorities within them) go before everything else: a server of a higher
tier is chosen only when none of a lower one is among the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.policy.backoff import Chance
    from logferry.policy.pool import Pool, Server

__all__ = ["Strategy", "choose", "is_better"]


class Strategy(StrEnum):
    """The ways to go through a list."""

    ROUND_ROBIN = "round-robin"
    ORDERED = "ordered"
    RANDOM = "random"
    WEIGHTED = "weighted"

    @property
    def is_by_chance(self) -> bool:
        """Servers of one tier are as good as each other."""
        return self in {Strategy.RANDOM, Strategy.WEIGHTED}


def choose(
    strategy: Strategy,
    candidates: Sequence[Server],
    pool: Pool,
    after_rank: int,
    chance: Chance,
) -> Server:
    """
    Return the server to use next.

    Args:
        strategy: how to choose.
        candidates: who may be chosen, at least one, in the pool's order.
        pool: knows the ranks.
        after_rank: the rank of the server used until now, -1 for none.
        chance: consulted only by the strategies that are named after it.

    """
    best = candidates[0].class_
    group = [server for server in candidates if server.class_ == best]
    match strategy:
        case Strategy.ORDERED:
            return group[0]
        case Strategy.ROUND_ROBIN:
            following = (item for item in group if pool.rank(item) > after_rank)
            return next(following, group[0])
        case Strategy.RANDOM:
            return group[int(chance.random() * len(group))]
        case Strategy.WEIGHTED:
            left = chance.random() * sum(server.weight for server in group)
            for server in group[:-1]:
                left -= server.weight
                if left < 0:
                    return server
            return group[-1]


def is_better(strategy: Strategy, pool: Pool, server: Server, other: Server) -> bool:
    """Tell whether ``server`` is to be preferred to ``other``, which is in use."""
    if strategy.is_by_chance:
        return server.class_ < other.class_
    return pool.rank(server) < pool.rank(other)
