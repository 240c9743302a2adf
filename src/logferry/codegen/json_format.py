"""
``$(format-json …)``: name-value pairs as a JSON object.

Keys come in descending byte order, dots make nested objects, a leading dot becomes an
underscore, empty macros are left out (reference: value-pairs and format-json).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from logferry.codegen.fields import LineFields
from logferry.codegen.json_line import emit_flat_object
from logferry.codegen.macros import MacroContext, macro_function
from logferry.codegen.template_text import Function, TemplateError, parse_template

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.message.model import Message

__all__ = ["emit_format_json", "formatter_of"]

_SCOPES: dict[str, tuple[str, ...]] = {
    "rfc3164": ("FACILITY", "PRIORITY", "HOST", "PROGRAM", "PID", "MESSAGE", "DATE"),
    "selected-macros": ("TAGS", "SOURCEIP", "SEQNUM"),
    "none": (),
}
_SCOPES["core"] = _SCOPES["base"] = _SCOPES["rfc3164"]
_SCOPES["rfc5424"] = _SCOPES["syslog-proto"] = (*_SCOPES["rfc3164"], "MSGID")
_BUILT_IN_PAIRS = (
    "HOST",
    "HOST_FROM",
    "MESSAGE",
    "PROGRAM",
    "PID",
    "MSGID",
    "SOURCE",
    "LEGACY_MSGHDR",
    "TRANSPORT",
)


@dataclass(slots=True)
class _Pairs:
    """What a value-pairs command line selects."""

    macros: list[str] = field(default_factory=list)
    templates: list[tuple[str, str]] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)  # of name-value pairs
    keys: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    takes_pairs: bool = False
    takes_dot_pairs: bool = False
    keeps_dot: bool = False


def _read_arguments(function: Function) -> _Pairs:
    pairs = _Pairs()
    words = list(function.raw)
    while words:
        word = words.pop(0)
        name, _, attached = word.partition("=")
        if not word.startswith("--"):
            key, equals, template = word.partition("=")
            if not equals:
                raise TemplateError(f"$({function.name}): expected name=value: {word}")
            pairs.templates.append((key, template))
            continue
        if name == "--leave-initial-dot":
            pairs.keeps_dot = True
            continue
        if name in {"--auto-cast", "--cast", "--no-cast", "--omit-empty-values"}:
            continue
        value = attached or (words.pop(0) if words else "")
        _read_option(function.name, name, value, pairs)
    return pairs


def _read_option(function: str, name: str, value: str, pairs: _Pairs) -> None:
    match name:
        case "--scope":
            for scope in value.replace(",", " ").split():
                _add_scope(function, scope, pairs)
        case "--key":
            pairs.keys.extend(value.replace(",", " ").split())
        case "--exclude":
            pairs.excluded.extend(value.replace(",", " ").split())
        case "--pair":
            key, _, template = value.partition("=")
            pairs.templates.append((key, template))
        case _:
            raise TemplateError(f"$({function}): unknown option {name}")


def _add_scope(function: str, scope: str, pairs: _Pairs) -> None:
    if scope in _SCOPES:
        pairs.macros.extend(_SCOPES[scope])
    elif scope in {"nv-pairs", "all-nv-pairs", "everything"}:
        pairs.takes_pairs = True
        pairs.takes_dot_pairs = pairs.takes_dot_pairs or scope != "nv-pairs"
    elif scope == "dot-nv-pairs":
        pairs.takes_dot_pairs = True
    elif scope == "sdata":
        pairs.prefixes.append(".SDATA.")
    else:
        raise TemplateError(f"$({function}): unknown scope {scope}")


def emit_format_json(function: Function, fields: Fields, context: MacroContext) -> str:
    """Return an expression for the object. Raises ``TemplateError``."""
    pairs = _read_arguments(function)
    if isinstance(fields, LineFields):
        return _emit_on_line(function, pairs, fields, context)
    formatter = Formatter(pairs, context)
    return f"{fields.constants.bind(formatter, 'format_json')}(m)"


def formatter_of(function: Function, context: MacroContext) -> Formatter:
    """Return what formats messages. Raises ``TemplateError``."""
    return Formatter(_read_arguments(function), context)


def _emit_on_line(
    function: Function, pairs: _Pairs, fields: LineFields, context: MacroContext
) -> str:
    """All names are known: the object is built from the variables of the row."""
    from logferry.codegen.templates import emit_template, pieces_of

    codes: dict[str, str] = {}
    names = list(pairs.macros)
    if pairs.takes_pairs:
        names += [*_BUILT_IN_PAIRS, *(name for name in fields.changed)]
    names += [key for key in pairs.keys if not set(key) & set("*?[")]
    for name in names:
        if (
            name.startswith(".")
            and not pairs.takes_dot_pairs
            and name not in pairs.keys
        ):
            continue
        if name == "SEQNUM" or any(
            fnmatch.fnmatchcase(name, x) for x in pairs.excluded
        ):
            continue
        codes[name] = emit_template(fields.macro(name, context), fields).code
    for key, template in pairs.templates:
        parts = parse_template(template)
        codes[key] = (
            emit_template(pieces_of(parts, fields, context), fields).code
            if parts
            else 'b""'
        )
    del function
    ordered = sorted(codes, key=str.encode, reverse=True)
    shaped = tuple(_shape(name, keeps_dot=pairs.keeps_dot) for name in ordered)
    explicit = frozenset(key for key, _ in pairs.templates)
    keeps = tuple(name in explicit for name in ordered)
    is_flat = not any("." in name for name in shaped)
    build: Callable[..., bytes] = (
        _FlatObject(shaped, keeps) if is_flat else _NestedObject(shaped, keeps)
    )
    bound = fields.constants.bind(build, "format_json")
    values = [codes[name] for name in ordered]
    general = f"{bound}({', '.join(values)})"
    if not is_flat:
        return general
    return emit_flat_object(shaped, values, keeps, general, fields)


def _shape(name: str, *, keeps_dot: bool) -> str:
    return "_" + name[1:] if name.startswith(".") and not keeps_dot else name


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("utf-8", "backslashreplace")


class _FlatObject:
    """Builds an object from values in the order of its names."""

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
                    name: _text(value)
                    for name, value in zip(self._names, values, strict=True)
                    if value or self._keeps[name]
                }
            )


class _NestedObject(_FlatObject):
    """The same where names hold dots."""

    def __call__(self, *values: bytes) -> bytes:
        pairs = [
            (name, _text(value))
            for name, value in zip(self._names, values, strict=True)
            if value or self._keeps[name]
        ]
        return orjson.dumps(_nest(pairs))


def _nest(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = name.split(".")
        node = root
        for part in path:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                break
            node = child
        node[last] = value
    return root


class Formatter:
    """``format-json`` over a message."""

    def __init__(self, pairs: _Pairs, context: MacroContext) -> None:
        from logferry.codegen.emit import Constants
        from logferry.codegen.fields import MessageFields
        from logferry.codegen.templates import emit_template, pieces_of

        self._pairs = pairs
        names = list(pairs.macros) + (
            list(_BUILT_IN_PAIRS) if pairs.takes_pairs else []
        )
        names += [key for key in pairs.keys if not set(key) & set("*?[")]
        self._macros = [
            (name, function)
            for name in dict.fromkeys(names)
            if (function := macro_function(name, context)) is not None
            and not any(fnmatch.fnmatchcase(name, item) for item in pairs.excluded)
        ]
        self._templates = []
        for key, text in pairs.templates:
            constants = Constants()
            fields = MessageFields(constants)
            parts = parse_template(text)
            code = (
                emit_template(pieces_of(parts, fields, context), fields).code
                if parts
                else 'b""'
            )
            function = eval(f"lambda m: {code}", constants.values)  # noqa: S307 - our own source
            self._templates.append((key, function))

    def __call__(self, message: Message) -> bytes:
        found: dict[str, Any] = {}
        for name, function in self._macros:
            value = function(message)
            if value:
                found[name] = _text(value)
        for name, value in message.values.items():
            if self._takes(name):
                found[name] = _typed(value, message.types.get(name))
        for key, function in self._templates:
            found[key] = _text(function(message))
        keeps_dot = self._pairs.keeps_dot
        ordered = [
            (_shape(name, keeps_dot=keeps_dot), found[name])
            for name in sorted(found, key=str.encode, reverse=True)
        ]
        if any("." in name for name, _ in ordered):
            return orjson.dumps(_nest(ordered))
        return orjson.dumps(dict(ordered))

    def _takes(self, name: str) -> bool:
        pairs = self._pairs
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in pairs.excluded):
            return False
        if any(name.startswith(prefix) for prefix in pairs.prefixes):
            return True
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in pairs.keys):
            return True
        if name.isdigit():
            return False
        return pairs.takes_dot_pairs if name.startswith(".") else pairs.takes_pairs


def _typed(value: bytes, kind: str | None) -> Any:
    if kind is None:
        return _text(value)
    try:
        match kind:
            case "int" | "int64":
                return int(value)
            case "float" | "double":
                return float(value)
            case "boolean":
                return value.lower() in {b"true", b"1", b"yes"}
            case "null":
                return None
            case "json" | "list":
                return orjson.loads(value)
    except (ValueError, orjson.JSONDecodeError):
        return _text(value)
    return _text(value)
