r"""
The wire formats as pieces: what one record of a destination is made of.

===========  ==================================================================
``rfc3164``  ``<$PRI>$DATE $HOST $MSGHDR$MSG\n``, BSD date always, full host
``file``     ``$DATE $HOST $MSGHDR$MSG\n``, date by ``ts-format()``
``rfc5424``  ``<PRI>1 ISODATE HOST APP PID MSGID SDATA MSG\n``
``template`` the template as it is, no newline added
===========  ==================================================================
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from logferry.codegen.emit import Constants, compile_source
from logferry.codegen.fields import (
    Fields,
    MessageFields,
    Piece,
    Unsupported,
)
from logferry.codegen.line_fields import LineFields
from logferry.codegen.macros import MacroContext
from logferry.codegen.template_text import Literal, parse_template
from logferry.codegen.templates import Record, emit_template, pieces_of
from logferry.message.timestamps import Zone
from logferry.syslog.encode import encode_sdata, first_word, octet_counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.rendering import Rendering
    from logferry.config.nodes import TemplateText
    from logferry.message.model import Message

__all__ = ["emit_key", "emit_record", "record_function"]

_BOM = b"\xef\xbb\xbf"
_NUMBER = ".SDATA.meta.sequenceId"


def emit_record(rendering: Rendering, fields: Fields, context: MacroContext) -> Record:
    """Return how one record is made. Raises ``Unsupported``, ``TemplateError``."""
    context = _with_time(rendering, context)
    pieces = _pieces(rendering, fields, context)
    if rendering.template_escape:
        pieces = [_escaped(piece, fields) for piece in pieces]
    record = emit_template(pieces, fields)
    code = record.code
    if "no-multi-line" in rendering.flags and isinstance(fields, MessageFields):
        code = f"{fields.constants.bind(_one_line, 'one_line')}({code})"
    if rendering.truncate_size >= 0:
        cut = fields.constants.bind(rendering.cutter.cut, "cut")
        code = f"{cut}({code}, {rendering.truncate_size})"
        record = Record(code, ends_with_newline=False)
    if rendering.pad_size:
        padded = fields.constants.bind(_padded, "padded")
        code = f"{padded}({code}, {rendering.pad_size})"
        record = Record(code, ends_with_newline=False)
    if rendering.octet_count:
        code = f"{fields.constants.bind(octet_counted, 'octet_counted')}({code})"
        # The length tells where a record ends, but so does its last newline.
    if rendering.head is not None:
        head = _emit_escaped(rendering.head, rendering, fields, context)
        joined = fields.constants.bind(b"%b\n%b", "head_and_record")
        return Record(f"{joined} % ({head}, {code})", ends_with_newline=False)
    return Record(code, record.ends_with_newline)


def record_function(
    rendering: Rendering, context: MacroContext
) -> Callable[[Message], tuple[bytes, bytes]]:
    """Return a function from one message to its record and routing key."""
    constants = Constants()
    fields = MessageFields(constants, context)
    record = emit_record(rendering, fields, context).code
    key = 'b""' if rendering.key is None else emit_key(rendering, fields, context)
    source = f"def render(m):\n    return {record}, {key}\n"
    exec(compile_source(source, "<one record>"), constants.values)  # noqa: S102 - our own source
    function: Callable[[Message], tuple[bytes, bytes]] = constants.values["render"]
    return function


def _padded(record: bytes, size: int) -> bytes:
    """Fill a record up with NUL, or cut it."""
    return record[:size].ljust(size, b"\0")


def _with_time(rendering: Rendering, context: MacroContext) -> MacroContext:
    time = rendering.time
    return replace(
        context,
        format=time.format,
        frac_digits=time.frac_digits,
        zone=Zone(time.time_zone) if time.time_zone else None,
        on_error=rendering.on_error,
    )


def emit_key(rendering: Rendering, fields: Fields, context: MacroContext) -> str:
    """Return an expression for the routing key of a record."""
    assert rendering.key is not None
    return _emit_escaped(rendering.key, rendering, fields, context)


def _emit_escaped(
    template: TemplateText, rendering: Rendering, fields: Fields, context: MacroContext
) -> str:
    parts = parse_template(template.text)
    if not rendering.key_escape:
        return emit_template(pieces_of(parts, fields, context), fields).code
    if rendering.key_escape == "url":
        context = _with_time(rendering, context)
        escape = fields.constants.bind(_url_part, "url_part")
    else:
        escape = fields.constants.bind(_path_part, "path_part")
    pieces = []
    for part in parts:
        found = pieces_of((part,), fields, context)
        if not isinstance(part, Literal):
            found = [Piece(code=f"{escape}({emit_template(found, fields).code})")]
        pieces += found
    return emit_template(pieces, fields).code


@lru_cache(maxsize=4096)
def _url_part(value: bytes) -> bytes:
    """Percent-encode a macro value (RFC 3986, 2.3: all but unreserved)."""
    return quote_from_bytes(value, safe="").encode()


def _path_part(value: bytes) -> bytes:
    """Keep a macro value from leaving its folder: a slash becomes an underscore."""
    return value.replace(b"/", b"_").replace(b"\0", b"_")


def _one_line(record: bytes) -> bytes:
    body, newline = (record[:-1], b"\n") if record.endswith(b"\n") else (record, b"")
    for char in (b"\r", b"\n", b"\0"):
        body = body.replace(char, b" ")
    return body + newline


def _escaped(piece: Piece, fields: Fields) -> Piece:
    if piece.literal:
        return piece
    escape = fields.constants.bind(_escape_value, "escape_value")
    return Piece(code=f"{escape}({emit_template([piece], fields).code})")


def _escape_value(value: bytes) -> bytes:
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    escaped = escaped.replace(b"'", b"\\'")
    return b"".join(
        b"\\%03o" % code if code < 32 else bytes((code,)) for code in escaped
    )


def _pieces(rendering: Rendering, fields: Fields, context: MacroContext) -> list[Piece]:
    template = rendering.template
    match rendering.form:
        case "rfc3164":
            plain = replace(context, format="bsd", frac_digits=0)
            return [
                Piece(literal=b"<"),
                *fields.macro("PRI", context),
                Piece(literal=b">"),
                *fields.macro("DATE", plain),
                *_rest_of_line(fields, context),
            ]
        case "file":
            return [*fields.macro("DATE", context), *_rest_of_line(fields, context)]
        case "rfc5424":
            text = template.text if template is not None else "$MSG"
            message = pieces_of(parse_template(text), fields, context)
            if isinstance(fields, LineFields) and template is None:
                return _syslog_of_line(rendering, fields, context)
            header = _syslog_header(rendering, fields, context)
            return [*header, *message, Piece(literal=b"\n")]
        case _:
            assert template is not None
            return pieces_of(parse_template(template.text), fields, context)


def _rest_of_line(fields: Fields, context: MacroContext) -> list[Piece]:
    return [
        Piece(literal=b" "),
        *_full_host(fields, context),
        Piece(literal=b" "),
        *fields.macro("MSGHDR", context),
        *fields.macro("MSG", context),
        Piece(literal=b"\n"),
    ]


def _full_host(fields: Fields, context: MacroContext) -> list[Piece]:
    if isinstance(fields, MessageFields):
        return [Piece(code="m.host")]
    return fields.macro("FULLHOST", context)


def _syslog_of_line(
    rendering: Rendering, fields: LineFields, context: MacroContext
) -> list[Piece]:
    """Print a canonical line in the syslog protocol; fields that repeat it merge."""
    word = fields.constants.bind(first_word, "first_word")
    head = [
        Piece(literal=b"<"),
        *fields.macro("PRI", context),
        Piece(literal=b">1 "),
        *fields.macro("ISODATE", context),
        Piece(literal=b" "),
        *_host_of_line(fields, context),
        Piece(literal=b" "),
    ]
    layout = fields.layout
    number = _number_of_line(rendering, fields)
    if layout.has("sdata") and not fields.changed:
        run = layout.index("program"), layout.index("message") + 1
        return [*head, Piece(run=run), Piece(literal=b"\n")]
    return [
        *head,
        Piece(code=f"{word}({fields.value('PROGRAM')})"),
        Piece(literal=b" "),
        Piece(code=f"{word}({fields.value('PID')})"),
        *_ids_of_line(fields, number),
        Piece(code=fields.value("MSG")),
        Piece(literal=b"\n"),
    ]


def _host_of_line(fields: LineFields, context: MacroContext) -> list[Piece]:
    """Print the host; only one that was set may be empty, or hold a space."""
    if "HOST" not in fields.changed and not fields.reception.host_override:
        return fields.macro("FULLHOST", context)
    word = fields.constants.bind(first_word, "first_word")
    return [Piece(code=f"{word}({fields.value('HOST')})")]


def _number_of_line(rendering: Rendering, fields: LineFields) -> list[Piece]:
    """Print the structured data of a BSD line: its number, if it gets one."""
    is_local = fields.reception.local
    if rendering.numbered == "none" or (rendering.numbered == "local" and not is_local):
        return [Piece(literal=b"-")]
    if fields.layout.has("sdata"):
        raise Unsupported("a number goes into the structured data")
    take = fields.constants.bind(rendering.sequence.__next__, "next_number")
    return [
        Piece(literal=b'[meta sequenceId="'),
        Piece(code=f'(b"%d" % {take}())'),
        Piece(literal=b'"]'),
    ]


def _ids_of_line(fields: LineFields, number: list[Piece]) -> list[Piece]:
    """Print MSGID and structured data, which a BSD line does not have."""
    if not fields.layout.has("sdata"):
        return [Piece(literal=b" - "), *number, Piece(literal=b" ")]
    word = fields.constants.bind(first_word, "first_word")
    return [
        Piece(literal=b" "),
        Piece(code=f"{word}({fields.value('MSGID')})"),
        Piece(literal=b" "),
        Piece(code=fields.field("sdata")),
        Piece(literal=b" "),
    ]


def _sdata_function(rendering: Rendering) -> Callable[[Message], bytes]:
    """Return what prints structured data, numbered where the flags say so."""
    take, is_all = rendering.sequence.__next__, rendering.numbered == "all"

    def plain(message: Message) -> bytes:
        return encode_sdata(message.values) or b"-"

    def numbered(message: Message) -> bytes:
        values = message.values
        if (is_all or message.origin.local) and _NUMBER not in values:
            values = {**values, _NUMBER: b"%d" % take()}
        return encode_sdata(values) or b"-"

    return plain if rendering.numbered == "none" else numbered


def _syslog_header(
    rendering: Rendering, fields: Fields, context: MacroContext
) -> list[Piece]:
    word = fields.constants.bind(first_word, "first_word")
    pieces = [
        Piece(literal=b"<"),
        *fields.macro("PRI", context),
        Piece(literal=b">1 "),
        *fields.macro("ISODATE", context),
    ]
    for name in ("HOST", "PROGRAM", "PID", "MSGID"):
        pieces += [
            Piece(literal=b" "),
            Piece(code=f"{word}({fields.value(name)})"),
        ]
    pieces.append(Piece(literal=b" "))
    if isinstance(fields, MessageFields):
        sdata = fields.constants.bind(_sdata_function(rendering), "sdata_of")
        bom = fields.constants.bind(_BOM, "bom")
        return [
            *pieces,
            Piece(code=f"{sdata}(m)"),
            Piece(literal=b" "),
            Piece(code=f'({bom} if m.utf8 else b"")'),
        ]
    assert isinstance(fields, LineFields)
    return [*pieces, *_number_of_line(rendering, fields), Piece(literal=b" ")]
