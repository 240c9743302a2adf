"""
The syslog protocol (RFC 5424).

``fill`` writes into a message that has its PRI and defaults already. Like the
reference it is lenient about structured data (unquoted values, none at all) and cuts
fields that are too long instead of refusing them; what it cannot read it reports with
``ParseError``, whose offset says how far reading came and whose tag says what is
missing. What was read by then stays in the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.errors import ParseError
from logferry.message.timestamps import StampReader, scan_stamp
from logferry.syslog.rfc3164 import HOST, HOST_MAX

if TYPE_CHECKING:
    from logferry.message.model import Message, UnixNanos

__all__ = ["VERSION", "fill", "read_sdata"]

VERSION = re.compile(rb"0*1(?= |\Z)")
"""What follows the PRI."""

_BOM = b"\xef\xbb\xbf"
_NIL = b"-"

# RFC 5424, 6: the longest values; the reference cuts what is longer.
_PROGRAM_MAX, _PID_MAX, _MSGID_MAX = 48, 128, 32

# What may stand before something that has no place in a timestamp.
_stamp = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d*)?(?:Z|[+-]\d\d:\d\d(?!\d))?"
)
_name = re.compile(rb"[!#-<>-\\^-~\x00-\x1f\x7f]+")
_bare = re.compile(rb"[^ \]]*")
_quoted = re.compile(rb'"(?>(?:[^"\\\]]|\\.)*)', re.DOTALL)
_escape = re.compile(rb'\\(["\\\]])')


def fill(
    message: Message,
    frame: bytes,
    start: int,
    sdata_prefix: str,
    stamps: StampReader,
    now: UnixNanos,
) -> None:
    """
    Read ``frame`` from ``start`` (behind PRI and version) into ``message``.

    The host is what the header names, or nothing. Raises ``ParseError``.
    """
    position = _skip_space(frame, start, "")
    position = _take_stamp(message, frame, position, stamps, now)
    position = _skip_space(frame, position, "syslog.rfc5424_missing_hostname")
    match = HOST.match(frame, position)
    if match is None or match.end() - position > HOST_MAX:
        message.tags.append(b"syslog.invalid_hostname")
        if frame[position : position + 1] != b" ":
            raise ParseError(
                "expected a host name", position + 1, "syslog.rfc5424_missing_app_name"
            )
        host, position = b"", position + 1
    else:
        host, position = match.group(), match.end() + 1
    message.host = b"" if host == _NIL else host
    message.program, position = _take_column(frame, position, _PROGRAM_MAX)
    position = _skip_space(frame, position, "syslog.rfc5424_missing_procid")
    message.pid, position = _take_column(frame, position, _PID_MAX)
    position = _skip_space(frame, position, "syslog.rfc5424_missing_msgid")
    message.msgid, position = _take_column(frame, position, _MSGID_MAX)
    position = _skip_space(frame, position, "syslog.rfc5424_missing_sdata")
    if frame[position : position + 1] in {b"[", _NIL}:
        position = read_sdata(message, frame, position, sdata_prefix)
    if position < len(frame):
        position = _skip_space(frame, position, "syslog.missing_message")
    if frame.startswith(_BOM, position):
        position += len(_BOM)
        message.utf8 = True
    message.message = frame[position:]


def _skip_space(frame: bytes, position: int, tag: str) -> int:
    if frame[position : position + 1] != b" ":
        raise ParseError("expected a space", position, tag)
    return position + 1


def _take_stamp(
    message: Message, frame: bytes, start: int, stamps: StampReader, now: UnixNanos
) -> int:
    if frame[start : start + 1] == _NIL:
        message.tags.append(b"syslog.missing_timestamp")
        return start + 1
    match = scan_stamp(frame, start)
    stamp = stamps.read(match, now) if match is not None else None
    if match is None or stamp is None:
        match = _stamp.match(frame, start)
        end = start if match is None else match.end()
        tag = "missing_timestamp" if match is None else "rfc5424_missing_hostname"
        raise ParseError("expected a timestamp (RFC 3339)", end, f"syslog.{tag}")
    message.stamp = stamp
    return match.end()


def _take_column(frame: bytes, start: int, size_max: int) -> tuple[bytes, int]:
    end = frame.find(b" ", start)
    if end < 0:  # a column that nothing follows is no column
        return b"", len(frame)
    field = frame[start:end]
    return (b"" if field == _NIL else field[:size_max]), end


def read_sdata(message: Message, frame: bytes, start: int, prefix: str) -> int:
    """Read structured data (RFC 5424, 6.3) and return where it ends."""
    if frame[start : start + 1] == _NIL:
        return start + 1
    position = start
    while frame[position : position + 1] == b"[":
        position += 1
        if frame[position : position + 1] == b" ":
            position += 1
        name, position = _take_name(frame, position)
        if frame[position : position + 1] not in {b" ", b"]"}:
            raise _broken(position)
        element = prefix + name
        if frame.startswith((b"]", b" ]"), position):
            message.values[element] = b""
        position = _take_parameters(message, frame, position, element)
    return position


def _take_parameters(message: Message, frame: bytes, start: int, element: str) -> int:
    position, values = start, message.values
    while True:
        if frame.startswith(b" ]", position):
            position += 1
        if frame[position : position + 1] == b"]":
            return position + 1
        if frame[position : position + 1] != b" ":
            raise _broken(position)
        name, position = _take_name(frame, position + 1)
        if frame[position : position + 1] != b"=":
            raise _broken(position)
        value, position = _take_value(frame, position + 1)
        key = f"{element}.{name}"
        values.pop(key, None)  # the last one wins, and its place too
        values[key] = value


def _take_name(frame: bytes, start: int) -> tuple[str, int]:
    match = _name.match(frame, start)
    if match is None:
        raise _broken(start)
    return match.group().decode(), match.end()


def _take_value(frame: bytes, start: int) -> tuple[bytes, int]:
    match = _quoted.match(frame, start)
    if match is None:
        if start == len(frame):
            raise _broken(start)
        match = _bare.match(frame, start)
        assert match is not None
        return match.group(), match.end()
    end = match.end()
    if frame[end : end + 1] != b'"':
        raise _broken(end + (frame[end : end + 1] == b"]"))
    value = frame[start + 1 : end]
    if b"\\" in value:
        value = _escape.sub(rb"\1", value)
    return value, end + 1


def _broken(position: int) -> ParseError:
    return ParseError(
        "structured data is broken", position, "syslog.rfc5424_invalid_sdata"
    )
