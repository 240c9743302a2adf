"""``$(format-date …)``: a moment by a ``strftime`` format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.template_text import Function, TemplateError
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import Zone

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["DATES"]

_NS = 1_000_000_000


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


DATES: dict[str, Plain | Special] = {"format-date": Special(_emit_format_date)}
"""Functions of dates, by name."""
