"""
Who gets the next batch: the ways to spread load over targets that all are well.

``workers``       each worker has a seat at one target and keeps its connection; seats
                  are spread by weight (the reference's way, default)
``round-robin``   batch by batch, weights do not count
``weighted``      batch by batch by ``weight()``: smooth weighted round robin (nginx)
``least-loaded``  the better of two random targets by requests under way times latency
                  ("power of two choices")
``sticky``        the target is a function of the partition key; when a target comes or
                  goes, only its own keys move (weighted rendezvous hashing)

A target's *share* is its weight, less while it warms up (``slow-start()``).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from logferry.policy.pool import Server

if TYPE_CHECKING:
    from logferry.policy.backoff import Chance

__all__ = ["Balance", "Rounds", "Seats", "Turns", "least_loaded", "quotas", "sticky"]


class Balance(StrEnum):
    """The ways to spread load."""

    WORKERS = "workers"
    ROUND_ROBIN = "round-robin"
    LEAST_LOADED = "least-loaded"
    WEIGHTED = "weighted"
    STICKY = "sticky"


def quotas(
    shares: Mapping[Server, float], count: int, order: Sequence[Server]
) -> dict[Server, int]:
    """
    Return how many of ``count`` workers belong to each target.

    Each gets one where there are enough; the rest goes to who is farthest from its
    share, and of equally far ones to who has fewer. With equal shares the first targets
    of ``order`` get one more, as in the reference.
    """
    total = sum(shares[target] for target in order)
    ideal = {target: count * shares[target] / total for target in order}
    found = dict.fromkeys(order, int(count >= len(order)))
    for _ in range(count - sum(found.values())):
        # Rounded, so that equal shares are equal whatever the division left over.
        needy = max(
            order,
            key=lambda item: (round(ideal[item] - found[item], 9), -found[item]),
        )
        found[needy] += 1
    return found


class Seats:
    """The places of workers at targets, for ``balance(workers)``."""

    def __init__(self) -> None:
        self._seats: dict[int, Server] = {}

    def keep(self, worker_count: int) -> None:
        """Forget the seats of workers numbered ``worker_count`` and higher."""
        for worker in [item for item in self._seats if item >= worker_count]:
            del self._seats[worker]

    def at(self, target: Server) -> int:
        """Return how many workers sit at ``target``."""
        return sum(1 for seat in self._seats.values() if seat == target)

    def keeps(self, worker: int, quota: Mapping[Server, int]) -> Server | None:
        """Return the target where ``worker`` sits if it may go on sitting there."""
        own = self._seats.get(worker)
        if own is None:
            return None
        others = sum(
            seat is own for other, seat in self._seats.items() if other != worker
        )
        return own if others < quota.get(own, 0) else None

    def choose(
        self,
        worker: int,
        quota: Mapping[Server, int],
        candidates: Sequence[Server],
        allowed: Sequence[Server],
    ) -> Server:
        """
        Return the target of ``worker`` for one batch.

        It stays where it sits as long as there are not too many; otherwise it moves
        to the next target in the list with a free seat. ``allowed`` is who may get
        this batch, at least one of ``candidates``; where that rules out the worker's
        own target the batch goes elsewhere, and the worker keeps its seat.
        """
        own = self.keeps(worker, quota)
        if own is not None and allowed is candidates:
            return own
        own = self._seats.get(worker)
        taken = Counter(seat for other, seat in self._seats.items() if other != worker)
        if own is not None and own in allowed and taken[own] < quota.get(own, 0):
            return own
        start = candidates.index(own) + 1 if own in candidates else worker
        split = start % len(candidates)
        order = [*candidates[split:], *candidates[:split]]
        if allowed is not candidates:
            welcome = set(allowed)
            order = [target for target in order if target in welcome] or list(allowed)
        free = (target for target in order if taken[target] < quota.get(target, 0))
        chosen = next(free, None)
        if chosen is None:
            if own is not None and own in allowed:
                return own
            chosen = min(order, key=taken.__getitem__)
        if own not in candidates or own in allowed:
            self._seats[worker] = chosen
        return chosen


class Rounds:
    """Round robin: one after the other."""

    def __init__(self) -> None:
        self._place = -1
        self._last: Server | None = None

    def choose(self, allowed: Sequence[Server], *, is_retry: bool) -> Server:
        """
        Return whose turn it is among ``allowed``.

        A retry goes to who stands behind those that were tried, and is no turn:
        otherwise dead targets could keep in step with a live one and starve it.
        """
        if is_retry and self._last is not None:
            last = self._last.position
            behind = (target for target in allowed if target.position > last)
            return next(behind, allowed[0])
        self._place = (self._place + 1) % len(allowed)
        self._last = allowed[self._place]
        return self._last


class Turns:
    """Smooth weighted round robin: turns in proportion to shares, evenly spread."""

    def __init__(self) -> None:
        self._credit: dict[Server, float] = {}

    def choose(
        self, shares: Mapping[Server, float], allowed: Sequence[Server]
    ) -> Server:
        """Return whose turn it is among ``allowed``."""
        credit = {target: self._credit.get(target, 0.0) for target in allowed}
        for target in allowed:
            credit[target] += shares[target]
        chosen = max(allowed, key=credit.__getitem__)
        credit[chosen] -= sum(shares[target] for target in allowed)
        self._credit.update(credit)
        return chosen

    def forget(self, target: Server) -> None:
        """Begin anew with ``target``: what it missed while it was away is gone."""
        self._credit.pop(target, None)


def least_loaded(
    allowed: Sequence[Server], load: Callable[[Server], float], chance: Chance
) -> Server:
    """Return the better of two targets drawn at random: the one with less ``load``."""
    if len(allowed) == 1:
        return allowed[0]
    first = int(chance.random() * len(allowed))
    second = int(chance.random() * (len(allowed) - 1))
    second += second >= first
    return min(allowed[first], allowed[second], key=load)


def sticky(
    key: bytes, allowed: Sequence[Server], shares: Mapping[Server, float]
) -> Server:
    """Return the target of ``key`` (weighted rendezvous hashing)."""

    def score(target: Server) -> float:
        digest = hashlib.blake2b(
            key, digest_size=8, key=target.name.encode()[:64]
        ).digest()
        # A number in (0, 1); the logarithm makes weights exact.
        drawn = (int.from_bytes(digest, "big") + 1) / (2**64 + 2)
        return shares[target] / -math.log(drawn)

    return max(allowed, key=score)
