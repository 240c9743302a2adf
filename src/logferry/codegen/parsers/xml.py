"""
``xml()`` and ``windows-eventlog-xml-parser()``: elements and attributes as values.

``<a b="1"><c>x</c></a>`` gives ``.xml.a._b`` and ``.xml.a.c``. The text of an element
that comes more than once becomes a list, or is joined without ``create-lists``.
Entities of a document's own are refused: they can grow without bound.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING
from xml.parsers import expat

from logferry.codegen.lists import join_list
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.values import set_value
from logferry.config.kinds import TextKind, Words, YesNo
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["EventlogOptions", "XmlOptions", "make_eventlog", "make_xml"]


class XmlOptions(ParserOptions):
    """``xml()``."""

    title = "parser xml"

    prefix = Option(TextKind(), ".xml", doc="Put before every name.")
    drop_invalid = Option(
        YesNo(), default=False, doc="Drop messages that are no XML document."
    )
    exclude_tags = Option(Words(), (), doc="Patterns of elements that are left out.")
    strip_whitespaces = Option(
        YesNo(), default=False, doc="Cut spaces around the text of elements."
    )
    create_lists = Option(
        YesNo(), default=True, doc="Make a list of elements that repeat."
    )


class EventlogOptions(XmlOptions):
    """``windows-eventlog-xml-parser()``."""

    title = "parser windows-eventlog-xml-parser"

    prefix = Option(TextKind(), ".eventlog.", doc="Put before every name.")


def make_eventlog(options: EventlogOptions, context: MacroContext) -> ParserFunction:
    """Return the parser: ``<Data Name="x">`` gives ``….EventData.Data.x``."""
    return make_xml(options, context)


def make_xml(options: XmlOptions, context: MacroContext) -> ParserFunction:
    """Return the parser."""
    del context

    def parse(message: Message, text: bytes) -> bool:
        reader = _Reader(options)
        try:
            found = reader.read(text)
        except (expat.ExpatError, ValueError):
            return not options.drop_invalid
        for name, values in found.items():
            if len(values) == 1:
                set_value(message, name, values[0])
            elif options.create_lists:
                set_value(message, name, join_list(values), "list")
            else:
                set_value(message, name, b"".join(values))
        return True

    return parse


class _Reader:
    """Reads one document."""

    def __init__(self, options: XmlOptions) -> None:
        self._options = options
        self._names_data = isinstance(options, EventlogOptions)
        prefix = options.prefix.removesuffix(".")
        self._path = [prefix] if prefix else []
        self._texts: list[list[str]] = []
        self._found: dict[str, list[bytes]] = {}
        self._excluded = 0

    def read(self, text: bytes) -> dict[str, list[bytes]]:
        """Return values by name. Raises ``ExpatError`` and ``ValueError``."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._entity
        parser.Parse(text, True)
        return self._found

    def _entity(self, *_: object) -> None:
        raise ValueError("a document with entities of its own")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        patterns = self._options.exclude_tags
        if self._excluded or any(fnmatch.fnmatchcase(name, item) for item in patterns):
            self._excluded += 1
            return
        if self._names_data and name == "Data" and "Name" in attributes:
            attributes = dict(attributes)
            name = f"Data.{attributes.pop('Name')}"
        self._path.append(name)
        self._texts.append([])
        for key, value in attributes.items():
            self._keep(".".join([*self._path, f"_{key}"]), value)

    def _end(self, name: str) -> None:
        del name
        if self._excluded:
            self._excluded -= 1
            return
        text = "".join(self._texts.pop())
        if self._options.strip_whitespaces:
            text = text.strip()
        if text:
            self._keep(".".join(self._path), text)
        self._path.pop()

    def _data(self, data: str) -> None:
        if self._texts and not self._excluded:
            self._texts[-1].append(data)

    def _keep(self, name: str, value: str) -> None:
        self._found.setdefault(name, []).append(value.encode())
