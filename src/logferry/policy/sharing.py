"""
Lines of delivery that share one queue: who may send, who is served first, who is left.

Each *partner* is one server with a connection of its own. Time is an argument; nothing
is connected, sent or logged here.

Theory
======

A partner is *ready* when it is connected and not drained. Of those that are ready the
ones of the best class (``ServerPlan``: tier, priority; spares come after all others)
are *eligible*: only they get records.

*Order.* First whoever has the fewest bytes under way for its weight; among equals,
whoever got the fewest bytes for its weight so far. The memory is short: a partner that
was away, or slow when there was much to do, is made up for with at most
``_MEMORY_SENDS`` turns.

*Switches.* Whenever a partner stops being eligible, what it would have got goes to the
others. That is a switch, with the same facts as a switch of a failover list: from whom,
to whom, why, how long nobody was served, how much is sent again. While nobody is
eligible the switch is pending; it never happens if the partner itself is the first to
come back.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from heapq import heapify, heappop

from logferry.policy.pool import ServerPlan
from logferry.records import record

__all__ = ["Move", "Partner", "Sharing"]

_NAMES_SHOWN_MAX = 5

_MEMORY_SENDS = 4
"""A partner may be ahead of the others by so many sends of the usual size."""

_USUAL_SHARE = 1 / 16  # of the last one in the moving average


@record
class Move:
    """
    A switch: the share of one partner goes to others.

    Attributes:
        from_: who was left.
        to: who serves now, some of them if they are many.
        reason: why it was left.
        gap_s: how long nobody was eligible.
        resent: records that it had not acknowledged.

    """

    from_: str
    to: str
    reason: str
    gap_s: float
    resent: int


class Partner:
    """
    One server of the group.

    Args:
        plan: name, tier, weight and priority.
        is_spare: used only while no other partner is ready.

    """

    __slots__ = ("is_connected", "is_drained", "is_spare", "plan", "served")

    def __init__(self, plan: ServerPlan, *, is_spare: bool = False) -> None:
        self.plan = plan
        self.is_spare = is_spare
        self.is_connected = False
        self.is_drained = False
        self.served = 0.0  # bytes for its weight, lately

    @property
    def name(self) -> str:
        """Its name, for operators."""
        return self.plan.name

    @property
    def is_ready(self) -> bool:
        """It could be used."""
        return self.is_connected and not self.is_drained

    @property
    def class_(self) -> tuple[bool, int, int]:
        """Partners of a lower class are used before others."""
        return self.is_spare, self.plan.tier, self.plan.priority


@record
class _Left:
    """A partner that stopped being eligible, and what is known of that."""

    partner: Partner
    at: float
    reason: str
    resent: int


class Sharing:
    """The machine; see the module for its theory. Partners are kept in list order."""

    def __init__(self) -> None:
        self.partners: list[Partner] = []
        self._eligible: dict[Partner, None] = {}  # an ordered set
        self._left: list[_Left] = []
        self._usual_bytes = 0.0

    # -- facts ------------------------------------------------------------------

    def set_partners(self, partners: list[Partner], now: float) -> None:
        """Make the group consist of ``partners``; who stays keeps its state."""
        self.partners = list(partners)
        self._review("no member any more", now)

    def on_connected(self, partner: Partner, now: float) -> None:
        """``partner`` can be sent to."""
        partner.is_connected = True
        self._review("a better server is back", now)

    def on_lost(
        self, partner: Partner, reason: str, now: float, resent: int = 0
    ) -> None:
        """The connection broke; ``resent`` records were put back."""
        partner.is_connected = False
        self._review(reason, now, resent)

    def keep_out(self, drained: Container[str], now: float) -> None:
        """Send nothing new to partners with these names; the last one is needed."""
        for partner in self.partners:
            partner.is_drained = partner.name in drained
        if self.partners and all(item.is_drained for item in self.partners):
            self.partners[0].is_drained = False
        self._review("drained", now)

    def on_sent(self, partner: Partner, byte_count: int) -> None:
        """``partner`` was given so many bytes."""
        partner.served += byte_count / partner.plan.weight
        before = self._usual_bytes or byte_count
        self._usual_bytes = before + (byte_count - before) * _USUAL_SHARE

    # -- answers ----------------------------------------------------------------

    @property
    def has_eligible(self) -> bool:
        """Somebody may be sent to."""
        return bool(self._eligible)

    def is_eligible(self, partner: Partner) -> bool:
        """Tell whether ``partner`` may be given records now."""
        return partner in self._eligible

    def order(self, under_way_bytes: Callable[[Partner], int]) -> Iterator[Partner]:
        """Yield who may be given records, the best choice first."""
        least = min((item.served for item in self._eligible), default=0.0)
        most = least + _MEMORY_SENDS * self._usual_bytes
        for item in self._eligible:
            item.served = min(item.served, most)
        heap = [
            (under_way_bytes(item) / item.plan.weight, item.served, rank, item)
            for rank, item in enumerate(self._eligible)
        ]
        heapify(heap)
        while heap:
            yield heappop(heap)[-1]

    def take_moves(self, now: float) -> list[Move]:
        """Return the switches that are complete, and forget them."""
        if not self._left or not self._eligible:
            return []
        left, self._left = self._left, []
        moves = []
        for item in left:
            # A name may come back as another partner: that is no switch either.
            name = item.partner.name
            others = [other for other in self._eligible if other.name != name]
            if others:
                gap_s = max(0.0, now - item.at)
                to = _names(others)
                moves.append(Move(name, to, item.reason, gap_s, item.resent))
        return moves

    # -- transitions ------------------------------------------------------------

    def _review(self, reason: str, now: float, resent: int = 0) -> None:
        """Work out anew who is eligible; ``reason`` is why somebody is not any more."""
        before = self._eligible
        ready = [item for item in self.partners if item.is_ready]
        best = min((item.class_ for item in ready), default=None)
        self._eligible = {item: None for item in ready if item.class_ == best}
        self._left += [
            _Left(item, now, reason, resent)
            for item in before
            if item not in self._eligible
        ]


def _names(partners: list[Partner]) -> str:
    shown = [item.name for item in partners[:_NAMES_SHOWN_MAX]]
    if len(partners) > len(shown):
        shown.append(f"{len(partners) - len(shown)} more")
    return ", ".join(shown)
