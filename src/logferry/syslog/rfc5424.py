"""
The syslog protocol (RFC 5424).

``fill`` writes into a message that has its PRI and defaults already. Like the
reference it is lenient about structured data (unquoted values) and cuts fields that
are too long instead of refusing them; what it cannot read it reports with
``ParseError``, whose offset says where.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.errors import ParseError
from logferry.message.timestamps import StampReader, scan_stamp

if TYPE_CHECKING:
    from logferry.message.model import Message, UnixNanos

__all__ = ["VERSION", "fill", "read_sdata"]

VERSION = b"1 "
_BOM = b"\xef\xbb\xbf"
_NIL = b"-"

# RFC 5424, 6: the longest values; the reference cuts what is longer.
_HOST_MAX, _PROGRAM_MAX, _PID_MAX, _MSGID_MAX = 255, 48, 128, 32

_element_id = re.compile(rb"\[([^ =\]\"]+)")
_parameter = re.compile(
    rb' +([^ =\]"]+)=(?:"((?>(?:[^"\\]|\\.)*))"|([^ \]"]*))', re.DOTALL
)
_escape = re.compile(rb'\\(["\\\]])')


def fill(
    message: Message,
    frame: bytes,
    start: int,
    sdata_prefix: str,
    stamps: StampReader,
    now: UnixNanos,
) -> bytes:
    """
    Read ``frame`` from ``start`` (behind PRI and version) into ``message``.

    Returns the host that the header names, or nothing. Raises ``ParseError``.
    """
    position = _take_stamp(message, frame, start, stamps, now)
    host, position = _take_field(frame, position, _HOST_MAX, "host name")
    message.program, position = _take_field(frame, position, _PROGRAM_MAX, "app name")
    message.pid, position = _take_field(frame, position, _PID_MAX, "process id")
    message.msgid, position = _take_field(frame, position, _MSGID_MAX, "message id")
    position = read_sdata(message, frame, position, sdata_prefix)
    rest = frame[position:]
    if rest:
        if not rest.startswith(b" "):
            raise ParseError("expected a space after the structured data", position)
        rest = rest[1:]
    if rest.startswith(_BOM):
        rest = rest[len(_BOM) :]
        message.utf8 = True
    message.message = rest
    return host


def _take_stamp(
    message: Message, frame: bytes, start: int, stamps: StampReader, now: UnixNanos
) -> int:
    if frame.startswith(b"- ", start):
        return start + 2
    match = scan_stamp(frame, start)
    stamp = stamps.read(match, now) if match is not None else None
    if match is None or stamp is None or frame[match.end() : match.end() + 1] != b" ":
        raise ParseError("expected a timestamp (RFC 3339)", start)
    message.stamp = stamp
    return match.end() + 1


def _take_field(
    frame: bytes, start: int, size_max: int, what: str
) -> tuple[bytes, int]:
    end = frame.find(b" ", start)
    if end < 0:
        raise ParseError(f"the header ends within the {what}", len(frame))
    field = frame[start:end]
    return (b"" if field == _NIL else field[:size_max]), end + 1


def read_sdata(message: Message, frame: bytes, start: int, prefix: str) -> int:
    """Read structured data (RFC 5424, 6.3) and return where it ends."""
    if frame[start : start + 1] == _NIL:
        return start + 1
    position = start
    if frame[position : position + 1] != b"[":
        raise ParseError("expected structured data", position)
    while frame[position : position + 1] == b"[":
        match = _element_id.match(frame, position)
        if match is None:
            raise ParseError("expected the name of a structured data element", position)
        element = prefix + match[1].decode("utf-8", "surrogateescape")
        position = _take_parameters(message, frame, match.end(), element)
    return position


def _take_parameters(message: Message, frame: bytes, start: int, element: str) -> int:
    position, values = start, message.values
    has_parameters = False
    while True:
        match = _parameter.match(frame, position)
        if match is None:
            break
        name, quoted, bare = match.groups()
        value = bare if quoted is None else quoted
        if b"\\" in value:
            value = _escape.sub(rb"\1", value)
        key = f"{element}.{name.decode('utf-8', 'surrogateescape')}"
        values.pop(key, None)  # the last one wins, and its place too
        values[key] = value
        has_parameters = True
        position = match.end()
    if frame[position : position + 1] != b"]":
        raise ParseError("structured data does not end", position)
    if not has_parameters:
        values[element] = b""
    return position + 1
