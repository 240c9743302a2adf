"""Rewrites as simply as they can be said, for the reference interpreter."""

from __future__ import annotations

import fnmatch
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from logferry.codegen.lists import split_list
from logferry.message.model import Stamp, UnixNanos
from logferry.syslog.names import FACILITIES, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Message

__all__ = ["REWRITES_OF_ONE_VALUE", "change_group", "change_zone", "rename"]

_NS = 1_000_000_000
_FIELDS = {
    "HOST": "host",
    "PROGRAM": "program",
    "PID": "pid",
    "MSGID": "msgid",
    "MESSAGE": "message",
}


def _code(value: bytes, names: dict[str, int], largest: int) -> int | None:
    text = value.decode("utf-8", "replace").lower()
    if re.fullmatch("[0-9]{1,4}", text):
        return int(text) if int(text) <= largest else None
    return names.get(text)


def _set_severity(message: Message, value: bytes) -> None:
    code = _code(value, SEVERITIES, 7)
    if code is not None:
        message.pri = message.pri // 8 * 8 + code


def _set_facility(message: Message, value: bytes) -> None:
    code = _code(value, FACILITIES, 127)
    if code is not None:
        message.pri = code * 8 + message.pri % 8


def _set_pri(message: Message, value: bytes) -> None:
    if re.fullmatch(b"[0-9]{1,4}", value) and int(value) <= 1023:
        message.pri = int(value)


def _set_tag(message: Message, value: bytes) -> None:
    if value not in message.tags:
        message.tags.append(value)


def _clear_tag(message: Message, value: bytes) -> None:
    message.tags[:] = [tag for tag in message.tags if tag != value]


def _set_matches(message: Message, value: bytes) -> None:
    for name in [name for name in message.values if name.isdigit()]:
        del message.values[name]
        message.types.pop(name, None)
    for number, item in enumerate(split_list(value), 1):
        message.values[str(number)] = item


REWRITES_OF_ONE_VALUE: dict[str, Callable[[Message, bytes], None]] = {
    "set-severity": _set_severity,
    "set-level": _set_severity,
    "set-facility": _set_facility,
    "set-pri": _set_pri,
    "set-tag": _set_tag,
    "clear-tag": _clear_tag,
    "set-matches": _set_matches,
}
"""Rewrites that take one template."""


def _put(message: Message, name: str, value: bytes, kind: str = "") -> None:
    if name not in _FIELDS:
        message.values[name] = value
        message.types.pop(name, None)
        if kind:
            message.types[name] = kind
        return
    setattr(message, _FIELDS[name], value)
    if name in {"PROGRAM", "PID"}:
        message.header = b""


def _take(message: Message, name: str) -> None:
    if name in _FIELDS:
        _put(message, name, b"")
    else:
        message.values.pop(name, None)
        message.types.pop(name, None)


def rename(message: Message, old: str, new: str) -> None:
    """Give a value another name."""
    if old == new or not (old in _FIELDS or old in message.values):
        return
    value = getattr(message, _FIELDS.get(old, "")) if old in _FIELDS else b""
    value = message.values.get(old, value)
    kind = message.types.get(old, "")
    _take(message, old)
    _put(message, new, value, kind)


def change_group(
    message: Message, patterns: tuple[str, ...], value: bytes | None
) -> None:
    """Set what there is and matches, or take it away."""
    there = [name for name, field in _FIELDS.items() if getattr(message, field)]
    for name in [*there, *message.values]:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            if value is None:
                _take(message, name)
            else:
                _put(message, name, value)


def change_zone(message: Message, kind: str, options: Any, zone: bytes) -> None:
    """Write a stamp in another zone, or say that it was written in that one."""
    field = "received" if options.time_stamp == "recvd" else "stamp"
    stamp: Stamp = getattr(message, field)
    wall = datetime.fromtimestamp(stamp.unix_ns // _NS + stamp.offset_s, UTC)
    naive_s = int(wall.timestamp())
    fraction = stamp.unix_ns % _NS
    if kind == "guess-time-zone":
        away_s = (message.received.unix_ns - stamp.unix_ns) // _NS
        if abs(away_s) >= 86_400:
            return
        offset = stamp.offset_s - round(away_s / 900) * 900
    else:
        info = ZoneInfo(zone.decode())
        if kind == "set-time-zone":
            here = datetime.fromtimestamp(stamp.unix_ns // _NS, info)
            offset = int((here.utcoffset() or here - here).total_seconds())
            setattr(message, field, Stamp(stamp.unix_ns, offset))
            return
        there = wall.replace(tzinfo=info)
        offset = int((there.utcoffset() or there - there).total_seconds())
    moment = UnixNanos((naive_s - offset) * _NS + fraction)
    setattr(message, field, Stamp(moment, offset))
