"""
``$(format-json …)``: value-pairs as a JSON object.

Keys come in descending byte order, delimiters make nested objects, a leading dot
becomes an underscore (reference: value-pairs and format-json).

On lines all names are known, and the object is built from the variables of the row;
elsewhere the message is asked for what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.fields import Unsupported
from logferry.codegen.json_line import emit_flat_object
from logferry.codegen.line_fields import LineFields
from logferry.codegen.template_text import Function, Macro, parse_template
from logferry.codegen.typed import (
    CastError,
    emit_pair,
    json_converter,
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
    formatter = Formatter(pairs, context, is_flat=is_flat)
    return f"{fields.constants.bind(formatter, 'format_json')}(m)"


def formatter_of(function: Function, context: MacroContext) -> Formatter:
    """Return what formats messages. Raises ``TemplateError``."""
    is_flat = function.name == "format-flat-json"
    return Formatter(pairs_of(function), context, is_flat=is_flat)


def _emit_on_line(
    pairs: ValuePairs, fields: LineFields, context: MacroContext, *, is_flat: bool
) -> str:
    from logferry.codegen.templates import emit_parts, emit_template

    if fields.has_sdata and pairs.may_take_sdata:
        raise Unsupported("structured data is not read from lines")
    if fields.reception.has_sender_values and pairs.may_take_sdata:
        raise Unsupported("each sender has values of its own")
    codes: dict[str, str] = {}
    kinds: dict[str, str | None] = {}
    numbers: set[str] = set()
    for name in pairs.static_names():
        if name in {"SEQNUM", "RAWMSG"}:
            continue  # structured data has the one, a flag keeps the other
        key = pairs.key_of(name)
        codes[key] = emit_template(fields.macro(name, context), fields).code
        kinds[key] = static_kind(parse_template(f"${{{name}}}"), "", fields, context)
        kinds[key] = kinds[key] or ""  # nothing is left out, so it is no null
        if name in _NUMBERS and kinds[key]:
            numbers.add(key)
    for name in fields.changed:
        if pairs.takes(name):
            key = pairs.key_of(name)
            codes[key] = emit_template(fields.macro(name, context), fields).code
            kinds[key] = ""
            numbers.discard(key)
    explicit = set()
    for pair in pairs.pairs:
        parts = parse_template(pair.template)
        key = pairs.key_of(pair.key)
        explicit.add(key)
        kind = static_kind(parts, pair.hint, fields, context)
        kinds[key] = kind if pairs.casts or pair.hint else ""
        numbers.discard(key)
        if kinds[key] == "int" and parts in _NUMBER_TEMPLATES:
            numbers.add(key)
        is_dynamic = kinds[key] is None
        codes[key] = (
            emit_pair(parts, pair.hint, fields, context)
            if is_dynamic
            else emit_parts(parts, fields, context)
        )
    shapes = {name: _shape(name, keeps_dot=pairs.keeps_dot) for name in codes}
    ordered = sorted(codes, key=lambda name: shapes[name], reverse=True)
    shaped = tuple(shapes[name] for name in ordered)
    keeps = tuple(name in explicit and not pairs.omits_empty for name in ordered)
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


def _shape(name: str, *, keeps_dot: bool) -> str:
    return "_" + name[1:] if name.startswith(".") and not keeps_dot else name


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
        self._converters = tuple(
            (name, keeps, _converter(kind)) for name, keeps, kind in self._columns
        )
        self._shape = _Shape(names, delimiter)
        self._build = _Builder(delimiter, on_error)

    def __call__(self, *values: Any) -> bytes:
        try:
            return self._shape.dump(
                {
                    name: convert(value)
                    for (name, keeps, convert), value in zip(
                        self._converters, values, strict=True
                    )
                    if keeps or (value[0] if convert is _pair_value else value)
                },
                is_ordered=True,
            )
        except ValueError:  # CastError, UnicodeDecodeError
            return self._build(self._found(values))

    def _found(self, values: tuple[Any, ...]) -> list[tuple[str, bytes, str]]:
        found: list[tuple[str, bytes, str]] = []
        for (name, keeps, kind), value in zip(self._columns, values, strict=True):
            if kind is None:
                if value[0] or keeps:
                    found.append((name, *value))
            elif value or keeps:
                found.append((name, value, kind))
        return found


def _converter(kind: str | None) -> Callable[[Any], Any]:
    """Return what makes a JSON value of a text; raises ``ValueError``."""
    return _pair_value if kind is None else json_converter(kind)


def _pair_value(pair: tuple[bytes, str]) -> Any:
    return json_value(*pair) if pair[1] else pair[0].decode()


class _Shape:
    """The order of a set of keys, and the objects that their delimiters make."""

    __slots__ = ("_is_flat", "_levels", "_order")

    def __init__(self, names: Sequence[str], delimiter: str) -> None:
        self._order = tuple(sorted(names, reverse=True))
        self._is_flat = not delimiter or not any(delimiter in name for name in names)
        self._levels = (
            {} if self._is_flat else {name: _levels(name, delimiter) for name in names}
        )

    def dump(self, found: dict[str, Any], *, is_ordered: bool = False) -> bytes:
        """Return the object; ``found`` has some of the keys."""
        if is_ordered and self._is_flat:
            return orjson.dumps(found)
        ordered = [(name, found[name]) for name in self._order if name in found]
        if self._is_flat:
            return orjson.dumps(dict(ordered))
        return orjson.dumps(
            _nest([(self._levels[name], value) for name, value in ordered])
        )


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
        return _Shape([name for name, _ in items], delimiter).dump(dict(items))

    def _forgiving(self, pairs: list[tuple[str, bytes, str]]) -> list[tuple[str, Any]]:
        items: list[tuple[str, Any]] = []
        for name, value, kind in pairs:
            try:
                items.append((name, json_value(value, kind)))
            except CastError:
                if self._on_error == "fallback-to-string":
                    items.append((name, text_of(value)))
        return items


def _nest(pairs: list[tuple[list[str], Any]]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for levels, value in pairs:
        node = root
        for part in levels[:-1]:
            child = node.get(part)
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        last = levels[-1]
        inner = node.get(last)
        # A value beside an object of its name goes into it, as in the reference.
        (inner if isinstance(inner, dict) else node)[last] = value
    return root


def _levels(name: str, delimiter: str) -> list[str]:
    """Split at delimiters; those that begin a level belong to it."""
    levels: list[str] = []
    start = 0
    while True:
        position = start
        while name.startswith(delimiter, position):
            position += 1
        end = name.find(delimiter, position)
        if end < 0:
            levels.append(name[start:])
            return levels
        levels.append(name[start:end])
        start = end + 1
        if start == len(name):
            return levels


class Formatter:
    """
    ``format-json`` over a message.

    Messages of one kind have the same names, so that the order of the keys and their
    nesting are remembered by the names found.
    """

    _SHAPES_MAX = 4096

    def __init__(
        self, pairs: ValuePairs, context: MacroContext, *, is_flat: bool
    ) -> None:
        self._readers = pairs.readers(context)
        self._keeps_dot = pairs.keeps_dot
        self._delimiter = "" if is_flat else pairs.key_delimiter
        self._build = _Builder(self._delimiter, context.on_error)
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._keys = _ShapedKeys(self._readers.keys, keeps_dot=pairs.keeps_dot)
        self._macros = tuple(
            (self._shaped(key), function, _converter(kind))
            for key, function, kind in self._readers.macros
        )
        self._templates = tuple(
            (self._shaped(key), function, keeps_kind)
            for key, function, keeps_kind in self._readers.templates
        )

    def _shaped(self, key: str) -> str:
        return _shape(key, keeps_dot=self._keeps_dot)

    def __call__(self, message: Message) -> bytes:
        try:
            found = self._found(message)
        except ValueError:  # CastError, UnicodeDecodeError
            return self._slowly(message)
        names = tuple(found)
        shape = self._shapes.get(names)
        if shape is None:
            if len(self._shapes) >= self._SHAPES_MAX:
                self._shapes.clear()
            shape = self._shapes[names] = _Shape(names, self._delimiter)
        return shape.dump(found)

    def _found(self, message: Message) -> dict[str, Any]:
        """Return values by key. Raises ``ValueError`` for what needs a decision."""
        readers = self._readers
        found: dict[str, Any] = {}
        for key, function, convert in self._macros:
            value = function(message)
            if value:
                found[key] = convert(value)
        types = message.types if readers.is_typed else {}
        keys, omits_empty = self._keys, readers.omits_empty
        for name, value in message.values.items():
            shaped = keys[name]
            if shaped is not None and (value or not omits_empty):
                kind = types.get(name)
                found[shaped] = json_value(value, kind) if kind else value.decode()
        for key, pair, keeps_kind in self._templates:
            value, kind = pair(message)
            if value or not omits_empty:
                found[key] = (
                    json_value(value, kind) if kind and keeps_kind else value.decode()
                )
        return found

    def _slowly(self, message: Message) -> bytes:
        found = {
            self._shaped(key): (value, kind)
            for key, value, kind in self._readers(message)
        }
        return self._build(
            [(name, *found[name]) for name in sorted(found, reverse=True)]
        )


class _ShapedKeys(dict[str, "str | None"]):
    """Keys by name, with their leading dot as it is printed."""

    def __init__(self, keys: Mapping[str, str | None], *, keeps_dot: bool) -> None:
        super().__init__()
        self._keys = keys
        self._keeps_dot = keeps_dot

    def __missing__(self, name: str) -> str | None:
        if len(self) >= Formatter._SHAPES_MAX:
            self.clear()
        key = self._keys[name]
        shaped = None if key is None else _shape(key, keeps_dot=self._keeps_dot)
        self[name] = shaped
        return shaped
