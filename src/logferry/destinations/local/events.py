"""What the local destinations have to say."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["OutletFailed", "OutletGone", "OutletWorks"]


@record
class OutletFailed(Event):
    """A pipe, program or socket cannot be opened or written; records wait."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Destination cannot be written, waiting"

    name: str
    error: str
    time_reopen: str
    driver: str


@record
class OutletGone(Event):
    """A destination ended for good; records wait for another configuration."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Destination ended and is not started again"

    name: str
    error: str
    driver: str


@record
class OutletWorks(Event):
    """A destination that failed takes records again."""

    text: ClassVar[str] = "Destination can be written again"

    name: str
    driver: str
