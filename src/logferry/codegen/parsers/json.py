"""
``json-parser()``: an object's members become name-value pairs with their types.

Nested names are joined with ``key-delimiter()``. An array of strings becomes a list,
any other array stays JSON text (reference: json-parser).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.lists import join_list
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.values import SETTABLE, set_value
from logferry.config.kinds import TextKind
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["JsonOptions", "make_json"]


_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


class JsonOptions(ParserOptions):
    """``json-parser()``."""

    title = "parser json-parser"

    prefix = Option(TextKind(), "", doc="Put before every name.")
    marker = Option(TextKind(), "", doc="Text that must stand before the object.")
    extract_prefix = Option(TextKind(), "", doc="Take only this member, by its path.")
    key_delimiter = Option(TextKind(), ".", doc="Between the names of nested members.")


def make_json(options: JsonOptions, context: MacroContext) -> ParserFunction:
    """Return the parser."""
    del context
    marker = options.marker.encode()
    dotted = options.extract_prefix.replace("[", ".[")
    path = [part for part in dotted.split(".") if part]
    prefix, delimiter = options.prefix, options.key_delimiter

    def parse(message: Message, text: bytes) -> bool:
        if marker:
            if not text.startswith(marker):
                return False
            text = text[len(marker) :].lstrip()
        try:
            found: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        for part in path:
            found = _member(found, part)
        if isinstance(found, dict):
            _store(message, prefix, found, delimiter)
            return True
        if isinstance(found, list) and not path:
            for number, item in enumerate(found, 1):
                _store_value(message, str(number), item, delimiter)
            return True
        return False

    return parse


def _member(found: Any, name: str) -> Any:
    """Return a member of an object, or an item of an array (``[1]``)."""
    if isinstance(found, dict):
        return found.get(name)
    if isinstance(found, list) and name.strip("[]").isdigit():
        index = int(name.strip("[]"))
        return found[index] if index < len(found) else None
    return None


def _store(
    message: Message, prefix: str, members: dict[str, Any], delimiter: str
) -> None:
    values, types = message.values, message.types
    for member, value in members.items():
        if not member:
            continue  # a value needs a name
        name = prefix + member
        # What most members are, without a call for each.
        kind = type(value)
        if name in SETTABLE:
            _store_value(message, name, value, delimiter)
        elif kind is str:
            values[name] = value.encode()
            if types:
                types.pop(name, None)
        elif kind is int and _INT_MIN <= value <= _INT_MAX:
            values[name] = b"%d" % value
            types[name] = "int"
        elif kind is float:
            values[name] = repr(value).encode()
            types[name] = "double"
        elif kind is bool:
            values[name] = b"true" if value else b"false"
            types[name] = "boolean"
        elif kind is dict:
            _store(message, name + delimiter, value, delimiter)
        else:
            _store_value(message, name, value, delimiter)


def _store_value(message: Message, name: str, value: Any, delimiter: str) -> None:
    match value:
        case str():
            set_value(message, name, value.encode())
        case bool():
            set_value(message, name, b"true" if value else b"false", "boolean")
        case int() if not _INT_MIN <= value <= _INT_MAX:
            set_value(message, name, repr(float(value)).encode(), "double")
        case int():
            set_value(message, name, b"%d" % value, "int")
        case float():
            set_value(message, name, repr(value).encode(), "double")
        case None:
            set_value(message, name, b"", "null")
        case dict():
            _store(message, name + delimiter, value, delimiter)
        case list() if all(isinstance(item, str) for item in value):
            set_value(message, name, join_list([v.encode() for v in value]), "list")
        case _:
            set_value(message, name, orjson.dumps(value), "json")
