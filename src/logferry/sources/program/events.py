"""What the ``program()`` source has to say."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["ProgramEnded", "ProgramNotFound", "ProgramNotStarted"]


@record
class ProgramEnded(Event):
    """A program ended; it is started again."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program exited, restarting"

    cmdline: str
    status: int


@record
class ProgramNotFound(Event):
    """The shell knows no such command (127); it is not started again."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program exited with 127, not restarting"

    cmdline: str


@record
class ProgramNotStarted(Event):
    """There is no room for another process, or no descriptor."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program cannot be started, will try again"

    cmdline: str
    error: str
