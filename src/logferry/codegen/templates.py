"""
Templates become expressions that make one record.

A template is turned into pieces; neighbouring pieces that repeat a part of the line
are merged into one capture; what is left becomes ``FORMAT % (a, b, c)``, or the one
variable when a single piece is the whole record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from logferry.codegen.correlated import earlier
from logferry.codegen.emit import Constants, compile_source, hint_of
from logferry.codegen.fields import (
    Fields,
    MessageFields,
    Piece,
    Unsupported,
)
from logferry.codegen.functions import emit_function
from logferry.codegen.line_fields import LineFields
from logferry.codegen.macros import MacroContext
from logferry.codegen.template_text import (
    Function,
    Literal,
    Macro,
    Part,
    parse_template,
)

if TYPE_CHECKING:
    from logferry.config.nodes import TemplateText
    from logferry.message.model import Message

__all__ = [
    "Record",
    "emit_parts",
    "emit_template",
    "emit_text",
    "merge_pieces",
    "message_only",
    "pair_function",
    "pieces_of",
    "template_function",
]


@dataclass(frozen=True, slots=True)
class Record:
    """
    How one record is made.

    Attributes:
        code: a Python expression of type bytes.
        ends_with_newline: its last byte always is a newline.

    """

    code: str
    ends_with_newline: bool


def emit_text(text: str, fields: Fields, context: MacroContext) -> str:
    """Return an expression for the template ``text``. Raises ``TemplateError``."""
    return emit_template(pieces_of(parse_template(text), fields, context), fields).code


def emit_parts(parts: tuple[Part, ...], fields: Fields, context: MacroContext) -> str:
    """Return an expression for the parts of a template; nothing gives ``b""``."""
    if not parts:
        return 'b""'
    return emit_template(pieces_of(parts, fields, context), fields).code


def message_only(fields: Fields, reason: str) -> None:
    """Refuse forms without a ``Message``. Raises ``Unsupported``."""
    if not isinstance(fields, MessageFields):
        raise Unsupported(reason)


def template_function(
    template: TemplateText, context: MacroContext
) -> Callable[[Message], bytes]:
    """Return a function from messages to the template's text."""
    constants = Constants()
    parts = parse_template(template.text)
    code = emit_parts(parts, MessageFields(constants, context), context)
    function: Callable[[Message], bytes] = _compiled(code, constants, template.span)
    return function


def pair_function(
    text: str, hint: str, context: MacroContext
) -> Callable[[Message], tuple[bytes, str]]:
    """Return a function from messages to the template's value and type."""
    from logferry.codegen.typed import emit_pair

    constants = Constants()
    fields = MessageFields(constants, context)
    code = emit_pair(parse_template(text), hint, fields, context)
    function: Callable[[Message], tuple[bytes, str]] = _compiled(code, constants, text)
    return function


def _compiled(code: str, constants: Constants, place: object) -> Any:
    source = f"def expand(m):\n    return {code}\n"
    name = f"<template at {place}>"
    exec(compile_source(source, name), constants.values)  # noqa: S102 - our own source
    return constants.values["expand"]


def pieces_of(
    parts: tuple[Part, ...], fields: Fields, context: MacroContext
) -> list[Piece]:
    """Return the pieces that ``parts`` print."""
    pieces: list[Piece] = []
    for part in parts:
        match part:
            case Literal(text):
                pieces.append(Piece(literal=text.encode("utf-8", "surrogateescape")))
            case Macro() | Function() if part.back:
                pieces.extend(_earlier(part, fields, context))
            case Macro(name, default):
                pieces.extend(_with_default(fields, name, default, context))
            case Function():
                pieces.append(Piece(code=emit_function(part, fields, context)))
    return pieces


def _earlier(
    part: Macro | Function, fields: Fields, context: MacroContext
) -> list[Piece]:
    """Look at an earlier message of the correlation: ``${MSG}@2``."""
    if not isinstance(fields, MessageFields):
        return []  # a line is alone
    constants = Constants()
    code = emit_parts(
        (replace(part, back=0),), MessageFields(constants, context), context
    )
    read = earlier(_compiled(code, constants, part.name), part.back, context)
    return [Piece(code=f"{fields.constants.bind(read, 'earlier')}(m)")]


def _with_default(
    fields: Fields, name: str, default: str, context: MacroContext
) -> list[Piece]:
    pieces = fields.macro(name, context)
    if not default:
        return pieces
    bound = fields.constants.bind(default.encode(), f"default_{name}")
    return [Piece(code=f"({join_pieces(pieces, fields)} or {bound})")]


def join_pieces(pieces: list[Piece], fields: Fields) -> str:
    """Return one expression for ``pieces``."""
    return emit_template(pieces, fields).code


def emit_template(pieces: list[Piece], fields: Fields) -> Record:
    """Return how ``pieces`` make a record."""
    if isinstance(fields, LineFields):
        pieces = merge_pieces(pieces, fields)
    codes = [_code(piece, fields) for piece in pieces if not piece.literal]
    newlines = sum(piece.literal.count(b"\n") for piece in pieces)
    is_line = bool(pieces) and (
        (pieces[-1].literal.endswith(b"\n") and newlines == 1)
        or (_is_line_end(pieces[-1], fields) and not newlines)
    )
    if not codes:
        text = b"".join(piece.literal for piece in pieces)
        return Record(fields.constants.bind(text, hint_of(text)), is_line)
    if len(codes) == 1 and len(pieces) == 1:
        return Record(codes[0], is_line)
    format_ = b"".join(piece.literal.replace(b"%", b"%%") or b"%b" for piece in pieces)
    bound = _format_source(format_, fields)
    arguments = ", ".join(codes) + ("," if len(codes) == 1 else "")
    return Record(f"{bound} % ({arguments})", is_line)


def _format_source(format_: bytes, fields: Fields) -> str:
    """Print formats of our own making, bind all others."""
    if set(format_) <= set(b"%b<>1 -\n"):
        return repr(format_).replace("'", '"')
    return fields.constants.bind(format_, "record_format")


def _code(piece: Piece, fields: Fields) -> str:
    if piece.run is None:
        return piece.code
    assert isinstance(fields, LineFields)
    return fields.run(*piece.run)


def _is_line_end(piece: Piece, fields: Fields) -> bool:
    if piece.run is None or not isinstance(fields, LineFields):
        return False
    return piece.run[1] == len(fields.layout.atoms)


def merge_pieces(pieces: list[Piece], fields: LineFields) -> list[Piece]:
    """Merge neighbours that stand in the line in the same way."""
    pieces = _join_literals(pieces)
    merged: list[Piece] = []
    for piece in pieces:
        merged.append(piece)
        while _merge_last(merged, fields):
            pass
    return _take_line_ends(merged, fields)


def _join_literals(pieces: list[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if piece.literal and joined and joined[-1].literal:
            joined[-1] = replace(joined[-1], literal=joined[-1].literal + piece.literal)
        elif piece != Piece():
            joined.append(piece)
    return joined


def _between(start: int, stop: int, fields: LineFields) -> bytes | None:
    """Return the text of atoms ``start`` to ``stop`` if all are literals."""
    atoms = fields.layout.atoms[start:stop]
    if start > stop or any(atom.name for atom in atoms):
        return None
    return b"".join(atom.literal for atom in atoms)


def _merge_last(merged: list[Piece], fields: LineFields) -> bool:
    """Merge ``run literal run`` or ``run run`` at the end of ``merged``."""
    last = merged[-1].run
    if last is None:
        return False
    for back in (2, 3):
        if len(merged) < back:
            return False
        first = merged[-back].run
        between = merged[-2].literal if back == 3 else b""
        if first is None or (back == 3 and not between):
            continue
        if _between(first[1], last[0], fields) == between:
            merged[-back:] = [Piece(run=(first[0], last[1]))]
            return True
    return False


def _take_line_ends(pieces: list[Piece], fields: LineFields) -> list[Piece]:
    """Let runs take over literals before and behind them that stand in the line."""
    atoms = fields.layout.atoms
    result = list(pieces)
    for index, piece in enumerate(result):
        if piece.run is None:
            continue
        start, stop = piece.run
        before = result[index - 1].literal if index else b""
        while (
            start
            and atoms[start - 1].literal
            and before.endswith(atoms[start - 1].literal)
        ):
            before = before[: -len(atoms[start - 1].literal)]
            start -= 1
        after = result[index + 1].literal if index + 1 < len(result) else b""
        while (
            stop < len(atoms)
            and atoms[stop].literal
            and after.startswith(atoms[stop].literal)
        ):
            after = after[len(atoms[stop].literal) :]
            stop += 1
        if (start, stop) != piece.run and _is_free(fields, start, stop):
            if index:
                result[index - 1] = _relit(result[index - 1], before)
            if index + 1 < len(result):
                result[index + 1] = _relit(result[index + 1], after)
            result[index] = Piece(run=(start, stop))
    return [piece for piece in result if piece != Piece()]


def _relit(piece: Piece, literal: bytes) -> Piece:
    return piece if piece.run or piece.code else Piece(literal=literal)


def _is_free(fields: LineFields, start: int, stop: int) -> bool:
    try:
        fields.run(start, stop)
    except Unsupported:
        return False
    return True
