"""What the ``python()`` destination says."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = [
    "PythonDestinationBlocked",
    "PythonDestinationFailed",
    "PythonDestinationNotConnected",
]


@record
class PythonDestinationFailed(Event):
    """A method of the class raised an exception, or reported an error."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Python destination failed, will retry"

    driver: str
    class_: str
    method: str
    error: str
    time_reopen: str


@record
class PythonDestinationNotConnected(Event):
    """``open()`` said no."""

    level: ClassVar[Level] = Level.NOTICE
    text: ClassVar[str] = "Python destination is not connected, will retry"

    driver: str
    class_: str
    time_reopen: str


@record
class PythonDestinationBlocked(Event):
    """A method of the class does not return."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Python destination does not return from a call, its queue waits"
    )

    driver: str
    class_: str
    method: str
    seconds: str
