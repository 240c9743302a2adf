"""
Tasks that somebody owns.

``asyncio`` drops the exception of a task nobody awaits and may collect the task
itself; a :class:`TaskGroup` of a driver lives as long as the driver, not as long as a
``with`` block. An exception in a task is our bug: it is logged, and the driver's
``on_crash`` decides; it never ends the process.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["TaskCrashed", "Tasks"]


@record
class TaskCrashed(Event):
    """A background task ended with an exception nobody foresaw."""

    level: ClassVar[Level] = Level.CRITICAL
    text: ClassVar[str] = "Internal error, please report it"

    task: str
    error: str
    where: str


class Tasks:
    """The background tasks of one driver."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, coroutine: Coroutine[object, object, None], name: str
    ) -> asyncio.Task[None]:
        """Run ``coroutine`` in the background."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
            self._log.emit(TaskCrashed(task.get_name(), repr(error), where))

    async def cancel(self) -> None:
        """Cancel all tasks and wait for their end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
