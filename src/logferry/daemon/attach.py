"""
``ATTACH``: a terminal sees what the daemon says, as long as it stays connected.

``logs`` copies the lines of the internal log to the terminal's standard error; where
they go otherwise, they go on going. ``stdio`` moves the daemon's standard output and
error to the terminal: what ``stdout()`` and Python code print is seen as well. There is
no debugger behind ``debugger``, and it says so.

While it lasts, a line ``ALIVE`` goes to the client every second; that is also how we
learn that it has gone.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from logferry.daemon.events import VerbosityChanged
from logferry.daemon.selflog import Verbosity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from logferry.daemon.selflog import SelfLog

__all__ = ["Attachments"]

_ALIVE_INTERVAL_S = 1.0
_STDOUT, _STDERR = 1, 2


class Attachments:
    """
    Answers ``ATTACH STDIO|LOGS|DEBUGGER [seconds] [level]``.

    Args:
        log: what is shown.
        interval_s: how often the client is told that we are there.

    """

    def __init__(self, log: SelfLog, interval_s: float = _ALIVE_INTERVAL_S) -> None:
        self._log = log
        self._interval_s = interval_s
        self._is_console_taken = False

    async def attach(
        self,
        words: list[str],
        descriptors: list[int],
        say: Callable[[str], Awaitable[None]],
    ) -> str:
        """Show what happens on ``descriptors``; return the answer for the end."""
        mode = words[0].upper() if words else ""
        if mode == "DEBUGGER":
            return (
                "FAIL there is no interactive debugger here; "
                "see 'logferry check --explain' and 'attach logs --log-level=trace'"
            )
        if mode not in {"STDIO", "LOGS"}:
            return "FAIL Invalid arguments received"
        try:
            seconds = int(words[1]) if len(words) > 1 else -1
            level = Verbosity(words[2].lower()) if len(words) > 2 else None
        except ValueError:
            return "FAIL Invalid log level or number of seconds"
        if len(descriptors) != 3:
            return "FAIL three descriptors must come with the command"
        if mode == "STDIO" and self._is_console_taken:
            return "FAIL another terminal has the console"
        show = self._console if mode == "STDIO" else self._copy
        with show(descriptors), self._verbosity(level):
            await self._wait(seconds, say)
        return "OK [console output ends here]"

    @contextmanager
    def _verbosity(self, level: Verbosity | None) -> Iterator[None]:
        old = self._log.verbosity
        self._set(level or old)
        try:
            yield
        finally:
            if self._log.verbosity is (level or old):  # nobody else changed it
                self._set(old)

    def _set(self, level: Verbosity) -> None:
        if level is not self._log.verbosity:
            self._log.verbosity = level
            self._log.emit(VerbosityChanged(level.number))

    @contextmanager
    def _copy(self, descriptors: list[int]) -> Iterator[None]:
        self._log.add_copy(descriptors[_STDERR])
        try:
            yield
        finally:
            self._log.remove_copy(descriptors[_STDERR])

    @contextmanager
    def _console(self, descriptors: list[int]) -> Iterator[None]:
        saved = {target: os.dup(target) for target in (_STDOUT, _STDERR)}
        self._is_console_taken = True
        try:
            for target in saved:
                os.dup2(descriptors[target], target)
            yield
        finally:
            self._is_console_taken = False
            for target, copy in saved.items():
                os.dup2(copy, target)
                os.close(copy)

    async def _wait(self, seconds: int, say: Callable[[str], Awaitable[None]]) -> None:
        """Wait so many seconds, or for ever; ``OSError`` when the client has gone."""
        while seconds:
            await asyncio.sleep(self._interval_s)
            seconds -= seconds > 0
            await say("ALIVE")
