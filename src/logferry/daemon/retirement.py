"""
Destinations that a reload took away, and what they still have to deliver.

They go on delivering with nothing new coming in until their queue is empty, for a
bounded time. A disk queue that is not empty then stays on the abandoned list; what was
in memory is counted as dropped, and said so. A reload that brings a destination back
finds it here and goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.nodes import Spec
    from logferry.daemon.ledgers import Ledgers
    from logferry.daemon.queue_store import QueueStore
    from logferry.destinations.base import Destination
    from logferry.runtime.environment import Log

__all__ = ["Retirement", "RunningDestination"]

_STEP_S = 0.05


@dataclass(slots=True)
class RunningDestination:
    """A destination driver, its configuration and the name of its queue."""

    spec: Spec
    queue_name: str
    destination: Destination


@record
class DestinationRetired(Event):
    """A destination that is no longer configured has ended."""

    text: ClassVar[str] = "Destination removed by a reload has ended"

    driver: str
    left_in_queue: int


@record
class LeftBehind(Event):
    """A destination ended before its queue was empty."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Destination removed by a reload could not deliver everything"

    driver: str
    left_in_queue: int
    queue: str


class Retirement:
    """
    The destinations that are on their way out.

    Args:
        queues: where their queues are kept.
        ledgers: shows the last state of each.
        log: told how each one ended.
        clock: monotonic seconds.
        patience_s: how long one may go on.

    """

    def __init__(
        self,
        queues: QueueStore,
        ledgers: Ledgers,
        log: Log,
        clock: Callable[[], float],
        patience_s: float = 60.0,
    ) -> None:
        self._queues = queues
        self.ledgers = ledgers
        self._log = log
        self._clock = clock
        self._patience_s = patience_s
        self._leaving: dict[str, tuple[RunningDestination, asyncio.Task[None]]] = {}

    def take(self, running: RunningDestination) -> None:
        """Let ``running`` finish what it has."""
        task = asyncio.get_running_loop().create_task(self._see_off(running))
        self._leaving[running.queue_name] = (running, task)

    async def call_back(self, queue_name: str) -> RunningDestination | None:
        """Return the destination on this queue, which goes on as it is, if any."""
        running, task = self._leaving.pop(queue_name, (None, None))
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return running

    async def stop(self, grace_s: float) -> None:
        """End them all."""
        leaving = [await self.call_back(name) for name in tuple(self._leaving)]
        await asyncio.gather(
            *(item.destination.stop(grace_s) for item in leaving if item is not None)
        )

    async def _see_off(self, running: RunningDestination) -> None:
        queue = self._queues.get(running.queue_name)
        deadline = self._clock() + self._patience_s
        while queue.count and self._clock() < deadline:  # noqa: ASYNC110
            # A queue knows no events; it is looked at.
            await asyncio.sleep(_STEP_S)
        del self._leaving[running.queue_name]
        await running.destination.stop(0.0)
        left = queue.count
        if left:
            self._log.emit(LeftBehind(running.spec.id, left, running.queue_name))
        else:
            self._log.emit(DestinationRetired(running.spec.id, left))
        await self._queues.retire(running.queue_name)
        self.ledgers.forget(running.queue_name)
