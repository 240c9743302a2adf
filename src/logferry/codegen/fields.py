"""
Where generated code finds the fields of a message.

Templates and filters are compiled against this interface, once for each form:

* :class:`LineFields` (*slices*): the row of a canonical line, as local variables;
  asking for a field makes the row capture it, and nothing else is captured.
* :class:`MessageFields` (*messages*): a ``Message`` in the variable ``m``.

``Unsupported`` means that this form cannot give what is asked for; the planner then
takes the other one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from logferry.codegen.layout import Layout, Slot
from logferry.codegen.macros import ATTRIBUTES, MacroContext, macro_function
from logferry.message.timestamps import StampFormat, StampReader, Zone, scan_stamp
from logferry.syslog.names import SEVERITY_NAMES, facility_name

if TYPE_CHECKING:
    import re

    from logferry.codegen.emit import Constants, SourceWriter
    from logferry.message.model import Message, UnixNanos
    from logferry.syslog.reception import Reception

__all__ = [
    "Fields",
    "LineFields",
    "MessageFields",
    "Piece",
    "Unsupported",
    "is_recurring_text",
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


class _Memo(dict[bytes, bytes]):
    """A bounded cache: text to text, computed when it is missing."""

    _LIMIT = 65_536

    def __init__(self, compute: object) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: bytes) -> bytes:
        if len(self) >= self._LIMIT:
            self.clear()
        value: bytes = self._compute(key)  # type: ignore[operator] # a callable
        self[key] = value
        return value


@dataclass(slots=True)
class LineFields:
    """
    Fields of a canonical line.

    Attributes:
        layout: the atoms of the line.
        slots: what the row captures, by variable name.
        setup: statements for the head of the function, by variable name.
        changed: the variable of each field or pair that a rewrite has set.
        sources: the expressions that those variables were set to.

    """

    layout: Layout
    constants: Constants
    reception: Reception
    local_time_zone: str
    slots: dict[Slot, str] = field(default_factory=dict)
    setup: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    change_count: int = 0

    @property
    def ordered_slots(self) -> list[Slot]:
        """What a row captures, in the order of its groups."""
        return sorted(self.slots, key=lambda slot: (slot.start, -slot.stop))

    def run(self, start: int, stop: int) -> str:
        """Capture atoms ``start`` to ``stop`` and return the variable."""
        slot = Slot(start, stop)
        known = self.slots.get(slot)
        if known is not None:
            return known
        for other in self.slots:
            is_apart = slot.stop <= other.start or other.stop <= slot.start
            is_inside = other.start <= slot.start and slot.stop <= other.stop
            is_around = slot.start <= other.start and other.stop <= slot.stop
            if not (is_apart or is_inside or is_around):
                raise Unsupported("two captures overlap")
        name = self.slots[slot] = self._name(start, stop)
        return name

    def _name(self, start: int, stop: int) -> str:
        atoms = self.layout.atoms[start:stop]
        names = [atom.name for atom in atoms if atom.name]
        if start == 0 and stop == len(self.layout.atoms):
            return "line"
        if len(names) == 1 and len(atoms) == 1:
            return names[0]
        if start == 0:
            return "head" if "head" not in self.slots.values() else f"head_{stop}"
        if stop == len(self.layout.atoms):
            return "tail" if "tail" not in self.slots.values() else f"tail_{start}"
        return f"{names[0]}_to_{names[-1]}"

    def field(self, name: str) -> str:
        """Capture one field and return its variable."""
        index = self.layout.index(name)
        return self.run(index, index + 1)

    def _atoms(self, first: str, last: str) -> list[Piece]:
        run = self.layout.index(first), self.layout.index(last) + 1
        return [Piece(run=run)]

    @property
    def _is_legacy(self) -> bool:
        return self.layout.has("stamp")

    def macro(self, name: str, context: MacroContext) -> list[Piece]:
        """Return what macro ``name`` prints."""
        if self.changed:
            changed = self._changed_macro(name)
            if changed is not None:
                return changed
        match name:
            case "PRI":
                return self._atoms("pri", "pri")
            case "HOST" | "FULLHOST":
                return self._host()
            case "MSGHDR" | "LEGACY_MSGHDR" if self._is_legacy:
                return self._atoms("program", "colon")
            case "MSG" | "MESSAGE" | "MSGONLY":
                return self._atoms("message", "message")
            case "PROGRAM" | "PID" if self._is_legacy:
                return self._atoms(name.lower(), name.lower())
            case "PROGRAM" | "PID" | "MSGID":
                return [Piece(code=self.value(name))]
            case "DATE" | "STAMP" | "S_DATE" | "S_STAMP" | "ISODATE" | "S_ISODATE":
                return self._date(name.removeprefix("S_"), context)
            case _:
                code = self._computed(name)
                if code is None:
                    raise Unsupported(f"${name} is not read from lines")
                return [Piece(code=code)]

    def _changed_macro(self, name: str) -> list[Piece] | None:
        """Return what ``name`` prints when a rewrite has touched it."""
        key = _CANONICAL_NAMES.get(name, name)
        if key in self.changed:
            return [Piece(code=self.changed[key])]
        if name == "MSGHDR" and not self.changed.keys().isdisjoint({"PROGRAM", "PID"}):
            header = self.constants.bind(make_header, "make_header")
            program, pid = self.value("PROGRAM"), self.value("PID")
            return [Piece(code=f"{header}({program}, {pid})")]
        return None

    def assign(self, name: str, code: str, out: SourceWriter) -> None:
        """Put the new value into a new variable, used from here on."""
        key = _CANONICAL_NAMES.get(name, name)
        if (
            key == "LEGACY_MSGHDR"
            or key.startswith(".SDATA.")
            or not (key in _CANONICAL_NAMES.values() or self._is_free_name(key))
        ):
            raise Unsupported(f"setting {name} changes messages")
        self.change_count += 1
        plain = "".join(char if char.isalnum() else "_" for char in key.lower())
        variable = f"new_{plain}_{self.change_count}"
        out.line(f"{variable} = {code}")
        self.sources[variable] = code
        self.changed = {**self.changed, key: variable}

    @staticmethod
    def _is_free_name(name: str) -> bool:
        return macro_function(name, MacroContext()) is None

    def value_of_tags(self) -> str:
        """Return the tags: a canonical line only has those of its source."""
        tags = tuple(tag.encode() for tag in self.reception.tags)
        return self.constants.bind(tags, "source_tags")

    def store_matches(self, search: str) -> str:
        """Refuse: matches are kept in messages."""
        del search
        raise Unsupported("store-matches changes messages")

    def _computed(self, name: str) -> str | None:
        """Return macros that follow from the PRI or the connection."""
        of_pri = _PRI_MACROS.get(name)
        if of_pri is not None:
            memo = self.constants.bind(_Memo(of_pri), f"{name.lower()}_of")
            return f"{memo}[{self.field('pri')}]"
        code = _ORIGIN_MACROS.get(name)
        if code is not None:
            self.setup[name.lower()] = code
            return name.lower()
        return None

    def _host(self) -> list[Piece]:
        reception = self.reception
        if reception.host_override:
            return [Piece(literal=reception.host_override.encode())]
        if reception.keep_hostname or reception.local:
            return self._atoms("host", "host")
        self.setup["host"] = "origin.host"
        return [Piece(code="host")]

    def _date(self, name: str, context: MacroContext) -> list[Piece]:
        form = "iso" if name == "ISODATE" else context.format
        if self._is_legacy:
            is_plain = context.zone is None and not context.frac_digits
            if form == "bsd" and is_plain:
                return self._atoms("stamp", "stamp")
            zone = Zone(self.reception.time_zone or self.local_time_zone)
            memo = _BsdMemo(form, context, zone)
            name = self.constants.bind(memo, f"{form}_date_of")
            self.setup[f"{name}.now"] = "now"
            return [Piece(code=f"{name}[{self.field('stamp')}]")]
        if form == "iso" and context.zone is None and not context.frac_digits:
            offsets = self.constants.bind(_Memo(_iso_offset), "iso_offset_of")
            seconds = self._atoms("seconds", "seconds")
            return [*seconds, Piece(code=f"{offsets}[{self.field('offset')}]")]
        raise Unsupported("this form of date is not read from lines")

    def value(self, name: str) -> str:
        """Return an expression for a field."""
        key = _CANONICAL_NAMES.get(name, name)
        if key in self.changed:
            return self.changed[key]
        known = {
            "PROGRAM": "program",
            "PID": "pid",
            "MSG": "message",
            "MESSAGE": "message",
            "MSGONLY": "message",
            "MSGID": "msgid",
        }.get(name)
        if known is not None and self.layout.has(known):
            if self.reception.program_override and known == "program":
                return self.constants.bind(
                    self.reception.program_override.encode(), "program_override"
                )
            code = self.field(known)
            if not self._is_legacy and known != "message":
                return f'(b"" if {code} == b"-" else {code})'
            return code
        if name in {"HOST", "FULLHOST"}:
            piece = self._host()[0]
            if piece.run is not None:
                return self.run(*piece.run)
            return piece.code or self.constants.bind(piece.literal, "host_override")
        if name == "MSGID":
            return 'b""'
        if name in _PRI_MACROS or name in _ORIGIN_MACROS:
            code_or_none = self._computed(name)
            assert code_or_none is not None
            return code_or_none
        if self._is_legacy and self._is_free_name(name):
            return 'b""'  # nothing sets it on this form but a rewrite
        raise Unsupported(f"{name} is not read from lines")

    def pri_in(self, pris: frozenset[int]) -> str:
        """Return a condition on the PRI: membership of its text in a set."""
        texts = frozenset(b"%d" % pri for pri in pris)
        name = self.constants.bind(texts, "pris")
        return f"{self.field('pri')} in {name}"

    def origin(self) -> str:
        """Return the origin of all lines of the chunk."""
        return "origin"


class _BsdMemo(dict[bytes, bytes]):
    """BSD stamps in another form; forgets everything when the day changes."""

    _DAY_NS = 86_400_000_000_000

    def __init__(self, form: str, context: MacroContext, zone: Zone) -> None:
        super().__init__()
        self._reader = StampReader(zone)
        self._format = StampFormat(form, context.frac_digits, context.zone)
        self._now: UnixNanos | int = 0
        self._day = -1

    @property
    def now(self) -> int:
        """The wall clock, for the guess of the year."""
        return self._now

    @now.setter
    def now(self, now: UnixNanos) -> None:
        self._now = now
        day = now // self._DAY_NS
        if day != self._day or len(self) > 4096:
            self.clear()
            self._day = day

    def __missing__(self, text: bytes) -> bytes:
        match = scan_stamp(text)
        assert match is not None  # the layout's pattern is stricter
        stamp = self._reader.read(match, self._now)  # type: ignore[arg-type] # set before
        assert stamp is not None
        value = self[text] = self._format.write(stamp)
        return value


def is_recurring_text(memo: object) -> bool:
    """Tell whether ``memo`` gives words made from the PRI or the date of a line."""
    return isinstance(memo, _Memo | _BsdMemo)


_CANONICAL_NAMES = {
    "MSG": "MESSAGE",
    "MSGONLY": "MESSAGE",
    "MESSAGE": "MESSAGE",
    "HOST": "HOST",
    "FULLHOST": "HOST",
    "PROGRAM": "PROGRAM",
    "PID": "PID",
    "MSGID": "MSGID",
}


def make_header(program: bytes, pid: bytes) -> bytes:
    """Return ``prog[pid]: ``, as ``$MSGHDR`` prints it for a changed message."""
    if not program:
        return b""
    return b"%b[%b]: " % (program, pid) if pid else program + b": "


def _iso_offset(text: bytes) -> bytes:
    return b"+00:00" if text == b"Z" else text


_PRI_MACROS = {
    "LEVEL": lambda pri: SEVERITY_NAMES[int(pri) & 7].encode(),
    "LEVEL_NUM": lambda pri: b"%d" % (int(pri) & 7),
    "FACILITY": lambda pri: facility_name(int(pri) >> 3).encode(),
    "FACILITY_NUM": lambda pri: b"%d" % (int(pri) >> 3),
    "TAG": lambda pri: b"%02x" % int(pri),
}
_PRI_MACROS["SEVERITY"] = _PRI_MACROS["PRIORITY"] = _PRI_MACROS["LEVEL"]
_PRI_MACROS["SEVERITY_NUM"] = _PRI_MACROS["LEVEL_NUM"]
_ORIGIN_MACROS = {
    "HOST_FROM": "origin.host",
    "FULLHOST_FROM": "origin.host",
    "SOURCE": 'origin.source.partition(b"#")[0]',
    "TRANSPORT": "origin.transport",
    "PEERIP": "origin.peer_ip",
    "SOURCEIP": 'origin.peer_ip or b"127.0.0.1"',
    "DESTIP": "origin.local_ip",
    "FILE_NAME": "origin.file_name",
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
