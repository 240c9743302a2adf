"""
Writing name-value pairs of a message by name, with their types.

Some names are attributes (HOST, MESSAGE …), the others live in ``values``. Types are
kept only where a value is not a string: ``int``, ``double``, ``boolean``,
``datetime``, ``list``, ``json``, ``null``, ``bytes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.message.model import Message

__all__ = [
    "SETTABLE",
    "Names",
    "get_value",
    "set_value",
    "set_values",
    "unset_value",
]

SETTABLE = {
    "HOST": "host",
    "FULLHOST": "host",
    "PROGRAM": "program",
    "PID": "pid",
    "MSGID": "msgid",
    "MESSAGE": "message",
    "MSG": "message",
    "MSGONLY": "message",
    "LEGACY_MSGHDR": "header",
    "RAWMSG": "raw",
    "MSGFORMAT": "msgformat",
}
"""Names that are attributes of a message and may be set."""

_SETTABLE_NAMES = frozenset(SETTABLE)


def set_value(message: Message, name: str, value: bytes, kind: str = "") -> None:
    """Set ``name``; an empty ``kind`` is a string."""
    attribute = SETTABLE.get(name)
    if attribute is not None:
        setattr(message, attribute, value)
        if attribute in {"program", "pid"}:
            message.header = b""
        return
    message.values[name] = value
    if kind and kind != "string":
        message.types[name] = kind
    elif message.types:
        message.types.pop(name, None)


def set_values(message: Message, values: dict[str, bytes]) -> None:
    """Set strings."""
    if message.types or not _SETTABLE_NAMES.isdisjoint(values):
        for name, value in values.items():
            set_value(message, name, value)
    else:
        message.values.update(values)


class Names(dict[bytes, str]):
    """Names as they are in messages, by their bytes in a text; a bounded memo."""

    _LIMIT = 4096

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, name: bytes) -> str:
        if len(self) >= self._LIMIT:
            self.clear()
        known = self[name] = self._prefix + name.decode("utf-8", "surrogateescape")
        return known


def get_value(message: Message, name: str) -> bytes:
    """Return an attribute or name-value pair; nothing when it is not set."""
    attribute = SETTABLE.get(name)
    if attribute is not None:
        value: bytes = getattr(message, attribute)
        return value
    return message.values.get(name, b"")


def unset_value(message: Message, name: str) -> None:
    """Take ``name`` away."""
    attribute = SETTABLE.get(name)
    if attribute is None:
        message.values.pop(name, None)
        message.types.pop(name, None)
        return
    setattr(message, attribute, b"")
    if attribute in {"program", "pid"}:
        message.header = b""
