"""
A thread for code that may never come back.

The threads of ``concurrent.futures`` are waited for at the end of the process; this one
is not. Work that was given to it is done one after the other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["PatientThread"]

_T = TypeVar("_T")


class PatientThread:
    """Does one thing after the other until ``close``, for as long as each takes."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while (function := self._work.get()) is not None:
            function()

    async def run(self, function: Callable[[], _T]) -> _T:
        """Return what ``function``, which never raises, returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T) -> None:
            if not future.done():  # nobody waits any more
                future.set_result(result)

        def work() -> None:
            result = function()
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result)

        self._work.put(work)
        return await future

    def close(self, last: Callable[[], None]) -> None:
        """Do ``last``, which never raises, and end; nobody waits for it."""
        self._work.put(last)
        self._work.put(None)
