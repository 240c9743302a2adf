"""
XML to dicts and back.

An element is its text, or a dict as soon as it has attributes (``@name``) or elements;
its text is then under ``#text``. Elements of one name become a list. Entities of a
document's own are refused: they can grow without bound.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from logferry.codegen.filterx.calls import Function
from logferry.codegen.filterx.values import Failure, raw, text_of, type_name
from logferry.limits import FILTERX_XML_DEPTH_MAX

__all__ = ["XML"]

_EVENT_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
_tag = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]*")


class _Reader:
    """Reads one document; ``is_eventlog`` names the items of EventData."""

    def __init__(self, *, is_eventlog: bool) -> None:
        self._is_eventlog = is_eventlog
        self._stack: list[tuple[str, dict[str, Any], list[str]]] = [("", {}, [])]

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the document. Raises ``ExpatError`` and ``ValueError``."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._entity
        parser.Parse(data, True)
        return self._stack[0][1]

    def _entity(self, *_: object) -> None:
        raise ValueError("a document with entities of its own")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._stack) > FILTERX_XML_DEPTH_MAX:
            raise ValueError("elements nest too deep")
        members: dict[str, Any] = {f"@{key}": item for key, item in attributes.items()}
        self._stack.append((name, members, []))

    def _data(self, data: str) -> None:
        self._stack[-1][2].append(data)

    def _end(self, name: str) -> None:
        _, members, texts = self._stack.pop()
        found = "".join(texts)
        if not found.strip():
            found = ""
        value: Any = found
        parent = self._stack[-1][1]
        if self._is_eventlog and name == "Data" and "@Name" in members:
            named = parent.setdefault("Data", {})
            if isinstance(named, dict):
                named[members["@Name"]] = found
                return
        if members:
            value = members
            if found:
                value = {**members, "#text": found}
                if not all(key[0] == "@" for key in members):
                    value = {"#text": found, **members}
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _parsed(value: Any, *, is_eventlog: bool = False) -> dict[str, Any]:
    if type(value) not in {str, bytes}:
        raise Failure(f"a string is wanted, not {type_name(value)}")
    data = value if type(value) is bytes else raw(value)
    try:
        return _Reader(is_eventlog=is_eventlog).read(data)
    except (expat.ExpatError, ValueError) as error:
        raise Failure(f"no XML: {error}") from None


def _parse_eventlog(value: Any) -> dict[str, Any]:
    found = _parsed(value, is_eventlog=True)
    event = found.get("Event")
    if not isinstance(event, dict) or event.get("@xmlns") != _EVENT_NAMESPACE:
        raise Failure("no event of Windows: its namespace is another")
    return found


# ---------------------------------------------------------------------------
# Writing


def _written(value: Any, *, is_eventlog: bool) -> str:
    if not isinstance(value, dict):
        raise Failure(f"a dict is wanted, not {type_name(value)}")
    made: list[str] = []
    for name, item in value.items():
        _write(name, item, made, 0, is_eventlog=is_eventlog)
    return "".join(made)


def _write(
    name: str, value: Any, made: list[str], depth: int, *, is_eventlog: bool
) -> None:
    if depth > FILTERX_XML_DEPTH_MAX:
        raise Failure("elements nest too deep")
    if not _tag.fullmatch(name):
        raise Failure(f"no name of an element: {name!r}")
    if type(value) is list:
        for item in value:
            _write(name, item, made, depth + 1, is_eventlog=is_eventlog)
        return
    if not isinstance(value, dict):
        body = escape(text_of(value))
        made.append(f"<{name}>{body}</{name}>" if body else f"<{name}/>")
        return
    if is_eventlog and name == "EventData" and isinstance(value.get("Data"), dict):
        data = value["Data"]
        rows = "".join(
            f"<Data Name='{_attribute(key)}'>{escape(text_of(item))}</Data>"
            for key, item in data.items()
        )
        made.append(f"<{name}>{rows}</{name}>")
        return
    head, inside = name, list[str]()
    for key, item in value.items():
        if key[:1] == "@":
            head += f" {key[1:]}='{_attribute(text_of(item))}'"
        elif key == "#text":
            inside.append(escape(text_of(item)))
        else:
            _write(key, item, inside, depth + 1, is_eventlog=is_eventlog)
    body = "".join(inside)
    made.append(f"<{head}>{body}</{name}>" if body else f"<{head}/>")


def _attribute(value: str) -> str:
    return escape(value, {"'": "&apos;", '"': "&quot;"})


XML: dict[str, Function] = {
    "parse_xml": Function(_parsed),
    "parse_windows_eventlog_xml": Function(_parse_eventlog),
    "format_xml": Function(lambda value: _written(value, is_eventlog=False)),
    "format_windows_eventlog_xml": Function(
        lambda value: _written(value, is_eventlog=True)
    ),
}
"""Functions by name."""
