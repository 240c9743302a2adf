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

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from logferry.codegen.macros import (
    ATTRIBUTES,
    STAMP_MACROS,
    MacroContext,
    date_writer,
    macro_function,
    short_host,
)
from logferry.syslog.names import SEVERITY_NAMES, facility_name

if TYPE_CHECKING:
    import re

    from logferry.codegen.emit import Constants, SourceWriter
    from logferry.message.model import Message

__all__ = [
    "PRI_MAX",
    "Fields",
    "MessageFields",
    "Piece",
    "Unsupported",
]


class Unsupported(Exception):
    """This form cannot do it; the text says what, ``remedy`` what would help."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


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

    def key(self, name: str) -> str:
        """Return an expression for PROGRAM, HOST or PRI as filters see it."""
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


class _Memo(dict[Any, bytes]):
    """A bounded cache: what a field becomes, computed when it is missing."""

    _LIMIT = 4096

    def __init__(self, compute: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: Any) -> bytes:
        if len(self) >= self._LIMIT:
            self.clear()
        value = self[key] = self._compute(key)
        return value


PRI_MAX = 1023
"""The largest PRI that names can mean (facility 127); larger ones count as one more
facility, which has no name."""


class _PriTest(dict[int, bool]):
    """Whether a PRI is one of some; beyond 1023 only its severity counts."""

    def __init__(self, pris: frozenset[int]) -> None:
        super().__init__()
        self._pris = pris

    def __missing__(self, pri: int) -> bool:
        if pri >= PRI_MAX + 1:  # not remembered: there is no end of them
            return (PRI_MAX + 1 | pri & 7) in self._pris
        passes = self[pri] = pri in self._pris
        return passes


class _PriTexts(dict[int, bytes]):
    """PRIs in digits; beyond 1023 only the severity counts."""

    def __missing__(self, pri: int) -> bytes:
        if pri > PRI_MAX:
            return b"%d" % (PRI_MAX + 1 | pri & 7)
        text = self[pri] = b"%d" % pri
        return text


_PRI_MACROS: dict[str, Callable[[int], bytes]] = {
    "SEVERITY": lambda pri: SEVERITY_NAMES[pri & 7].encode(),
    "SEVERITY_NUM": lambda pri: b"%d" % (pri & 7),
    "FACILITY": lambda pri: facility_name(pri >> 3).encode(),
    "FACILITY_NUM": lambda pri: b"%d" % (pri >> 3),
    "PRI": lambda pri: b"%d" % pri,
    "TAG": lambda pri: b"%02x" % pri,
}
_PRI_MACROS["LEVEL"] = _PRI_MACROS["PRIORITY"] = _PRI_MACROS["SEVERITY"]
_PRI_MACROS["LEVEL_NUM"] = _PRI_MACROS["SEVERITY_NUM"]
_ORIGIN_MACROS = {
    "HOST_FROM": "m.origin.host",
    "FULLHOST_FROM": "m.origin.host",
    "TRANSPORT": "m.origin.transport",
    "PEERIP": "m.origin.peer_ip",
    "SOURCEIP": '(m.origin.peer_ip or b"127.0.0.1")',
    "DESTIP": "m.origin.local_ip",
    "FILE_NAME": "m.origin.file_name",
}


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
        remembered = self._remembered(name, context)
        if remembered:
            return [Piece(code=remembered)]
        function = macro_function(name, context)
        if function is None:
            return [Piece(code=self.value(name))]
        bound = self.constants.bind(function, f"{name.lower()}_of")
        return [Piece(code=f"{bound}(m)")]

    def _remembered(self, name: str, context: MacroContext) -> str:
        """Return an expression for what follows from one field; it is computed once."""
        of_pri = _PRI_MACROS.get(name)
        if of_pri is not None:
            self.constants.values.setdefault(f"{name.lower()}_of", _Memo(of_pri))
            return f"{name.lower()}_of[m.pri]"
        stamp = name.removeprefix("S_")
        if stamp in STAMP_MACROS and not context.frac_digits:
            write = date_writer(stamp, context)
            assert write is not None
            memo = self.constants.bind(_Memo(write), f"{stamp.lower()}_of")
            return f"{memo}[m.stamp]"
        if name == "HOST":
            if not self.context.has_chains:
                return "m.host"
            self.constants.values.setdefault("host_of", _Memo(short_host))
            return "host_of[m.host]"
        return _ORIGIN_MACROS.get(name, "")

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
        return f"{self.constants.bind(_PriTest(pris), 'pri_passes')}[m.pri]"

    def key(self, name: str) -> str:
        """Return an expression for a field as filters see it."""
        if name != "PRI":
            return self.value(name)
        return f"{self.constants.bind(_PriTexts(), 'digits_of')}[m.pri]"

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
