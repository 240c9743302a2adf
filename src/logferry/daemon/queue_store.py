"""
The queues of the running program, by the name they are kept under.

A queue outlives the driver that empties it: when a reload replaces the driver, the
new one with the same name goes on with the same queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.queues.memory import MemoryQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Spec
    from logferry.destinations.options import DestinationOptions
    from logferry.queues.queue import Queue

__all__ = ["QueueStore"]


class QueueStore:
    """Makes queues and finds them again."""

    def __init__(self) -> None:
        self._queues: dict[str, Queue] = {}

    def queue(self, name: str, spec: Spec) -> Queue:
        """Return the queue called ``name``, made for ``spec`` if it is new."""
        options = cast("DestinationOptions", spec.options)
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = MemoryQueue(options.log_fifo_size)
        elif isinstance(queue, MemoryQueue):
            queue.count_limit = options.log_fifo_size
        return queue

    def __iter__(self) -> Iterator[tuple[str, Queue]]:
        """Iterate over names and queues."""
        return iter(tuple(self._queues.items()))
