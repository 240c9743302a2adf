"""``$(format-date …)`` by a ``strftime`` format; ``$(stardate …)``: years."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.functions.text import emit_call
from logferry.codegen.template_text import Function, TemplateError
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import Zone

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["DATES"]

_NS = 1_000_000_000
_STARDATE_DIGITS_MAX = 9


def _emit_format_date(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(format-date [--time-zone zone] format [seconds since the epoch])``."""
    from logferry.codegen.templates import emit_parts, message_only

    options, rest = take_options(function, {}, {"--time-zone": "zone", "-z": "zone"})
    if not 1 <= len(rest.arguments) <= 2:
        raise TemplateError("$(format-date) takes a format and a moment")
    try:
        zone = Zone(options["zone"]) if "zone" in options else context.zone
    except ValueError as error:
        raise TemplateError(f"$(format-date): {error}") from error
    text = rest.raw[0]

    def format_stamp(stamp: Stamp) -> bytes:
        unix_s = stamp.unix_ns // _NS
        offset = stamp.offset_s if zone is None else zone.offset_s(unix_s)
        moment = datetime.fromtimestamp(unix_s, UTC) + timedelta(
            microseconds=stamp.unix_ns % _NS // 1000
        )
        wall = moment.astimezone(timezone(timedelta(seconds=offset)))
        return wall.strftime(text).encode("utf-8", "surrogateescape")

    local = zone or Zone()

    def format_unix(seconds: bytes) -> bytes:
        try:
            unix_ns = round(float(seconds) * _NS)
            offset = local.offset_s(unix_ns // _NS)
            return format_stamp(Stamp(UnixNanos(unix_ns), offset))
        except (ValueError, OverflowError, OSError):  # no number, or no such year
            return b""

    if len(rest.arguments) == 2:
        moment = emit_parts(rest.arguments[1], fields, context)
        return f"{fields.constants.bind(format_unix, 'format_date')}({moment})"
    message_only(fields, "$(format-date) needs the stamp as a number")
    return f"{fields.constants.bind(format_stamp, 'format_date')}(m.stamp)"


def _emit_stardate(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(stardate [--digits 2] seconds)``: the year and what has passed of it."""
    options, rest = take_options(function, {}, {"--digits": "digits", "-d": "digits"})
    text = options.get("digits", "2")
    if not text.isdigit() or int(text) > _STARDATE_DIGITS_MAX:
        raise TemplateError("$(stardate): --digits is a number from 0 to 9")
    if len(rest.arguments) != 1:
        raise TemplateError("$(stardate) takes seconds since the epoch")
    digits, zone = int(text), context.zone or Zone()

    def stardate(seconds: bytes) -> bytes:
        try:
            unix_s = int(seconds)
            wall = datetime.fromtimestamp(unix_s + zone.offset_s(unix_s), UTC)
        except (ValueError, OverflowError, OSError):  # no number, or no such year
            return b""
        begin = wall.replace(month=1, day=1, hour=0, minute=0, second=0)
        end = begin.replace(year=begin.year + 1)
        passed = (wall - begin) / (end - begin)
        whole = math.floor(passed * 10**digits) / 10**digits  # never the next year
        return b"%.*f" % (digits, wall.year + whole)

    return emit_call(rest, stardate, fields, context)


DATES: dict[str, Plain | Special] = {
    "format-date": Special(_emit_format_date),
    "stardate": Special(_emit_stardate),
}
"""Functions of dates, by name."""
