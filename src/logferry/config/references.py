"""
References between statements: circles, and what grows without end.

A filter that uses two filters that use two filters … is written out where it is used,
so its *weight* is that of everything it refers to, occurrence by occurrence. Both this
and the depth of references are bounded, so that a configuration of sixty lines cannot
become a program of a billion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.limits import (
    CONFIG_ALL_REFERENCES_MAX,
    CONFIG_REFERENCE_DEPTH_MAX,
    CONFIG_REFERENCES_MAX,
)

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Span

__all__ = ["Key", "References"]

Key = tuple[str, str]
"""Kind and name of a statement."""


_TOO_DEEP = f"references nest more than {CONFIG_REFERENCE_DEPTH_MAX} deep"


class References:
    """Knows what is being resolved, and the weight of what was."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._way: list[Key] = []
        self._cyclic: set[Key] = set()
        self._weights: dict[Key | None, int] = {None: 0}
        self._depths: dict[Key, int] = {}
        self._too_much: set[Key | None] = set()

    def __contains__(self, key: Key) -> bool:
        """Tell whether ``key`` is being resolved."""
        return key in self._way

    def enter(self, key: Key) -> None:
        """Begin to resolve ``key``."""
        self._way.append(key)
        self._weights[key] = self._depths[key] = 1

    def leave(self) -> None:
        """End what was begun last."""
        self._way.pop()

    def report_cycle(self, key: Key, span: Span) -> None:
        """Report a circle once, however many of its members ask."""
        members = self._way[self._way.index(key) :]
        if self._cyclic.isdisjoint(members):
            kind, name = key
            chain = " -> ".join(item for _, item in members)
            self._diagnostics.error(
                f"{kind} '{name}' refers to itself: {chain} -> {name}",
                span,
                "take one of the references out",
            )
        self._cyclic.update(members)

    def use(self, key: Key, span: Span) -> bool:
        """Note that what is being resolved uses ``key``; false: that is too much."""
        if key in self._too_much:
            return False
        user = self._way[-1] if self._way else None
        self._weights[user] += self._weights.get(key, 1)
        limit = CONFIG_REFERENCES_MAX if user else CONFIG_ALL_REFERENCES_MAX
        if self._weights[user] > limit:
            message = f"references stand for more than {limit:,} others"
            return self._refuse(user, message, span)
        if user is not None:
            depth = self._depths.get(key, 1) + 1
            self._depths[user] = max(self._depths[user], depth)
            if depth > CONFIG_REFERENCE_DEPTH_MAX:
                message = _TOO_DEEP
                return self._refuse(user, message, span)
        return True

    def is_too_deep(self, span: Span) -> bool:
        """Tell whether another statement can be resolved within the present ones."""
        if len(self._way) < CONFIG_REFERENCE_DEPTH_MAX:
            return False
        return not self._refuse(self._way[0], _TOO_DEEP, span)

    def _refuse(self, user: Key | None, message: str, span: Span) -> bool:
        if not self._too_much:  # whatever else grows, grows by the same mistake
            self._diagnostics.error(message, span, "refer to fewer at once")
        self._too_much.add(user)
        return False
