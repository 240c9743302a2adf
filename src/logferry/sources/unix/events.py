"""What the sources on local sockets have to say."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["OptionalSocketFailed"]


@record
class OptionalSocketFailed(Event):
    """A socket with ``optional(yes)`` cannot be made; the rest goes on."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Cannot make the optional socket, going on without it"

    socket: str
    error: str
