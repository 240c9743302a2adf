"""
Internal events: what happened, as data.

One frozen dataclass per event. ``text`` is the sentence of the log line (the
reference's own where it has one), the fields are its tags in order. The layers emit
events into an :class:`EventLog`; printing is the business of ``daemon/selflog.py``.

An event class lives in the layer that emits it, next to the code that knows when;
only events that several layers share are defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from dataclasses import field as dataclass_field
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from logferry.telemetry.secrets import mask_urls

__all__ = ["Event", "EventLog", "Level", "NullLog", "render", "tag"]


class Level(IntEnum):
    """Syslog severities (RFC 5424, table 2), the ones that we use."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True)
class Event:
    """
    Base of all events.

    A subclass sets ``level`` and ``text`` and adds fields; a field whose value is
    ``None`` is left out of the line. A field prints under its own name, without a
    trailing underscore (``from_``), or under that of ``tag()``.
    """

    level: ClassVar[Level] = Level.NOTICE
    text: ClassVar[str] = ""
    is_limited: ClassVar[bool] = True
    """Very many in a short time are counted instead of written."""

    def tags(self) -> Iterator[tuple[str, str]]:
        """Yield name and value of each tag, in order."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                name = field.metadata.get("tag") or field.name.rstrip("_")
                yield name, str(value)


def tag(name: str) -> Any:
    """Declare a field that prints under ``name``, which Python could not spell."""
    return dataclass_field(metadata={"tag": name})


class EventLog(Protocol):
    """Where events go; given to every driver."""

    def emit(self, event: Event) -> None:
        """Take one event; never raises, never blocks."""


class NullLog:
    """An :class:`EventLog` that forgets."""

    def emit(self, event: Event) -> None:
        """Forget ``event``."""

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Never tell ``listener``."""

    def unsubscribe(self, listener: Callable[[Event], None]) -> None:
        """Go on not telling ``listener``."""


def render(event: Event) -> str:
    """
    Return the log line of ``event``: ``text; key='value', key2='value2'``.

    Credentials in URLs are masked: a log is read by many.
    """
    tags = ", ".join(f"{name}='{_escape(value)}'" for name, value in event.tags())
    return f"{event.text}; {mask_urls(tags)}" if tags else f"{event.text};"


def _escape(value: str) -> str:
    """Keep one event on one line: control characters become escapes."""
    if value.isprintable() and "'" not in value:
        return value
    return "".join(
        char if char.isprintable() and char != "'" else _escape_char(char)
        for char in value
    )


def _escape_char(char: str) -> str:
    if char == "'":
        return "\\'"
    return char.encode("unicode_escape").decode("ascii")
