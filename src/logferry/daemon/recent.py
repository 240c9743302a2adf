"""
What the daemon said lately: all of the last minutes, and what matters of the last days.

A thousand clients that come and go say three thousand lines a minute; whoever looks at
three in the morning wants the switch of midnight. So the last ``_LATEST_MAX`` events
are remembered, and of those before the last ``_OF_A_KIND_MAX`` of each kind.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.message.model import UnixNanos
    from logferry.telemetry.events import Event

__all__ = ["Recent"]

_LATEST_MAX: Final = 1000
_OF_A_KIND_MAX: Final = 50


class Recent:
    """Events with their times, the oldest first."""

    def __init__(self) -> None:
        self._latest: deque[tuple[UnixNanos, Event]] = deque()
        self._before: dict[type[Event], deque[tuple[int, UnixNanos, Event]]] = {}
        self._left_count = 0

    def add(self, now: UnixNanos, event: Event) -> None:
        """Remember ``event``."""
        self._latest.append((now, event))
        if len(self._latest) > _LATEST_MAX:
            then, old = self._latest.popleft()
            kept = self._before.get(type(old))
            if kept is None:
                kept = self._before[type(old)] = deque(maxlen=_OF_A_KIND_MAX)
            self._left_count += 1
            kept.append((self._left_count, then, old))

    def __iter__(self) -> Iterator[tuple[UnixNanos, Event]]:
        """Iterate in the order in which the events came."""
        # By number, not by time: clocks are set back.
        before = [item for kept in self._before.values() for item in kept]
        for _, then, event in sorted(before, key=lambda item: item[0]):
            yield then, event
        yield from tuple(self._latest)
