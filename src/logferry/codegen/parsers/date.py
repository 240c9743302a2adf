"""
``date-parser()``: the message's time from text, by formats like ``strptime``'s.

A format becomes a regular expression at start; the whole input must match. What a
format does not say comes from the time of arrival (the year) or is the beginning (day
1, 00:00:00). Without a zone in the text, ``time-zone()`` or the sender's offset holds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.patterns import PatternError
from logferry.codegen.values import set_value
from logferry.config.kinds import Enum, Flags, TextKind, Words
from logferry.config.schema import Option
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import MONTHS, Zone

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["DateOptions", "DateReader", "make_date"]

_NS = 1_000_000_000
_LONG = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
_LONG["c"] = "%a %b %e %H:%M:%S %Y"
_PIECES = {
    "Y": rb"(?P<Y>\d{4})",
    "y": rb"(?P<y>\d{2})",
    "m": rb"(?P<m>\d{1,2})",
    "d": rb"(?P<d> ?\d{1,2})",
    "H": rb"(?P<H> ?\d{1,2})",
    "I": rb"(?P<I> ?\d{1,2})",
    "M": rb"(?P<M>\d{1,2})",
    "S": rb"(?P<S>\d{1,2})",
    "f": rb"(?P<f>\d{1,9})",
    "j": rb"(?P<j>\d{1,3})",
    "p": rb"(?P<p>[AaPp][Mm])",
    "s": rb"(?P<s>\d+)",
    "b": rb"(?P<b>[A-Za-z]{3,9})",
    "a": rb"[A-Za-z]+",
    "z": rb"(?P<z>Z|[+-]\d{2}:?\d{2}|[A-Z]{3,4})",
    "n": rb"\s*",
    "t": rb"\s*",
    "%": rb"%",
}
for _alias, _letter in (("e", "d"), ("k", "H"), ("l", "I"), ("B", "b"), ("h", "b")):
    _PIECES[_alias] = _PIECES[_letter]
_PIECES["A"], _PIECES["Z"] = _PIECES["a"], _PIECES["z"]
_ZONES = {b"EST": -5, b"EDT": -4, b"CST": -6, b"CDT": -5, b"MST": -7, b"MDT": -6}
_ZONES |= {b"PST": -8, b"PDT": -7, b"CET": 1, b"CEST": 2, b"EET": 2, b"EEST": 3}


class DateOptions(ParserOptions):
    """``date-parser()``."""

    title = "parser date-parser"

    format = Option(
        Words(minimum=1), ("%FT%T%z",), doc="Formats, tried in order.", aliases=()
    )
    time_zone = Option(TextKind(), "", doc="The zone of stamps that name none.")
    time_stamp = Option(
        Enum(("stamp", "recvd", "recv"), (("received", "recvd"),)),
        "stamp",
        doc="Which time of the message is set.",
    )
    value = Option(TextKind(), "", doc="Set this name-value pair instead.")
    flags = Option(Flags(("guess-timezone",)), frozenset[str](), doc="How to read.")


def make_date(options: DateOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PatternError`` for a bad format."""
    del context
    try:
        zone = Zone(options.time_zone) if options.time_zone else None
    except ValueError as error:
        raise PatternError(str(error)) from error
    readers = [DateReader(text, zone) for text in options.format]
    guesses = "guess-timezone" in options.flags
    name, is_received = options.value, options.time_stamp != "stamp"

    def parse(message: Message, text: bytes) -> bool:
        for reader in readers:
            stamp = reader.read(text, message.received, guesses=guesses)
            if stamp is not None:
                break
        else:
            return False
        if name:
            whole, ns = divmod(stamp.unix_ns, _NS)
            fraction = b".%06d" % (ns // 1000)
            set_value(message, name, b"%d" % whole + fraction, "datetime")
        elif is_received:
            message.received = stamp
        else:
            message.stamp = stamp
        return True

    return parse


_UNIX_DIGITS_MAX = 11


class DateReader:
    """Reads dates of one format; ``is_whole``: nothing may follow them."""

    def __init__(
        self, format_: str, zone: Zone | None, *, is_whole: bool = True
    ) -> None:
        self._zone = zone
        for letter, long in _LONG.items():
            format_ = format_.replace(f"%{letter}", long)
        pattern, position = b"", 0
        try:
            while position < len(format_):
                char = format_[position]
                position += 1
                if char == "%":
                    piece = _PIECES[format_[position : position + 1]]
                    position += 1
                elif char == " ":
                    piece = rb"\s+"
                else:
                    piece = re.escape(char.encode())
                pattern += piece
            known = re.compile(pattern)
            self._match = known.fullmatch if is_whole else known.match
        except (KeyError, re.error) as error:
            raise PatternError(f"cannot read the date format '{format_}'") from error

    def read(
        self, text: bytes, received: Stamp, *, guesses: bool = False
    ) -> Stamp | None:
        """Return the moment, or ``None`` when the text is no such date."""
        match = self._match(text.strip())
        if match is None:
            return None
        parts = {key: value for key, value in match.groupdict().items() if value}
        fraction = int(parts.get("f", b"0").ljust(9, b"0"))
        if "s" in parts:
            if len(parts["s"]) > _UNIX_DIGITS_MAX:
                return None  # after the year 9999
            offset = _offset(parts.get("z", b""))
            moment = int(parts["s"]) * _NS + fraction
            return Stamp(UnixNanos(moment), offset or 0)
        wall = _wall_clock(parts, received)
        if wall is None:
            return None
        offset = _offset(parts.get("z", b"")) if "z" in parts else None
        unix_s = int(wall.timestamp())
        if offset is None and guesses:
            # The nearest quarter of an hour to the sender's distance from our clock.
            distance = unix_s - received.unix_ns // _NS
            offset = round(distance / 900) * 900
        if offset is None and self._zone is not None:
            unix_s, offset = self._zone.to_unix_s(wall)
        elif offset is None:
            offset = received.offset_s
            unix_s -= offset
        else:
            unix_s -= offset
        return Stamp(UnixNanos(unix_s * _NS + fraction), offset)


def _wall_clock(parts: dict[str, bytes], received: Stamp) -> datetime | None:
    today = datetime.fromtimestamp(received.unix_ns // _NS + received.offset_s, UTC)
    has_date = not parts.keys().isdisjoint("YymbdjGs")
    month = int(parts["m"]) if "m" in parts else 1 if has_date else today.month
    if "b" in parts:
        short = parts["b"][:3].title()
        if short not in MONTHS:
            return None
        month = MONTHS.index(short) + 1
    year = today.year
    if "Y" in parts:
        year = int(parts["Y"])
    elif "y" in parts:
        year = int(parts["y"]) + (2000 if int(parts["y"]) < 69 else 1900)
    elif month == 12 and today.month == 1:
        year -= 1
    elif month == 1 and today.month == 12:
        year += 1
    hour = int(parts.get("H", parts.get("I", b"0")))
    if "p" in parts:
        hour = hour % 12 + (12 if parts["p"].lower() == b"pm" else 0)
    if not 1 <= month <= 12 or not 1 <= year <= 9998:
        return None
    day = int(parts["d"]) if "d" in parts else 1 if has_date else today.day
    if "j" in parts:
        month, day = 1, int(parts["j"])
    try:
        return datetime(year, month, 1, tzinfo=UTC) + timedelta(
            days=day - 1,
            hours=hour,
            minutes=int(parts.get("M", b"0")),
            seconds=int(parts.get("S", b"0")),
        )
    except OverflowError:
        return None


def _offset(text: bytes) -> int | None:
    """Return an offset in seconds east of UTC."""
    if not text:
        return None
    if text in {b"Z", b"UTC", b"GMT"}:
        return 0
    if text[:1] in b"+-":
        digits = text[1:].replace(b":", b"")
        seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return -seconds if text[:1] == b"-" else seconds
    hours = _ZONES.get(text)
    return None if hours is None else hours * 3600
