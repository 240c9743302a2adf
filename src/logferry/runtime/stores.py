"""
What outlives the process: the contracts of the persist store and the dead letters.

The daemon makes both on SQLite in the state directory. The versions here keep their
content in memory: for tests, and for embedding without a state directory.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from logferry.message.model import UnixNanos
from logferry.records import record

__all__ = ["DeadLetter", "DeadLetters", "MemoryDeadLetters", "MemoryState", "State"]

LETTERS_MAX: Final = 10_000  # the memory store forgets the oldest beyond this


@record
class DeadLetter:
    """
    A message that a destination could not deliver, and why.

    Attributes:
        destination: the persist name of the destination.
        payload: the rendered record.
        key: its routing key (URL, partition), empty when there is none.
        reason: one word, such as ``rejected``.
        response: what the server answered, shortened by the caller.
        target: who answered.
        at: when it was given up.
        tries: how often it was sent.

    """

    destination: str
    payload: bytes
    key: str
    reason: str
    response: str
    target: str
    at: UnixNanos
    tries: int = 1


class DeadLetters(Protocol):
    """Where undeliverable messages are kept."""

    def put(self, letters: list[DeadLetter]) -> None:
        """Keep ``letters``; never blocks the event loop for long, never raises."""


class State(Protocol):
    """Small values that survive a restart: positions, owners, current servers."""

    def get(self, key: str) -> bytes | None:
        """Return what was last put under ``key``."""

    def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` under ``key``; durable within a second, atomic always."""

    def delete(self, key: str) -> None:
        """Forget ``key``; unknown keys are fine."""


class MemoryDeadLetters:
    """Keeps the newest letters in memory."""

    def __init__(self) -> None:
        self.letters: deque[DeadLetter] = deque(maxlen=LETTERS_MAX)

    def put(self, letters: list[DeadLetter]) -> None:
        """Keep ``letters``."""
        self.letters.extend(letters)


class MemoryState:
    """Keeps values in memory."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return what was last put under ``key``."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` under ``key``."""
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Forget ``key``."""
        self._values.pop(key, None)
