r"""
CEF and LEEF: a head of fields between ``|``, then pairs.

In the head ``\|`` and ``\\`` are escapes, in the pairs what separates them: in CEF the
``=``, in LEEF the separator of the pairs. A word without ``=`` belongs to the value
before it. LEEF 2.0 may name its separator, as a character or as ``x09``.

Sources: ArcSight Common Event Format 0.1; IBM QRadar LEEF 1.0 and 2.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from logferry.codegen.filterx.calls import Call, Function, Prepared
from logferry.codegen.filterx.values import Failure, text_of, type_name

__all__ = ["EVENT_FORMATS"]

_column = re.compile(r"((?>(?:[^|\\]|\\.|\\\Z)*))(\||\Z)", re.DOTALL)
_newline = re.compile(r"[\r\n]")
_hex = re.compile(r"(?:0?[xX])([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the formats."""

    signature: str
    fields: tuple[str, ...]
    pair_separator: str
    escapes: str
    without_newlines: bool = False


_CEF = _Kind(
    "CEF",
    (
        "cef_version",
        "device_vendor",
        "device_product",
        "device_version",
        "device_event_class_id",
        "event_name",
        "agent_severity",
    ),
    " ",
    "=",
    without_newlines=True,
)
_LEEF = _Kind(
    "LEEF",
    ("leef_version", "vendor_name", "product_name", "product_version", "event_id"),
    "\t",
    "",
)


# ---------------------------------------------------------------------------
# Reading


def _unescaped(value: str, escapes: str) -> str:
    if "\\" not in value:
        return value
    return re.sub(rf"\\([\\{re.escape(escapes)}])", r"\1", value)


def _head(value: str, kind: _Kind) -> tuple[dict[str, str], str]:
    """Return the fields of the head, and what follows them."""
    found: dict[str, str] = {}
    at = 0
    for number, name in enumerate(kind.fields):
        match = _column.match(value, at)
        assert match is not None, "an empty column matches"
        column = match[1]
        if not number:
            signature, colon, column = column.partition(":")
            if not colon or signature != kind.signature:
                raise Failure(f"it does not begin with {kind.signature}:")
        elif not match[2] and not column:
            raise Failure(f"the field {name} is missing")
        found[name] = _unescaped(column, "|") if number else column
        at = match.end()
        if not match[2]:
            at = len(value)
    return found, value[at:]


def _pairs(value: str, separator: str, equals: str, escapes: str) -> dict[str, str]:
    """Return the pairs; a name begins behind a separator and ends at ``equals``."""
    found: dict[str, str] = {}
    if separator == " ":
        name = rf"(?:^|(?<= ))([A-Za-z0-9_.\-\[\]]+) *{re.escape(equals)}"
        matches = list(re.finditer(name, value))
        for position, match in enumerate(matches):
            is_last = position + 1 == len(matches)
            end = len(value) if is_last else matches[position + 1].start()
            found[match[1]] = _unescaped(value[match.end() : end].strip(), escapes)
        return found
    last = ""
    for part in _split(value, separator):
        name, mark, item = part.partition(equals)
        if mark and name.strip():
            last = name.strip()
            found[last] = _unescaped(item, escapes)
        elif last and part:
            found[last] += separator + _unescaped(part, escapes)
    return found


def _split(value: str, separator: str) -> list[str]:
    """Return the parts between separators that no backslash stands before."""
    return re.split(rf"(?<!\\){re.escape(separator)}", value)


def _prepare_parse(kind: _Kind) -> Any:
    def prepare(call: Call) -> Prepared:
        separator = call.text_option("pair_separator", "")
        equals = call.text_option("value_separator", "=")[:1] or "="
        is_separate = call.flag("separate_extensions")

        def parse(value: Any) -> dict[str, Any]:
            if type(value) is not str:
                raise Failure(f"a string is wanted, not {type_name(value)}")
            if kind.without_newlines:
                value = _newline.sub(" ", value)
            head, rest = _head(value, kind)
            found: dict[str, Any] = dict(head)
            between = separator or kind.pair_separator
            if kind is _LEEF and "2.0" in found["leef_version"]:
                named, rest = _delimiter(found, rest)
                between = separator or named or between
            escapes = kind.escapes or between
            pairs = _pairs(rest, between, equals, escapes)
            if is_separate:
                found["extensions"] = pairs
            else:
                found.update(pairs)
            return found

        return Prepared(parse, tuple(call.positional))

    return prepare


def _delimiter(found: dict[str, Any], rest: str) -> tuple[str, str]:
    """Take the separator of LEEF 2.0 from the head; it may be missing."""
    name, bar, behind = rest.partition("|")
    if not bar:
        return "", rest
    number = _hex.fullmatch(name)
    if number is not None:
        name = chr(int(number[1], 16))
    elif len(name) > 1:
        return "", rest
    found["leef_delimiter"] = name
    return name, behind


# ---------------------------------------------------------------------------
# Writing


def _escaped(value: str, characters: str) -> str:
    return re.sub(rf"[\\{re.escape(characters)}]", r"\\\g<0>", value)


def _formatter(kind: _Kind) -> Any:
    def format_event(value: Any) -> str:
        if not isinstance(value, dict):
            raise Failure(f"a dict is wanted, not {type_name(value)}")
        parts = []
        for name in kind.fields:
            field = value.get(name)
            if type(field) is not str:
                raise Failure(f"the field {name} must be a string")
            parts.append(_escaped(field, "|"))
        parts[0] = f"{kind.signature}:{parts[0]}"
        names = set(kind.fields)
        separator = kind.pair_separator
        if kind is _LEEF and value["leef_version"] == "2.0":
            names.add("leef_delimiter")
            named = value.get("leef_delimiter", "")
            if type(named) is not str:
                raise Failure("the field leef_delimiter must be a string")
            separator = named[:1] or separator
            is_shown = named.isprintable()
            parts.append(
                named if is_shown else "".join(f"\\x{ord(char):02x}" for char in named)
            )
        extensions = value.get("extensions")
        if extensions is None:
            extensions = {key: item for key, item in value.items() if key not in names}
        elif not isinstance(extensions, dict):
            raise Failure("extensions must be a dict")
        escapes = kind.escapes or separator
        pairs = (
            f"{key}={_escaped(text_of(item), escapes)}"
            for key, item in extensions.items()
        )
        return "|".join([*parts, separator.join(pairs)])

    return format_event


_OPTIONS = ("pair_separator", "value_separator", "separate_extensions")

EVENT_FORMATS: dict[str, Function] = {
    "parse_cef": Function(None, 1, 1, _OPTIONS, _prepare_parse(_CEF)),
    "parse_leef": Function(None, 1, 1, _OPTIONS, _prepare_parse(_LEEF)),
    "format_cef": Function(_formatter(_CEF)),
    "format_leef": Function(_formatter(_LEEF)),
}
"""Functions by name."""
