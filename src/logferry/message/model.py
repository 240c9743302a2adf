"""
One log event and where it came from.

Values are bytes, names are ``str``: what a program relays it should not decode. A
value's type (``VALUE_TYPES``) is kept beside it, and only where it is not a string.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, NewType

__all__ = ["Message", "Monotonic", "Origin", "Stamp", "UnixNanos"]

UnixNanos = NewType("UnixNanos", int)
"""Wall-clock time: nanoseconds since the epoch."""

Monotonic = NewType("Monotonic", float)
"""Time that only grows, in seconds; for durations and deadlines."""


class Stamp(NamedTuple):
    """A moment and the offset it was written in (seconds east of UTC)."""

    unix_ns: UnixNanos
    offset_s: int


@dataclass(frozen=True, slots=True)
class Origin:
    """
    What is the same for all messages of one connection, socket or file.

    Attributes:
        source: the driver's id, such as ``s_net#0``.
        transport: the value of ``$TRANSPORT``, such as ``bsdsyslog+tcp``.
        host: the sender's resolved name (``$HOST_FROM``), or its address.
        local: the message was made on this machine (HOST is our own name).
        peer_ip: the sender's address as text, empty when it has none.
        file_name: the file it was read from, empty when there is none.
        values: name-value pairs that every message gets (``.unix.pid``).
        made_by: the correlation that made the message of others, if one did.

    """

    source: bytes = b""
    transport: bytes = b""
    host: bytes = b""
    local: bool = False
    peer_ip: bytes = b""
    peer_port: int = 0
    local_ip: bytes = b""
    local_port: int = 0
    ip_proto: int = 0
    file_name: bytes = b""
    values: tuple[tuple[str, bytes], ...] = ()
    made_by: str = ""


class Message:
    """
    One log event.

    A plain slotted class, mutable, because a million of them a second are made.

    Attributes:
        pri: facility * 8 + severity (RFC 5424, 6.2.1).
        stamp: the message's own time.
        received: when we got it.
        host: ``$HOST``; ``program``, ``pid``, ``msgid``, ``message`` likewise.
        header: the original ``prog[pid]: `` text while the message is unmodified
            (``$LEGACY_MSGHDR``), else empty.
        msgformat: what the frame was, such as ``syslog:rfc3164``; empty for messages
            that came in no frame.
        values: every other name-value pair, in order of their making, ``.SDATA.``
            parameters included.
        types: the types of those values that are not strings, by name.
        tags: tag names in order, without repeats.
        raw: the frame as received, only where something reads it.
        variables: what ``filterx`` blocks declared, by name; not set without any.
        rcptid: its number, only under ``use-rcptid(yes)``; not set otherwise.
        utf8: the text is known to be valid UTF-8.

    """

    __slots__ = (
        "header",
        "host",
        "message",
        "msgformat",
        "msgid",
        "origin",
        "pid",
        "pri",
        "program",
        "raw",
        "rcptid",
        "received",
        "stamp",
        "tags",
        "types",
        "utf8",
        "values",
        "variables",
    )

    rcptid: int
    variables: dict[str, Any]

    def __init__(self, origin: Origin, stamp: Stamp, received: Stamp) -> None:
        self.origin = origin
        self.stamp = stamp
        self.received = received
        self.pri = 13
        self.host = b""
        self.program = b""
        self.pid = b""
        self.msgid = b""
        self.message = b""
        self.header = b""
        self.raw = b""
        self.msgformat = b""
        self.values: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.tags: list[bytes] = []
        self.utf8 = False
