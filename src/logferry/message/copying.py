"""Copies of messages."""

from __future__ import annotations

from logferry.message.model import Message

__all__ = ["copy_message"]


def copy_message(message: Message) -> Message:
    """Return a message that can be changed without changing ``message``."""
    copy = Message(message.origin, message.stamp, message.received)
    copy.pri = message.pri
    copy.host = message.host
    copy.program = message.program
    copy.pid = message.pid
    copy.msgid = message.msgid
    copy.message = message.message
    copy.header = message.header
    copy.raw = message.raw
    copy.msgformat = message.msgformat
    copy.values = message.values.copy()
    copy.types = message.types.copy()
    copy.tags = message.tags.copy()
    copy.utf8 = message.utf8
    if hasattr(message, "rcptid"):
        copy.rcptid = message.rcptid
    if hasattr(message, "variables"):
        copy.variables = message.variables  # never changed, only replaced
    return copy
