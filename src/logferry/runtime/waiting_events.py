"""Events of messages that wait for others over a restart."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["ContextsKept", "ContextsLost", "ContextsRestored"]


@record
class ContextsKept(Event):
    """Contexts were open when the daemon stopped."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "Open correlation contexts are kept for the next start"
    name: str
    count: int


@record
class ContextsRestored(Event):
    """They wait on."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "Correlation contexts were restored"
    name: str
    count: int


@record
class ContextsLost(Event):
    """What was kept cannot be read."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Kept correlation contexts cannot be read"
    name: str
    error: str
