"""
``dynamic-window-size()``: an extra window that busy connections share.

Every ``dynamic-window-stats-freq()`` seconds the source looks which connections are
at their limit; after ``dynamic-window-realloc-ticks()`` looks the extra window is
divided anew, evenly among those that were, or among all when none was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    class Windowed(Hashable, Protocol):
        """What has a window."""

        @property
        def unacked_count(self) -> int:
            """Messages on their way."""
            ...

        @property
        def window(self) -> int:
            """How many there may be."""
            ...

    W = TypeVar("W", bound=Windowed)

__all__ = ["DynamicWindow"]


class DynamicWindow:
    """
    Divides the extra window.

    Args:
        size: the extra window, in messages.
        ticks: looks between two divisions.

    """

    def __init__(self, size: int, ticks: int) -> None:
        self._size = size
        self._ticks = max(1, ticks)
        self._looks = 0
        self._busy: set[object] = set()

    def look(self, connections: Collection[W]) -> dict[W, int] | None:
        """
        Take one look; return the share of each connection when it is time.

        Shares come on top of the window that every connection has.
        """
        self._busy.update(
            item for item in connections if item.unacked_count >= item.window
        )
        self._looks += 1
        if self._looks < self._ticks:
            return None
        self._looks = 0
        busy = [item for item in connections if item in self._busy]
        self._busy.clear()
        sharing = busy or list(connections)
        shares = dict.fromkeys(connections, 0)
        for item in sharing:
            shares[item] = self._size // len(sharing)
        return shares
