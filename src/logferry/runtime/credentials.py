"""
Passphrases of private keys, as an operator gives them to the running daemon.

They are kept in memory only. A source whose key is locked says so and waits; it is
told when the passphrase arrives (``credentials add KEYFILE PASSPHRASE``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Credentials", "is_locked"]

_LOCKED = (b"ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


@dataclass(slots=True)
class _Entry:
    secret: str | None = None
    state: str = "PENDING"
    waiting: list[Callable[[], None]] = field(default_factory=list)


class Credentials:
    """Passphrases by the path of the key, as the configuration writes it."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def secret(self, key: str) -> str | None:
        """Return the passphrase of ``key``, if it is known."""
        entry = self._entries.get(key)
        return entry.secret if entry is not None else None

    def add(self, key: str, secret: str) -> None:
        """Keep a passphrase and tell those that wait for it."""
        entry = self._entries.setdefault(key, _Entry())
        entry.secret = secret
        entry.state = "PENDING"
        waiting, entry.waiting = entry.waiting, []
        for go_on in waiting:
            go_on()

    def wait_for(self, key: str, go_on: Callable[[], None]) -> None:
        """Call ``go_on`` once when a passphrase for ``key`` is added."""
        self._entries.setdefault(key, _Entry()).waiting.append(go_on)

    def forget_waiting(self, key: str, go_on: Callable[[], None]) -> None:
        """Undo ``wait_for``."""
        entry = self._entries.get(key)
        if entry is not None and go_on in entry.waiting:
            entry.waiting.remove(go_on)

    def note(self, key: str, *, is_good: bool) -> None:
        """Say whether the passphrase opened the key."""
        if key in self._entries:
            self._entries[key].state = "SUCCESS" if is_good else "FAILED"

    def report(self) -> list[tuple[str, str]]:
        """Return keys and states: ``PENDING``, ``SUCCESS`` or ``FAILED``."""
        return [(key, entry.state) for key, entry in self._entries.items()]


def is_locked(key: str) -> bool:
    """Tell whether a PEM file (PKCS #8 or the older form) needs a passphrase."""
    try:
        data = Path(key).read_bytes()
    except OSError:
        return False
    return any(mark in data for mark in _LOCKED)
