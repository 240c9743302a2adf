"""
Where generated code finds the fields of a message.

Templates and filters are compiled against this interface, once for each form:

* ``LineFields`` (*slices*, ``line_fields.py``): the row of a canonical line, as local
  variables.
* :class:`MessageFields` (*messages*): a ``Message`` in the variable ``m``.

``Unsupported`` means that this form cannot give what is asked for; the planner then
takes the other one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from logferry.codegen.macros import ATTRIBUTES, MacroContext, macro_function

if TYPE_CHECKING:
    import re

    from logferry.codegen.emit import Constants, SourceWriter
    from logferry.message.model import Message

__all__ = [
    "Fields",
    "MessageFields",
    "Piece",
    "Unsupported",
]


class Unsupported(Exception):
    """This form cannot do it; the text says what."""


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A part of a record: a literal, atoms of the line as they are, or an expression.

    ``run`` is the half-open range of atoms that the piece copies.
    """

    literal: bytes = b""
    run: tuple[int, int] | None = None
    code: str = ""


class Fields(Protocol):
    """Fields of the message at hand, as source text."""

    constants: Constants

    def macro(self, name: str, context: MacroContext) -> list[Piece]:
        """Return what macro ``name`` prints."""
        ...

    def value(self, name: str) -> str:
        """Return an expression for a field or name-value pair, as bytes."""
        ...

    def pri_in(self, pris: frozenset[int]) -> str:
        """Return a condition: the PRI is one of ``pris``."""
        ...

    def origin(self) -> str:
        """Return an expression for the origin of the message."""
        ...

    def value_of_tags(self) -> str:
        """Return an expression for the tags."""
        ...

    def store_matches(self, search: str) -> str:
        """Return a condition that keeps the groups of a match."""
        ...

    def assign(self, name: str, code: str, out: SourceWriter) -> None:
        """Add statements that set a field or name-value pair."""
        ...


@dataclass(slots=True)
class MessageFields:
    """Fields of the ``Message`` in the variable ``m``."""

    constants: Constants
    context: MacroContext = field(default_factory=MacroContext)

    def macro(self, name: str, context: MacroContext) -> list[Piece]:
        """Return what macro ``name`` prints."""
        attribute = ATTRIBUTES.get(name)
        if attribute is not None:
            return [Piece(code=f"m.{attribute}")]
        function = macro_function(name, context)
        if function is None:
            return [Piece(code=self.value(name))]
        bound = self.constants.bind(function, f"{name.lower()}_of")
        return [Piece(code=f"{bound}(m)")]

    def value(self, name: str) -> str:
        """Return an expression for a macro or name-value pair."""
        if name == "HOST":
            return "m.host"
        attribute = ATTRIBUTES.get(name)
        if attribute is not None:
            return f"m.{attribute}"
        function = macro_function(name, self.context)
        if function is not None:
            bound = self.constants.bind(function, f"{name.lower()}_of")
            return f"{bound}(m)"
        key = self.constants.bind(name, f"name_{name.strip('.')}")
        return f'm.values.get({key}, b"")'

    def pri_in(self, pris: frozenset[int]) -> str:
        """Return a condition on the PRI."""
        numbers = self.constants.bind(pris, "pri_numbers")
        return f"(m.pri if m.pri < 1024 else 1024 | m.pri & 7) in {numbers}"

    def origin(self) -> str:
        """Return the origin of the message."""
        return "m.origin"

    def value_of_tags(self) -> str:
        """Return the tags of the message."""
        return "m.tags"

    def store_matches(self, search: str) -> str:
        """Keep ``$0`` to ``$255`` and named groups."""
        store = self.constants.bind(store_match, "store_match")
        return f"{store}(m, {search})"

    def assign(self, name: str, code: str, out: SourceWriter) -> None:
        """Set a field of the message."""
        attribute = {
            "HOST": "host",
            "FULLHOST": "host",
            **ATTRIBUTES,
        }.get(name)
        if attribute is None:
            key = self.constants.bind(name, f"name_{name.strip('.')}")
            out.line(f"m.values[{key}] = {code}")
            out.line(f"m.types.pop({key}, None)")
            return
        out.line(f"m.{attribute} = {code}")
        if attribute in {"program", "pid"}:
            out.line('m.header = b""')


def store_match(
    message: Message, match: re.Match[bytes] | None, *, keeps_names: bool = True
) -> bool:
    """Put the groups of ``match`` into the message; false when there is none."""
    if match is None:
        return False
    values = message.values
    count = min(match.re.groups + 1, 256)
    for index in range(count):
        value = match[index]
        if value is None:
            values.pop(str(index), None)
        else:
            values[str(index)] = value
    while values.pop(str(count), None) is not None:  # of an earlier match
        count += 1
    if keeps_names:
        for name, value in match.groupdict().items():
            values[name] = value or b""
    return True
