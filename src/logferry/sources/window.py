"""
How many messages of a source may be on their way.

With flow control the window is hard: reading stops until something was settled.
Without it the window is soft: reading waits while destinations make progress, so that
a slower destination loses nothing, but not for one that stands still. (The reference
reads on at once and drops what does not fit in the queue.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PATIENCE_S", "Window"]

PATIENCE_S: Final = 1.0
"""How long a soft window waits for progress."""


class Window:
    """
    Counts the messages of one source that are not settled.

    Args:
        limit: ``log-iw-size()``.
        is_hard: tells whether a full queue may hold the source back.
        clock: monotonic seconds.

    """

    def __init__(
        self, limit: int, is_hard: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self.limit = limit
        self.unsettled_count = 0
        self._is_hard = is_hard
        self._clock = clock
        self._progress_at = clock()

    def take(self, count: int) -> None:
        """Count messages that were handed on."""
        if self.unsettled_count < self.limit:
            self._progress_at = self._clock()
        self.unsettled_count += count

    def give_back(self, count: int, *, is_progress: bool) -> None:
        """
        Count messages that were settled.

        ``is_progress`` tells that they were the oldest: what is dropped because a
        queue is full is settled too, but is the newest.
        """
        self.unsettled_count -= count
        if is_progress:
            self._progress_at = self._clock()

    @property
    def has_room(self) -> bool:
        """Tell whether the source may read on."""
        if self.unsettled_count < self.limit:
            return True
        return not self._is_hard() and self._clock() >= self._progress_at + PATIENCE_S
