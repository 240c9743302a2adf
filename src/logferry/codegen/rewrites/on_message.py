"""
What rewrites do to a message at run time: tags, PRI, names, zones, card numbers.

Each is a function of the message and one value; the generated code calls it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from logferry.codegen.lists import split_list
from logferry.codegen.patterns import glob_to_regex
from logferry.codegen.values import SETTABLE, get_value, set_value, unset_value
from logferry.message.model import Message, Stamp, UnixNanos
from logferry.message.timestamps import Zone
from logferry.syslog.names import FACILITIES, SEVERITIES

__all__ = [
    "ON_VALUE",
    "fix_time_zone",
    "group_set",
    "group_unset",
    "guess_time_zone",
    "hash_card_numbers",
    "mask_card_numbers",
    "rename",
    "set_pair",
    "set_time_zone",
    "unset",
    "unset_matches",
]

_NS = 1_000_000_000
_QUARTER_S = 900
_DAY_S = 86_400
_NAMES = ("HOST", "PROGRAM", "PID", "MSGID", "MESSAGE")

# Issuer prefixes and lengths of ISO/IEC 7812 numbers.
_card = re.compile(
    rb"(?<![0-9])(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|2[2-7][0-9]{14}"
    rb"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|6(?:011|5[0-9]{2})[0-9]{12}"
    rb"|(?:2131|1800|35[0-9]{3})[0-9]{11})(?![0-9])"
)


def set_pair(message: Message, name: str, pair: tuple[bytes, str]) -> None:
    """Set a value with its type."""
    set_value(message, name, *pair)


def _set_tag(message: Message, tag: bytes) -> None:
    if tag not in message.tags:
        message.tags.append(tag)


def _clear_tag(message: Message, tag: bytes) -> None:
    if tag in message.tags:
        message.tags.remove(tag)


def _code_of(text: bytes, names: dict[str, int], largest: int) -> int | None:
    word = text.decode("utf-8", "replace").lower()
    if word.isdecimal() and word.isascii():
        return int(word) if len(word) < 5 and int(word) <= largest else None
    return names.get(word)


def _set_severity(message: Message, value: bytes) -> None:
    code = _code_of(value, SEVERITIES, 7)
    if code is not None:
        message.pri = message.pri & ~7 | code


def _set_facility(message: Message, value: bytes) -> None:
    code = _code_of(value, FACILITIES, 127)
    if code is not None:
        message.pri = message.pri & 7 | code << 3


def _set_pri(message: Message, value: bytes) -> None:
    if value.isdigit() and len(value) < 5 and int(value) <= 1023:
        message.pri = int(value)


def _set_matches(message: Message, value: bytes) -> None:
    unset_matches(message)
    for index, item in enumerate(split_list(value), 1):
        message.values[str(index)] = item


def unset_matches(message: Message) -> None:
    """Forget ``$0`` to ``$255``."""
    for name in [name for name in message.values if name.isdigit()]:
        unset_value(message, name)


ON_VALUE: dict[str, Callable[[Any, bytes], None]] = {
    "set-tag": _set_tag,
    "clear-tag": _clear_tag,
    "set-severity": _set_severity,
    "set-facility": _set_facility,
    "set-pri": _set_pri,
    "set-matches": _set_matches,
}
"""Rewrites that take the value of one template."""


def unset(message: Message, *names: str) -> None:
    """Take names away."""
    for name in names:
        unset_value(message, name)


def rename(message: Message, old: str, new: str) -> None:
    """Give a value another name; its type goes with it."""
    if old == new or (old not in SETTABLE and old not in message.values):
        return
    value, kind = get_value(message, old), message.types.get(old, "")
    unset_value(message, old)
    set_value(message, new, value, kind)


@lru_cache(maxsize=256)
def _name_test(patterns: tuple[str, ...]) -> Callable[[str], object]:
    return re.compile("|".join(map(glob_to_regex, patterns))).match


def _matching(message: Message, patterns: tuple[str, ...]) -> list[str]:
    matches = _name_test(patterns)
    set_names = [name for name in _NAMES if get_value(message, name)]
    return [name for name in (*set_names, *message.values) if matches(name)]


def group_set(message: Message, patterns: tuple[str, ...], value: bytes) -> None:
    """Set every name that matches and has a value."""
    for name in _matching(message, patterns):
        set_value(message, name, value)


def group_unset(message: Message, patterns: tuple[str, ...]) -> None:
    """Take every name away that matches."""
    unset(message, *_matching(message, patterns))


@lru_cache(maxsize=1024)
def _zone(name: bytes) -> Zone | None:
    try:
        return Zone(name.decode("utf-8", "replace"))
    except ValueError:
        return None


def set_time_zone(message: Message, which: str, name: bytes) -> None:
    """Write the same moment in another zone."""
    zone, stamp = _zone(name), _stamp(message, which)
    if zone is not None:
        offset = zone.offset_s(stamp.unix_ns // _NS)
        setattr(message, which, Stamp(stamp.unix_ns, offset))


def fix_time_zone(message: Message, which: str, name: bytes) -> None:
    """Keep the time of day: it was written in this zone."""
    zone, stamp = _zone(name), _stamp(message, which)
    if zone is not None:
        unix_s, fraction_ns = divmod(stamp.unix_ns, _NS)
        wall = datetime.fromtimestamp(unix_s + stamp.offset_s, UTC)
        unix_s, offset = zone.to_unix_s(wall)
        setattr(message, which, Stamp(UnixNanos(unix_s * _NS + fraction_ns), offset))


def guess_time_zone(message: Message, which: str) -> None:
    """
    Take the message for fresh: its distance to the receipt is a matter of zones.

    The distance is rounded to quarters of an hour; one of more than a day says that
    the message is old.
    """
    stamp = _stamp(message, which)
    distance_s = (message.received.unix_ns - stamp.unix_ns) // _NS
    if abs(distance_s) >= _DAY_S:
        return
    shift_s = round(distance_s / _QUARTER_S) * _QUARTER_S
    moment = UnixNanos(stamp.unix_ns + shift_s * _NS)
    setattr(message, which, Stamp(moment, stamp.offset_s - shift_s))


def _stamp(message: Message, which: str) -> Stamp:
    stamp: Stamp = getattr(message, which)
    return stamp


def mask_card_numbers(text: bytes) -> bytes:
    """Keep the first six and last four digits of card numbers."""
    return _card.sub(lambda m: m[0][:6] + b"*" * (len(m[0]) - 10) + m[0][-4:], text)


def hash_card_numbers(text: bytes) -> bytes:
    """Replace card numbers by 16 digits of their SHA-1."""
    return _card.sub(
        lambda m: hashlib.sha1(m[0], usedforsecurity=False).hexdigest()[:16].encode(),
        text,
    )
