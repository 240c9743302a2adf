"""
Who may get batches at present: worked out once, used until something changes.

A batch must not cost more because a pool is large. So the balancer asks a *lineup*,
which holds until a fact changes it, or until time does: the wait of a failed target
ends, or a target has warmed up some more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from logferry.policy.pool import Server
from logferry.policy.share import quotas, sticky

__all__ = ["Lineup"]

_HOMES_MAX: Final = 10_000


@dataclass(slots=True)
class Lineup:
    """
    The targets that count now.

    Attributes:
        usable: the operational targets, or all in panic, in order of preference.
        group: those of them that are used: the lowest tier.
        unwell: targets that are not operational and not drained.
        shares: the part of the load each of ``group`` shall have.
        workers: how many workers there are.
        until: when time alone makes this wrong; monotonic seconds.

    """

    usable: tuple[Server, ...]
    group: tuple[Server, ...]
    unwell: tuple[Server, ...]
    shares: Mapping[Server, float]
    workers: int
    until: float
    _quota: dict[Server, int] | None = None
    _homes: dict[bytes, Server] = field(default_factory=dict)

    @property
    def quota(self) -> dict[Server, int]:
        """How many workers belong to each target of the group."""
        if self._quota is None:
            self._quota = quotas(self.shares, self.workers, self.group)
        return self._quota

    def home(self, key: bytes) -> Server:
        """Return the target of ``key``."""
        home = self._homes.get(key)
        if home is None:
            if len(self._homes) >= _HOMES_MAX:
                self._homes.clear()
            home = self._homes[key] = sticky(key, self.group, self.shares)
        return home
