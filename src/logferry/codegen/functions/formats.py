"""
Functions that print value-pairs: JSON, WELF, CEF, GELF, names and values.

Sources: WELF (WebTrends, space-separated ``key=value``), CEF (ArcSight, extension
fields), GELF 1.1 (Graylog), CIM (Splunk).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.lists import join_list
from logferry.codegen.template_text import Function, TemplateError, parse_template
from logferry.codegen.value_pairs import ValuePairs, pairs_of
from logferry.config.nodes import NOWHERE, TemplateText

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["FORMATS"]

_Rows = list[tuple[str, bytes]]
_odd_in_welf = re.compile(rb'[\s"=]')


def _emit_json(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.json_format import emit_format_json

    return emit_format_json(function, fields, context)


def _printer(print_rows: Callable[[_Rows], bytes]) -> Special:
    """Make a function that prints keys and values in ascending order."""

    def emit(function: Function, fields: Fields, context: MacroContext) -> str:
        from logferry.codegen.templates import message_only

        message_only(fields, f"$({function.name}) looks at the whole message")
        pairs = pairs_of(function)
        name = function.name.replace("-", "_")
        return f"{fields.constants.bind(_rows_of(pairs, context), name)}(m)"

    def _rows_of(
        pairs: ValuePairs, context: MacroContext
    ) -> Callable[[Message], bytes]:
        collect = pairs.readers(context)

        def apply(message: Message) -> bytes:
            found = {key: value for key, value, _ in collect(message)}
            return print_rows([(key, found[key]) for key in sorted(found)])

        return apply

    return Special(emit)


def _key(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _welf(rows: _Rows) -> bytes:
    return b" ".join(
        _key(name)
        + b"="
        + (_welf_quoted(value) if _odd_in_welf.search(value) else value)
        for name, value in rows
    )


def _welf_quoted(value: bytes) -> bytes:
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + escaped.replace(b"\n", b"\\n").replace(b"\r", b"\\r") + b'"'


def _cef(rows: _Rows) -> bytes:
    return b" ".join(_key(name) + b"=" + _cef_escaped(value) for name, value in rows)


def _cef_escaped(value: bytes) -> bytes:
    escaped = value.replace(b"\\", b"\\\\").replace(b"=", b"\\=")
    return escaped.replace(b"\n", b"\\n").replace(b"\r", b"\\r")


def _names(rows: _Rows) -> bytes:
    return join_list(_key(name) for name, _ in rows)


def _values(rows: _Rows) -> bytes:
    return join_list(value for _, value in rows)


def _fixed(text: str) -> Special:
    """Make a function that is a template with the caller's arguments behind."""

    def emit(function: Function, fields: Fields, context: MacroContext) -> str:
        from logferry.codegen.templates import emit_parts

        parts = parse_template(f"$({text})")
        inner = parts[0]
        assert isinstance(inner, Function)
        whole = Function(
            inner.name, inner.arguments + function.arguments, inner.raw + function.raw
        )
        return emit_parts((whole,), fields, context)

    return Special(emit, kind="json")


_GELF = (
    "format-flat-json --scope none version=1.1 host=$HOST "
    "short_message=${MSG:-[empty_message]} level=int($LEVEL_NUM) "
    "timestamp=double($UNIXTIME) _facility=$FACILITY _program=$PROGRAM _pid=$PID "
    "--key .*"
)
_CIM = (
    "format-json --scope all-nv-pairs --exclude HOST --exclude MESSAGE "
    "--exclude PROGRAM --exclude PID --exclude LEGACY_MSGHDR --exclude RAWMSG "
    "--rekey .SDATA.* --shift 1 "
    "timestamp=$ISODATE host=$HOST app=$PROGRAM pid=$PID "
    "severity=$SEVERITY facility=$FACILITY message=$MSG"
)
_EWMM = (
    "format-json --leave-initial-dot --scope all-nv-pairs --exclude .unix.* "
    "--exclude .tls.*"
)


def _emit_ewmm(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(format-ewmm)``: a message with all its values behind a mark."""
    from logferry.codegen.templates import emit_parts

    if function.raw:
        raise TemplateError("$(format-ewmm) takes no arguments")
    text = f"<$PRI>1 $ISODATE $LOGHOST @syslog-ng - - - $({_EWMM})\n"
    return emit_parts(parse_template(text), fields, context)


def _emit_graphite(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(graphite-output [--timestamp template] pairs …)``: a line for each pair."""
    from logferry.codegen.templates import message_only, template_function

    message_only(fields, "$(graphite-output) looks at the whole message")
    options, rest = take_options(
        function, {}, {"--timestamp": "timestamp", "-t": "timestamp"}
    )
    collect = pairs_of(rest).readers(context)
    stamp_of = template_function(
        TemplateText(options.get("timestamp", "$R_UNIXTIME"), NOWHERE), context
    )

    def lines(message: Message) -> bytes:
        stamp = stamp_of(message)
        found = {_undotted(key): value for key, value, _ in collect(message)}
        return b"".join(
            b"%b %b %b\n" % (_key(key), found[key], stamp) for key in sorted(found)
        )

    return f"{fields.constants.bind(lines, 'graphite_output')}(m)"


def _undotted(name: str) -> str:
    return f"_{name[1:]}" if name.startswith(".") else name


FORMATS: dict[str, Plain | Special] = {
    "format-json": Special(_emit_json, kind="json"),
    "format-flat-json": Special(_emit_json, kind="json"),
    "format-welf": _printer(_welf),
    "format-cef-extension": _printer(_cef),
    "format-gelf": _fixed(_GELF),
    "format-cim": _fixed(_CIM),
    "format-ewmm": Special(_emit_ewmm),
    "graphite-output": Special(_emit_graphite),
    "names": Special(_printer(_names).emit, kind="list"),
    "values": Special(_printer(_values).emit, kind="list"),
}
"""Functions that print value-pairs, by name."""
