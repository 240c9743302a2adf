"""
Values with their types: what a template's value is, besides its text.

A template that is just one macro, name-value pair or function has the type of that;
everything else is a string, and a type hint overrides both. In generated code a typed
value is a pair ``(text, type)``; the empty type is a string. Before @version 4.0
everything is a string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.fields import MessageFields
from logferry.codegen.functions.numbers import kind_of_number
from logferry.codegen.functions.registry import Special
from logferry.codegen.kinds import canonical_type
from logferry.codegen.lists import split_list
from logferry.codegen.macros import ATTRIBUTES, macro_function
from logferry.codegen.template_text import Function, Macro, Part

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = [
    "JSON_KINDS",
    "MACRO_KINDS",
    "NULL_WHEN_EMPTY",
    "CastError",
    "emit_pair",
    "json_value",
    "static_kind",
]

MACRO_KINDS = {
    "SEVERITY_NUM": "int",
    "LEVEL_NUM": "int",
    "FACILITY_NUM": "int",
    "DESTPORT": "int",
    "SOURCEPORT": "int",
    "PEERPORT": "int",
    "PROTO": "int",
    "IP_PROTO": "int",
    "RAWMSG_SIZE": "int",
    "TAGS": "list",
    "*": "list",
}
"""Macros that are no strings."""

NULL_WHEN_EMPTY = frozenset(
    {"MSGID", "PROGRAM", "PID", "RAWMSG", "LEGACY_MSGHDR", "MSGFORMAT"}
)


class CastError(ValueError):
    """A text cannot be read as the type it is said to have."""


def static_kind(
    parts: tuple[Part, ...], hint: str, fields: Fields, context: MacroContext
) -> str | None:
    """
    Return the type of a template where it is known before any message.

    ``None`` means that it depends on the message; a string is the empty type.
    """
    if hint:
        return canonical_type(hint)
    if len(parts) != 1 or not context.is_typed:
        return ""
    part = parts[0]
    if isinstance(part, Macro):
        if part.default or part.back:
            return ""
        return _kind_of_macro(part.name, fields, context)
    if isinstance(part, Function):
        from logferry.codegen.functions import function_named

        kind = function_named(part.name).kind
        return None if kind in {"pair", "number", "number or null"} else kind
    return ""


def _kind_of_macro(name: str, fields: Fields, context: MacroContext) -> str | None:
    if name in MACRO_KINDS:
        return MACRO_KINDS[name]
    if name in NULL_WHEN_EMPTY:
        return None
    if name in ATTRIBUTES or macro_function(name, context) is not None:
        return ""
    if isinstance(fields, MessageFields):
        return None
    # In a line there are only the names that a rewrite set before.
    return "" if name in getattr(fields, "changed", ()) else "null"


def emit_pair(
    parts: tuple[Part, ...], hint: str, fields: Fields, context: MacroContext
) -> str:
    """Return an expression for value and type. Raises ``TemplateError``."""
    from logferry.codegen.templates import emit_parts

    kind = static_kind(parts, hint, fields, context)
    if kind is not None:
        return f'({emit_parts(parts, fields, context)}, "{kind}")'
    part = parts[0]
    if isinstance(part, Macro):
        if part.name in NULL_WHEN_EMPTY:
            code = emit_parts(parts, fields, context)
            return f"{fields.constants.bind(_null_when_empty, 'or_null')}({code})"
        key = fields.constants.bind(part.name, f"name_{part.name.strip('.')}")
        return f"{fields.constants.bind(_typed_value, 'typed_value')}(m, {key})"
    assert isinstance(part, Function)
    from logferry.codegen.functions import function_named

    found = function_named(part.name)
    if isinstance(found, Special) and found.emit_pair is not None:
        return found.emit_pair(part, fields, context)
    code = emit_parts(parts, fields, context)
    typed = _typed_number if found.kind == "number" else _typed_number_or_null
    return f"{fields.constants.bind(typed, 'typed_number')}({code})"


def _null_when_empty(value: bytes) -> tuple[bytes, str]:
    return value, "" if value else "null"


def _typed_value(message: Message, name: str) -> tuple[bytes, str]:
    value = message.values.get(name)
    if value is None:
        return b"", "null"
    return value, message.types.get(name, "")


def _typed_number(value: bytes) -> tuple[bytes, str]:
    return value, kind_of_number(value)


def _typed_number_or_null(value: bytes) -> tuple[bytes, str]:
    return value, kind_of_number(value) if value else "null"


def text_of(value: bytes) -> str:
    """Return ``value`` as text; bytes that are no UTF-8 become ``\\xHH``."""
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8", "backslashreplace")


def json_converter(kind: str) -> Callable[[bytes], Any]:
    """Return what makes JSON of a text of type ``kind``; raises ``ValueError``."""
    return _JSON.get(kind, bytes.decode)


def json_value(value: bytes, kind: str) -> Any:
    """Return ``value`` as JSON has it. Raises ``CastError``."""
    if not kind:
        return text_of(value)
    convert = _JSON.get(kind)
    return text_of(value) if convert is None else convert(value)


_hexadecimal = re.compile(rb"\s*[-+]?0[xX][0-9a-fA-F]+")
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


def _integer(value: bytes) -> int:
    """Read a decimal or hexadecimal number; what is beyond 64 bits is cut to them."""
    if _hexadecimal.fullmatch(value):
        number = int(value, 16)
    elif value[-1:].isdigit() and b"_" not in value:
        try:
            number = int(value)
        except ValueError as error:
            raise CastError(str(error)) from error
    else:
        raise CastError(f"no whole number: {text_of(value)}")
    return min(max(number, _INT_MIN), _INT_MAX)


_NO_END_OF_A_NUMBER = frozenset({b"", b" ", b"\t", b"\n", b"\r", b"\v", b"\f"})
_WHOLE_MAX = 1e17


def _double(value: bytes) -> float | None:
    if value.isdigit() and len(value) < 16:
        return int(value)
    if _hexadecimal.fullmatch(value):
        value = b"%d" % int(value, 16)
    if value[-1:] in _NO_END_OF_A_NUMBER or b"_" in value:
        raise CastError(f"no number: {text_of(value)}")
    try:
        number = float(value)
    except ValueError as error:
        raise CastError(str(error)) from error
    if not math.isfinite(number):
        return None  # JSON has no words for these
    # As the reference prints it: 5, not 5.0.
    is_whole = number.is_integer() and abs(number) < _WHOLE_MAX
    return int(number) if is_whole else number


def _boolean(value: bytes) -> bool:
    # The reference looks at the first letter.
    first = value[:1]
    if first in {b"T", b"t", b"1"}:
        return True
    if first in {b"F", b"f", b"0"}:
        return False
    raise CastError(f"neither true nor false: {text_of(value)}")


def _json(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise CastError(str(error)) from error


_JSON: dict[str, Callable[[bytes], Any]] = {
    "int": _integer,
    "double": _double,
    "boolean": _boolean,
    "json": _json,
    "list": lambda value: [text_of(item) for item in split_list(value)],
    "null": lambda _: None,
}
JSON_KINDS = frozenset(_JSON)
"""Types that JSON does not have as strings."""
