"""
Functions of FilterX on dates.

A text without a zone is in the zone that its message came with (``assumed``). Formats
are read by the same rules as ``date-parser()``'s; what a format does not say comes
from the time of arrival. Unlike there, text may follow the date.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import Failure, Moment, raw, type_name
from logferry.codegen.parsers.date import DateReader
from logferry.codegen.patterns import PatternError
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import Zone

if TYPE_CHECKING:
    from logferry.message.model import Message

__all__ = ["DATES"]

_US = 1_000_000
_QUARTER_S = 900
_DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S")
_code = re.compile(r"%([0-9]*)([A-Za-z%])")
_TEXT_MAX = 256


def _moment(value: Any) -> Moment:
    if type(value) is Moment:
        return value
    raise Failure(f"a datetime is wanted, not {type_name(value)}")


# ---------------------------------------------------------------------------
# From texts and numbers


class _Format:
    """One format of ``strptime``."""

    def __init__(self, text: str) -> None:
        self._reader = DateReader(text, None, is_whole=False)
        self._source = "parsed" if re.search("%[zZs]", text) else "assumed"

    def read(self, text: bytes, received: Stamp) -> Moment | None:
        stamp = self._reader.read(text, received)
        if stamp is None:
            return None
        return Moment(stamp.unix_ns // 1000, stamp.offset_s, self._source)


_iso_formats = tuple(_Format(text) for text in _ISO[:2])


def _isodate(message: Message, value: Any) -> Moment:
    if type(value) is not str:
        raise Failure(f"cannot make a datetime of {type_name(value)}")
    data = raw(value)
    for known in (*_iso_formats, _iso_without_zone()):
        moment = known.read(data, message.received)
        if moment is not None:
            return moment
    raise Failure(f"no ISO 8601 date: {value!r}")


@lru_cache
def _iso_without_zone() -> _Format:
    return _Format(_ISO[2])


def _datetime(message: Message, value: Any) -> Moment:
    kind = type(value)
    if kind is Moment:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return Moment(max(value, 0), 0, "assumed")
    if kind is float:
        if not -1e12 < value < 1e12:
            raise Failure("no moment that there could be")
        return Moment(int(value * _US), 0, "assumed")
    return _isodate(message, value)


def _prepare_strptime(call: Call) -> Prepared:
    formats = []
    for index in range(1, len(call.positional)):
        text = call.text(index, "a format")
        try:
            formats.append(_Format(text))
        except PatternError as error:
            call.fail(str(error), call.positional[index].span)

    def strptime(message: Message, value: Any) -> Moment | None:
        if type(value) is not str:
            raise Failure(f"strptime() takes a string, not {type_name(value)}")
        data = raw(value)
        for known in formats:
            moment = known.read(data, message.received)
            if moment is not None:
                return moment
        return None

    return Prepared(strptime, (call.positional[0],))


# ---------------------------------------------------------------------------
# To texts


def _wall(moment: Moment) -> datetime:
    """Return the wall-clock time where the moment was written."""
    try:
        return _EPOCH + timedelta(
            microseconds=moment.unix_us, seconds=moment.offset_s or 0
        )
    except OverflowError:
        raise Failure("no date that there could be") from None


def _offset_text(moment: Moment, colon: str) -> str:
    offset = moment.offset_s or 0
    minutes = abs(offset) // 60
    sign = "-" if offset < 0 else "+"
    return f"{sign}{minutes // 60:02}{colon}{minutes % 60:02}"


def _format_isodate(value: Any) -> str:
    moment = _moment(value)
    wall = _wall(moment).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return wall.rjust(26, "0") + _offset_text(moment, ":")


_WHOLE = {"D": "%m/%d/%y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "h": "%b"}
_WHOLE |= {"r": "%I:%M:%S %p", "n": "\n", "t": "\t", "%": "%"}
_PLAIN = frozenset("aAbBcCdegGHIjmMpSuUVwWxXyY")


def _prepare_strftime(call: Call) -> Prepared:
    text = call.text(0, "the format")
    for _, letter in _code.findall(text):
        if letter not in _PLAIN and letter not in _WHOLE and letter not in "fzZskl":
            call.fail(f"unknown code '%{letter}'", call.positional[0].span)

    def strftime(value: Any) -> str | None:
        moment = _moment(value)
        wall = _wall(moment)

        def piece(match: re.Match[str]) -> str:
            width, letter = match[1], match[2]
            match letter:
                case "f":
                    digits = min(int(width or 6), 9)
                    return f"{wall.microsecond:06}000"[:digits]
                case "z":
                    return _offset_text(moment, "")
                case "Z":
                    return _offset_text(moment, ":")
                case "s":
                    return str(moment.unix_us // _US)
                case "C":
                    return f"{wall.year // 100:02}"
                case "Y":
                    return str(wall.year)
            if letter in _WHOLE and letter != "%":
                return _code.sub(piece, _WHOLE[letter])
            return wall.strftime(f"%{letter}")

        made = _code.sub(piece, text)
        return made if 0 < len(made) < _TEXT_MAX else None

    return Prepared(strftime, (call.positional[1],))


# ---------------------------------------------------------------------------
# Zones


@lru_cache(maxsize=64)
def _zone(name: str) -> Zone:
    try:
        return Zone(name)
    except ValueError as error:
        raise Failure(str(error)) from None


def _named_zone(name: Any) -> Zone:
    if type(name) is not str or not name:
        raise Failure("the name of a time zone is a string")
    return _zone(name)


def _fix_timezone(value: Any, name: Any) -> Moment:
    moment, zone = _moment(value), _named_zone(name)
    wall_us = moment.unix_us + (moment.offset_s or 0) * _US
    unix_s, offset = zone.to_unix_s(_EPOCH + timedelta(seconds=wall_us // _US))
    return Moment(unix_s * _US + wall_us % _US, offset, "fixed")


def _set_timezone(value: Any, name: Any) -> Moment:
    moment = _moment(value)
    offset = _named_zone(name).offset_s(moment.unix_us // _US)
    return Moment(moment.unix_us, offset, "fixed")


def _guess_timezone(message: Message, value: Any) -> Moment:
    """Take the quarter of an hour that brings a date nearest to its arrival."""
    moment = _moment(value)
    wall_us = moment.unix_us + (moment.offset_s or 0) * _US
    distance_s = (wall_us - message.received.unix_ns // 1000) // _US
    if abs(distance_s) >= _DAY_S:
        raise Failure("the date is more than a day from its arrival")
    offset = round(distance_s / _QUARTER_S) * _QUARTER_S
    return Moment(wall_us - offset * _US, offset, "guessed")


def _get_timezone_source(value: Any) -> str:
    return _moment(value).zone_source


# ---------------------------------------------------------------------------
# Times of the message

_STAMPS = {"stamp": "stamp", "recvd": "received"}


def _stamp_of(call: Call) -> str:
    name = call.text_option("stamp", "stamp")
    if name not in _STAMPS:
        option = call.option("stamp")
        assert option is not None
        call.fail("stamp= is 'stamp' or 'recvd'", option.span)
    return _STAMPS[name]


def _prepare_get_timestamp(call: Call) -> Prepared:
    attribute = _stamp_of(call)

    def get_timestamp(message: Message) -> Moment:
        stamp: Stamp = getattr(message, attribute)
        return Moment(stamp.unix_ns // 1000, stamp.offset_s, "parsed")

    return Prepared(get_timestamp)


def _prepare_set_timestamp(call: Call) -> Prepared:
    attribute = _stamp_of(call)

    def set_timestamp(message: Message, value: Any) -> bool:
        moment = _moment(value)
        _wall(moment)
        stamp = Stamp(UnixNanos(moment.unix_us * 1000), moment.offset_s or 0)
        setattr(message, attribute, stamp)
        return True

    return Prepared(set_timestamp, tuple(call.positional))


DATES: dict[str, Function] = {
    "datetime": Function(_datetime, takes_message=True),
    "isodate": Function(_isodate, takes_message=True),
    "strptime": Function(None, 2, -1, prepare=_prepare_strptime, takes_message=True),
    "strftime": Function(None, 2, 2, prepare=_prepare_strftime),
    "format_isodate": Function(_format_isodate),
    "fix_timezone": Function(_fix_timezone, 2, 2),
    "set_timezone": Function(_set_timezone, 2, 2),
    "guess_timezone": Function(_guess_timezone, takes_message=True),
    "get_timezone_source": Function(_get_timezone_source),
    "get_timestamp": Function(
        None, 0, 0, ("stamp",), _prepare_get_timestamp, takes_message=True
    ),
    "set_timestamp": Function(
        None, 1, 1, ("stamp",), _prepare_set_timestamp, takes_message=True
    ),
}
"""Functions by name."""
