"""
``$(format-json …)``: value-pairs as a JSON object.

Keys come in descending byte order, delimiters make nested objects, a leading dot
becomes an underscore (reference: value-pairs and format-json).

On lines all names are known, and the object is built from the variables of the row;
elsewhere the message is asked for what it has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.fields import Unsupported
from logferry.codegen.json_line import emit_flat_object
from logferry.codegen.json_shapes import ObjectShape, ShapedObjects, object_tree
from logferry.codegen.line_fields import LineFields
from logferry.codegen.template_text import Function, Macro, parse_template
from logferry.codegen.typed import (
    CastError,
    emit_pair,
    json_value,
    static_kind,
    text_of,
)
from logferry.codegen.value_pairs import ValuePairs, pairs_of

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["emit_format_json", "formatter_of"]


_NUMBERS = frozenset({"LEVEL_NUM", "SEVERITY_NUM", "FACILITY_NUM"})
"""Macros whose text is a JSON number as it is."""

_NUMBER_TEMPLATES = frozenset((Macro(name),) for name in _NUMBERS)


def emit_format_json(function: Function, fields: Fields, context: MacroContext) -> str:
    """Return an expression for the object. Raises ``TemplateError``."""
    pairs = pairs_of(function)
    is_flat = function.name == "format-flat-json"
    if isinstance(fields, LineFields):
        return _emit_on_line(pairs, fields, context, is_flat=is_flat)
    formatter = _FastFormatter(pairs, context, is_flat=is_flat)
    return f"{fields.constants.bind(formatter, 'format_json')}(m)"


def formatter_of(function: Function, context: MacroContext) -> Formatter:
    """Return what formats messages. Raises ``TemplateError``."""
    is_flat = function.name == "format-flat-json"
    return Formatter(pairs_of(function), context, is_flat=is_flat)


@dataclass(slots=True)
class _Columns:
    """The members of an object made on lines, by key."""

    codes: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str | None] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)  # print as they are
    kept: set[str] = field(default_factory=set)  # also when they are empty


def _emit_on_line(
    pairs: ValuePairs, fields: LineFields, context: MacroContext, *, is_flat: bool
) -> str:
    if fields.has_sdata and pairs.may_take_sdata:
        raise Unsupported("structured data is not read from lines")
    if fields.reception.has_sender_values and pairs.may_take_sdata:
        raise Unsupported("each sender has values of its own")
    columns = _Columns()
    _add_selected(columns, pairs, fields, context)
    _add_explicit(columns, pairs, fields, context)
    codes, kinds, numbers = columns.codes, columns.kinds, columns.numbers
    shapes = {name: _shape(name, keeps_dot=pairs.keeps_dot) for name in codes}
    ordered = sorted(codes, key=lambda name: shapes[name], reverse=True)
    shaped = tuple(shapes[name] for name in ordered)
    keeps = tuple(name in columns.kept and not pairs.omits_empty for name in ordered)
    delimiter = "" if is_flat else pairs.key_delimiter
    types = tuple(kinds[name] for name in ordered)
    is_plain = not any(delimiter and delimiter in name for name in shaped)
    build: Callable[..., bytes]
    if is_plain and not any(kind != "" for kind in types):
        build = _FlatObject(shaped, keeps)
    else:
        on_error = context.on_error
        build = _TypedObject(shaped, keeps, types, delimiter, on_error)
    bound = fields.constants.bind(build, "format_json")
    values = [codes[name] for name in ordered]
    general = f"{bound}({', '.join(values)})"
    if is_plain and all(kinds[name] == "" or name in numbers for name in ordered):
        bare = [shapes[name] for name in numbers]
        return emit_flat_object(shaped, values, keeps, general, fields, numbers=bare)
    return general


def _add_selected(
    columns: _Columns, pairs: ValuePairs, fields: LineFields, context: MacroContext
) -> None:
    """Add macros and name-value pairs that scopes and patterns select."""
    from logferry.codegen.templates import emit_template

    for name in pairs.static_names():
        if name in {"SEQNUM", "RAWMSG"}:
            continue  # structured data has the one, a flag keeps the other
        key = pairs.key_of(name)
        columns.codes[key] = emit_template(fields.macro(name, context), fields).code
        kind = static_kind(parse_template(f"${{{name}}}"), "", fields, context)
        columns.kinds[key] = kind or ""  # nothing is left out, so it is no null
        if name in _NUMBERS and kind:
            columns.numbers.add(key)
    for name in filter(pairs.takes, fields.changed):
        key = pairs.key_of(name)
        columns.codes[key] = emit_template(fields.macro(name, context), fields).code
        columns.kinds[key] = ""
        columns.numbers.discard(key)
        if fields.is_free_name(name):
            columns.kept.add(key)


def _add_explicit(
    columns: _Columns, pairs: ValuePairs, fields: LineFields, context: MacroContext
) -> None:
    """Add pairs that have templates of their own."""
    from logferry.codegen.templates import emit_parts

    for pair in pairs.pairs:
        parts = parse_template(pair.template)
        key = pairs.key_of(pair.key)
        columns.kept.add(key)
        kind = static_kind(parts, pair.hint, fields, context)
        kind = kind if pairs.casts or pair.hint else ""
        columns.kinds[key] = kind
        columns.numbers.discard(key)
        if kind == "int" and parts in _NUMBER_TEMPLATES:
            columns.numbers.add(key)
        columns.codes[key] = (
            emit_pair(parts, pair.hint, fields, context)
            if kind is None
            else emit_parts(parts, fields, context)
        )


def _shape(name: str, *, keeps_dot: bool) -> str:
    shape = "_" + name[1:] if name.startswith(".") and not keeps_dot else name
    if shape.isascii():
        return shape
    # Names come from messages, too, and JSON takes no bytes that are not UTF-8.
    return text_of(shape.encode("utf-8", "surrogateescape"))


class _FlatObject:
    """Builds an object of strings from values in the order of its names."""

    def __init__(self, names: tuple[str, ...], keeps_empty: tuple[bool, ...]) -> None:
        self._names = names
        self._keeps_all = all(keeps_empty)
        self._keeps = dict(zip(names, keeps_empty, strict=True))

    def __call__(self, *values: bytes) -> bytes:
        try:
            pairs = zip(
                self._names, [str(value, "utf-8") for value in values], strict=True
            )
            if self._keeps_all:
                return orjson.dumps(dict(pairs))
            keeps = self._keeps
            return orjson.dumps(
                {name: value for name, value in pairs if value or keeps[name]}
            )
        except UnicodeDecodeError:
            return orjson.dumps(
                {
                    name: text_of(value)
                    for name, value in zip(self._names, values, strict=True)
                    if value or self._keeps[name]
                }
            )


class _TypedObject:
    """The same where values have types or names make nested objects."""

    def __init__(
        self,
        names: tuple[str, ...],
        keeps_empty: tuple[bool, ...],
        kinds: tuple[str | None, ...],
        delimiter: str,
        on_error: str,
    ) -> None:
        self._columns = tuple(zip(names, keeps_empty, kinds, strict=True))
        self._kinds = kinds
        self._has_pairs = None in kinds
        self._delimiter = delimiter
        self._shapes: dict[tuple[object, ...], ObjectShape] = {}
        self._build = _Builder(delimiter, on_error)

    def __call__(self, *values: Any) -> bytes:
        try:
            if not self._has_pairs:
                return self._shape(values, ()).dump(values)
            kinds = tuple(
                value[1] if kind is None else kind
                for kind, value in zip(self._kinds, values, strict=True)
            )
            plain = tuple(
                value[0] if kind is None else value
                for kind, value in zip(self._kinds, values, strict=True)
            )
            return self._shape(plain, kinds).dump(plain)
        except ValueError:  # CastError, UnicodeDecodeError
            return self._build(self._found(values))

    def _shape(self, values: tuple[bytes, ...], kinds: tuple[str, ...]) -> ObjectShape:
        """Return the shape of values: which are there, of what types."""
        key = (*map(bool, values), *kinds)
        shape = self._shapes.get(key)
        if shape is None:
            columns = enumerate(zip(self._columns, values, strict=True))
            found = {
                name: index
                for index, ((name, keeps, _), value) in columns
                if value or keeps
            }
            known = kinds or tuple(kind or "" for kind in self._kinds)
            shape = ObjectShape(found, known, self._delimiter, {})
            self._shapes[key] = shape
        return shape

    def _found(self, values: tuple[Any, ...]) -> list[tuple[str, bytes, str]]:
        found: list[tuple[str, bytes, str]] = []
        for (name, keeps, kind), value in zip(self._columns, values, strict=True):
            if kind is None:
                if value[0] or keeps:
                    found.append((name, *value))
            elif value or keeps:
                found.append((name, value, kind))
        return found


class _Builder:
    """
    Makes the object of keys, values and types in the order they shall have.

    A value that cannot be read as its type makes the whole object empty, is left out
    or stays a string, by ``on-error()``.
    """

    def __init__(self, delimiter: str, on_error: str) -> None:
        self._delimiter = delimiter
        self._on_error = on_error.removeprefix("silently-")

    def __call__(self, pairs: list[tuple[str, bytes, str]]) -> bytes:
        try:
            items = [
                (name, json_value(value, kind) if kind else text_of(value))
                for name, value, kind in pairs
            ]
        except CastError:
            if self._on_error == "drop-message":
                return b""
            items = self._forgiving(pairs)
        delimiter = self._delimiter
        found = dict(items)
        return orjson.dumps(object_tree(sorted(found.items(), reverse=True), delimiter))

    def _forgiving(self, pairs: list[tuple[str, bytes, str]]) -> list[tuple[str, Any]]:
        items: list[tuple[str, Any]] = []
        for name, value, kind in pairs:
            try:
                items.append((name, json_value(value, kind)))
            except CastError:
                if self._on_error == "fallback-to-string":
                    items.append((name, text_of(value)))
        return items


class Formatter:
    """``format-json`` over a message, without any short cut."""

    def __init__(
        self, pairs: ValuePairs, context: MacroContext, *, is_flat: bool
    ) -> None:
        self._readers = pairs.readers(context)
        self._keeps_dot = pairs.keeps_dot
        delimiter = "" if is_flat else pairs.key_delimiter
        self._build = _Builder(delimiter, context.on_error)

    def __call__(self, message: Message) -> bytes:
        """Return the object; nothing when ``on-error()`` drops it."""
        found = {
            _shape(key, keeps_dot=self._keeps_dot): (value, kind)
            for key, value, kind in self._readers(message)
        }
        return self._build(
            [(name, *found[name]) for name in sorted(found, reverse=True)]
        )


class _FastFormatter:
    """The same by the shape of messages, for those that need no decision."""

    def __init__(
        self, pairs: ValuePairs, context: MacroContext, *, is_flat: bool
    ) -> None:
        self._general = Formatter(pairs, context, is_flat=is_flat)
        keeps_dot = pairs.keeps_dot

        def printed(key: str) -> str:
            return _shape(key, keeps_dot=keeps_dot)

        def key_of(name: str) -> str | None:
            return printed(pairs.key_of(name)) if pairs.takes(name) else None

        delimiter = "" if is_flat else pairs.key_delimiter
        self._shaped = ShapedObjects(pairs, context, key_of, printed, delimiter)

    def __call__(self, message: Message) -> bytes:
        try:
            return self._shaped(message)
        except ValueError:  # CastError, UnicodeDecodeError, JSONEncodeError
            return self._general(message)
