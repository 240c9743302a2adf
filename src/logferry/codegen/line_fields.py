"""
The fields of a canonical line, as local variables of generated code.

Asking for a field makes the row capture it, and nothing else is captured. What the
line does not say (a line without a header has no PRI, no date and no host) is the
source's default: a constant, or computed once for each chunk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from logferry.codegen.fields import Piece, Unsupported
from logferry.codegen.layout import Layout, Slot
from logferry.codegen.line_dates import ChunkDate, emit_date, is_date_of_text
from logferry.codegen.lists import join_list
from logferry.codegen.macros import MacroContext, macro_function, short_host
from logferry.message.timestamps import Zone
from logferry.syslog.names import SEVERITY_NAMES, facility_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.emit import Constants, SourceWriter
    from logferry.syslog.reception import Reception

__all__ = ["LineFields"]


class _WordsOfPri(dict[bytes, bytes]):
    """What a macro prints for each PRI: there are a thousand of them."""

    def __init__(self, compute: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, pri: bytes) -> bytes:
        value = self[pri] = self._compute(pri)
        return value


@dataclass(slots=True)
class LineFields:
    """
    Fields of a canonical line.

    Attributes:
        layout: the atoms of the line.
        context: what macros need besides the line.
        slots: what the row captures, by variable name.
        setup: statements for the head of the function, by variable name.
        changed: the variable of each field or pair that a rewrite, or an option of
            the source, has set.
        sources: the expressions that those variables were set to.

    """

    layout: Layout
    constants: Constants
    reception: Reception
    local_time_zone: str
    context: MacroContext = field(default_factory=MacroContext)
    slots: dict[Slot, str] = field(default_factory=dict)
    setup: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    change_count: int = 0

    def __post_init__(self) -> None:
        override = self.reception.program_override
        if override:
            program = self.constants.bind(override.encode(), "program_override")
            self.changed["PROGRAM"] = program

    @property
    def zone(self) -> Zone:
        """The zone of stamps that name none, and of the time of reception."""
        return Zone(self.reception.time_zone or self.local_time_zone)

    @property
    def has_stamp(self) -> bool:
        """Whether the message's own time stands in the line, and counts."""
        has_date = self.layout.has("stamp") or self.layout.has("seconds")
        return has_date and self.reception.keep_timestamp

    @property
    def header_is_kept(self) -> bool:
        """Whether ``prog[pid]: `` stands in the line and is printed as it is."""
        is_dropped = "dont-store-legacy-msghdr" in self.reception.flags
        is_changed = not self.changed.keys().isdisjoint({"PROGRAM", "PID"})
        return self.layout.has("colon") and not is_dropped and not is_changed

    @property
    def has_sdata(self) -> bool:
        """Whether lines have structured data."""
        return self.layout.has("sdata")

    @property
    def ordered_slots(self) -> list[Slot]:
        """What a row captures, in the order of its groups."""
        return sorted(self.slots, key=lambda slot: (slot.start, -slot.stop))

    def position(self) -> tuple[dict[Slot, str], dict[str, str], dict[str, str]]:
        """Return what is captured, set up and changed, for :meth:`go_back`."""
        return dict(self.slots), dict(self.setup), self.changed

    def go_back(
        self, position: tuple[dict[Slot, str], dict[str, str], dict[str, str]]
    ) -> None:
        """Forget what was asked for since ``position``."""
        self.slots, self.setup, self.changed = position

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
        """Return a name that no other capture has."""
        atoms = self.layout.atoms[start:stop]
        names = [atom.name for atom in atoms if atom.name]
        if len(atoms) == len(self.layout.atoms):
            return "line"
        name = names[0] if len(names) == 1 else f"{names[0]}_to_{names[-1]}"
        if start == 0:
            name = "head"
        elif stop == len(self.layout.atoms):
            name = "tail"
        is_taken = name in self.slots.values()
        return f"{name}_{start}_{stop}" if is_taken else name

    def field(self, name: str) -> str:
        """Capture one field and return its variable."""
        index = self.layout.index(name)
        return self.run(index, index + 1)

    def atoms(self, first: str, last: str) -> list[Piece]:
        """Return what copies the fields ``first`` to ``last`` as they are."""
        run = self.layout.index(first), self.layout.index(last) + 1
        return [Piece(run=run)]

    def macro(self, name: str, context: MacroContext) -> list[Piece]:
        """Return what macro ``name`` prints."""
        if self.changed:
            changed = self._changed_macro(name)
            if changed is not None:
                return changed
        match name:
            case "PRI":
                return self._pri()
            case "HOST" | "FULLHOST":
                return self._host(is_full=name == "FULLHOST")
            case "MSGHDR" | "LEGACY_MSGHDR":
                return self._header(name)
            case "MSG" | "MESSAGE" | "MSGONLY":
                return self.atoms("message", "message")
            case "PROGRAM" | "PID" if self.layout.has("stamp"):
                return self.atoms(name.lower(), name.lower())
            case "PROGRAM" | "PID" | "MSGID":
                return [Piece(code=self.value(name))]
        date = emit_date(name, self, context)
        if date is not None:
            return date
        code = self.value(name)
        return [Piece() if code == 'b""' else Piece(code=code)]

    def _changed_macro(self, name: str) -> list[Piece] | None:
        """Return what ``name`` prints when a rewrite has touched it."""
        key = _CANONICAL_NAMES.get(name, name)
        if key in self.changed:
            code = self.changed[key]
            if name == "HOST" and self.context.has_chains:
                code = f"{self.constants.bind(short_host, 'short_host')}({code})"
            return [Piece(code=code)]
        if self.changed.keys().isdisjoint({"PROGRAM", "PID"}):
            return None
        if name == "MSGHDR":
            return [self._made_header()]
        return [Piece()] if name == "LEGACY_MSGHDR" else None

    def assign(self, name: str, code: str, out: SourceWriter) -> None:
        """Put the new value into a new variable, used from here on."""
        key = _CANONICAL_NAMES.get(name, name)
        if (
            key == "LEGACY_MSGHDR"
            or key.startswith(".SDATA.")
            or not (key in _CANONICAL_NAMES.values() or self.is_free_name(key))
        ):
            raise Unsupported(f"setting {name} changes messages")
        self.change_count += 1
        plain = "".join(char if char.isalnum() else "_" for char in key.lower())
        variable = f"new_{plain}_{self.change_count}"
        out.line(f"{variable} = {code}")
        self.sources[variable] = code
        self.changed = {**self.changed, key: variable}

    @staticmethod
    def is_free_name(name: str) -> bool:
        """Tell whether ``name`` is that of a name-value pair, not of a macro."""
        return macro_function(name, MacroContext()) is None

    def value_of_tags(self) -> str:
        """Return the tags: a canonical line only has those of its source."""
        tags = tuple(tag.encode() for tag in self.reception.tags)
        return self.constants.bind(tags, "source_tags")

    def store_matches(self, search: str) -> str:
        """Refuse: matches are kept in messages."""
        del search
        raise Unsupported("store-matches changes messages")

    def _pri(self) -> list[Piece]:
        if self.layout.has("pri"):
            return self.atoms("pri", "pri")
        return [Piece(literal=b"%d" % self.reception.default_pri)]

    def _computed(self, name: str) -> str | None:
        """Return macros that follow from the PRI, the source or the connection."""
        of_pri = _PRI_MACROS.get(name)
        if of_pri is not None:
            if not self.layout.has("pri"):
                word = of_pri(b"%d" % self.reception.default_pri)
                return self.constants.bind(word, name.lower())
            memo = self.constants.bind(_WordsOfPri(of_pri), f"{name.lower()}_of")
            return f"{memo}[{self.field('pri')}]"
        if name == "MSGFORMAT":
            return self.constants.bind(self.layout.msgformat, "msgformat")
        if name == "LOGHOST":
            return self.constants.bind(self.context.host_name, "our_name")
        if name == "TAGS":
            tags = [tag.encode() for tag in self.reception.tags]
            return self.constants.bind(join_list(tags), "joined_tags")
        code = _ORIGIN_MACROS.get(name)
        if code is not None:
            self.setup[name.lower()] = code
            return name.lower()
        return None

    def _host(self, *, is_full: bool) -> list[Piece]:
        """
        Decide on HOST as ``syslog.parse`` does (reference: host name handling).

        The full host is the whole chain of relays, else it is its first name.
        """
        reception = self.reception
        if reception.host_override:
            return [Piece(literal=reception.host_override.encode())]
        is_named = self.layout.has("host")
        has_chain = reception.chain_hostnames and not (
            is_named and reception.keep_hostname
        )
        if has_chain and reception.local:
            raise Unsupported("chain-hostnames() of local messages")
        is_chained = has_chain and (is_full or not is_named)
        lower = ".lower()" if reception.normalize_hostnames else ""
        if is_named and not is_chained and (reception.keep_hostname or has_chain):
            if not lower:
                return self.atoms("host", "host")
            return [Piece(code=f"{self.field('host')}.lower()")]
        sender = "origin.host"
        if reception.local:
            sender = self.constants.bind(self.context.host_name, "our_name")
        if is_named and is_chained:
            self.setup["sender"] = f'(b"/" + {sender}){lower}'
            return [Piece(code=f"{self.field('host')}{lower}"), Piece(code="sender")]
        if is_chained and is_full:
            self.setup["hosts"] = f'({sender} + b"/" + {sender}){lower}'
            return [Piece(code="hosts")]
        self.setup["host"] = f"{sender}{lower}"
        return [Piece(code="host")]

    def _header(self, name: str) -> list[Piece]:
        """Return the header as the line has it, or as it is made of its parts."""
        if self.header_is_kept:
            return self.atoms("program", "colon")
        if name == "LEGACY_MSGHDR" or not self.layout.has("program"):
            return [Piece()]
        return [self._made_header()]

    def _made_header(self) -> Piece:
        header = self.constants.bind(make_header, "make_header")
        return Piece(code=f"{header}({self.value('PROGRAM')}, {self.value('PID')})")

    def value(self, name: str) -> str:
        """Return an expression for a field."""
        key = _CANONICAL_NAMES.get(name, name)
        if key in self.changed:
            return self.changed[key]
        known = _FIELDS.get(name)
        if known is not None:
            return self._field_or_nothing(known)
        if name in {"HOST", "FULLHOST"}:
            return self._joined(self._host(is_full=True))
        code = self._computed(name)
        if code is not None:
            return code
        date = emit_date(name, self, self.context)
        if date is not None:
            return self._joined(date)
        if not self.has_sdata and self.is_free_name(name):
            return self._sender_value(name)
        raise Unsupported(f"${name} is not read from lines")

    def _field_or_nothing(self, name: str) -> str:
        if not self.layout.has(name):
            return 'b""'
        code = self.field(name)
        if self.has_sdata and name != "message":
            return f'(b"" if {code} == b"-" else {code})'
        return code

    def _joined(self, pieces: list[Piece]) -> str:
        """Return an expression for what ``pieces`` print together."""
        codes = []
        for piece in pieces:
            if piece.run is not None:
                codes.append(self.run(*piece.run))
            else:
                literal = piece.literal
                codes.append(piece.code or self.constants.bind(literal, "host"))
        return codes[0] if len(codes) == 1 else f"({' + '.join(codes)})"

    def _sender_value(self, name: str) -> str:
        """Return a name-value pair: nothing sets one here but the sender."""
        if not self.reception.has_sender_values:
            return 'b""'
        self.setup["sender_values"] = "dict(origin.values)"
        key = self.constants.bind(name, f"name_{name.strip('.')}")
        return f'sender_values.get({key}, b"")'

    def pri_in(self, pris: frozenset[int]) -> str:
        """Return a condition on the PRI: membership of its text in a set."""
        if not self.layout.has("pri"):
            return str(self.reception.default_pri in pris)
        texts = frozenset(b"%d" % pri for pri in pris)
        name = self.constants.bind(texts, "pris")
        return f"{self.field('pri')} in {name}"

    def key(self, name: str) -> str:
        """Return an expression for a field as filters see it."""
        return self._joined(self._pri()) if name == "PRI" else self.value(name)

    def origin(self) -> str:
        """Return the origin of all lines of the chunk."""
        return "origin"

    def is_word_of_ours(self, code: str) -> bool:
        """Tell whether ``code`` gives a word made from the PRI or from a date."""
        memo, bracket, _ = code.partition("[")
        if bracket:
            value = self.constants.values.get(memo)
            return isinstance(value, _WordsOfPri) or is_date_of_text(value)
        maker = self.setup.get(code, "").removesuffix("(now)")
        return isinstance(self.constants.values.get(maker), ChunkDate)


_FIELDS: Final = {
    "PROGRAM": "program",
    "PID": "pid",
    "MSG": "message",
    "MESSAGE": "message",
    "MSGONLY": "message",
    "MSGID": "msgid",
}
_CANONICAL_NAMES: Final = {
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


_PRI_MACROS: Final = {
    "LEVEL": lambda pri: SEVERITY_NAMES[int(pri) & 7].encode(),
    "LEVEL_NUM": lambda pri: b"%d" % (int(pri) & 7),
    "FACILITY": lambda pri: facility_name(int(pri) >> 3).encode(),
    "FACILITY_NUM": lambda pri: b"%d" % (int(pri) >> 3),
    "TAG": lambda pri: b"%02x" % int(pri),
}
_PRI_MACROS["SEVERITY"] = _PRI_MACROS["PRIORITY"] = _PRI_MACROS["LEVEL"]
_PRI_MACROS["SEVERITY_NUM"] = _PRI_MACROS["LEVEL_NUM"]
_ORIGIN_MACROS: Final = {
    "HOST_FROM": "origin.host",
    "FULLHOST_FROM": "origin.host",
    "SOURCE": 'origin.source.partition(b"#")[0]',
    "TRANSPORT": "origin.transport",
    "PEERIP": "origin.peer_ip",
    "SOURCEIP": 'origin.peer_ip or b"127.0.0.1"',
    "DESTIP": "origin.local_ip",
    "FILE_NAME": "origin.file_name",
}
