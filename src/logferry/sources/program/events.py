"""What the ``program()`` source has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from logferry.telemetry.events import Event, Level

__all__ = ["ProgramEnded", "ProgramNotFound", "ProgramNotStarted"]


@dataclass(frozen=True, slots=True)
class ProgramEnded(Event):
    """A program ended; it is started again."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program exited, restarting"

    cmdline: str
    status: int


@dataclass(frozen=True, slots=True)
class ProgramNotFound(Event):
    """The shell knows no such command (127); it is not started again."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program exited with 127, not restarting"

    cmdline: str


@dataclass(frozen=True, slots=True)
class ProgramNotStarted(Event):
    """There is no room for another process, or no descriptor."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Child program cannot be started, will try again"

    cmdline: str
    error: str
