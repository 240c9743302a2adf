"""
Messages of our own making that are no events: ``inject-mode(internal)``.

Every ``internal()`` source gets them; without any they are dropped and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Message

__all__ = ["Inbox"]


class Inbox:
    """Where such messages are posted, and who gets them."""

    def __init__(self) -> None:
        self.dropped_count = 0
        self._listeners: list[Callable[[Message], None]] = []

    def subscribe(self, listener: Callable[[Message], None]) -> None:
        """Give every message to ``listener`` from here on."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[Message], None]) -> None:
        """Stop giving messages to ``listener``, if it got any."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def post(self, message: Message) -> None:
        """Give ``message`` to everybody; nobody may change it."""
        if not self._listeners:
            self.dropped_count += 1
        for listener in self._listeners:
            listener(message)
