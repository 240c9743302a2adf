r"""
The *canonical line*: what the fast path takes apart with one regular expression.

A line is canonical when the regular expression accepts it; then the fast path and the
slow parser provably see the same fields, and printing the fields in the default format
gives the line back. Everything unusual (a PRI with leading zeros, Feb 29, a host with
a colon, two spaces) is not canonical and goes to the slow parser, alone.

A layout is a sequence of atoms: literals and fields in the order of the line. Any run
of neighbouring atoms can be captured as one group, so that a template that repeats a
part of the line copies it in one piece.

Regular expressions are possessive (``++``): a line that does not match is given up at
once instead of being tried in every other way. Groups are atomic instead
(``(?>(?:…)*)``): possessive groups match wrongly before Python 3.11.5.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "LEGACY",
    "LEGACY_LOCAL",
    "SYSLOG",
    "UNPARSED",
    "Atom",
    "Layout",
    "Slot",
    "row_pattern",
]


@dataclass(frozen=True, slots=True)
class Atom:
    """A literal of the line (``name`` is empty) or one of its fields."""

    name: str
    pattern: bytes
    literal: bytes = b""


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The atoms of a canonical line.

    ``shortcut`` is a cheaper pattern for a run of atoms that nobody looks into.
    """

    atoms: tuple[Atom, ...]
    shortcut: tuple[int, int, bytes] = (0, 0, b"")  # start, stop, pattern

    def index(self, name: str) -> int:
        """Return the place of field ``name``."""
        for index, atom in enumerate(self.atoms):
            if atom.name == name:
                return index
        raise KeyError(name)

    def is_filled(self, slot: Slot) -> bool:
        """Tell whether what ``slot`` captures is never empty."""
        atoms = self.atoms[slot.start : slot.stop]
        return any(atom.literal or atom.name in _FILLED for atom in atoms)

    def has(self, name: str) -> bool:
        """Tell whether the line has field ``name``."""
        return any(atom.name == name for atom in self.atoms)


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A capture: atoms ``start`` to ``stop`` (exclusive)."""

    start: int
    stop: int


def _literal(text: bytes) -> Atom:
    return Atom("", text, text)


_FILLED = {"pri", "stamp", "seconds", "offset", "host", "msgid", "sdata"}

_PRI = rb"(?:0|[1-9]\d?\d?)"
_CLOCK = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_BSD = (
    rb"(?:(?:Jan|Mar|May|Jul|Aug|Oct|Dec) (?: [1-9]|[12]\d|3[01])"
    rb"|(?:Apr|Jun|Sep|Nov) (?: [1-9]|[12]\d|30)"
    rb"|Feb (?: [1-9]|1\d|2[0-8])) " + _CLOCK
)
_ISO_DATE = (
    rb"[12]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    rb"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rb"|02-(?:0[1-9]|1\d|2[0-8]))T" + _CLOCK
)
_FRACTION = rb"(?>(?:\.\d{1,6})?)"
_OFFSET = rb"(?:Z|[+-][01]\d:[0-5]\d)"
# No "@" and no "/": what stands around them is not part of $HOST.
_LEGACY_HOST = rb"(?!last |Message )[^ :\[@/\n]++"
_PARAM = rb' [^ =\]"\n]++="[^"\\\]\n]*+"'
_SDATA = rb'(?:-|(?>(?:\[[^ =\]"\n]++(?>(?:' + _PARAM + rb")*)\])+))"

_HEAD = (
    _literal(b"<"),
    Atom("pri", _PRI),
    _literal(b">"),
    Atom("stamp", _BSD),
    _literal(b" "),
)
_HOST = (Atom("host", _LEGACY_HOST), _literal(b" "))
_TAIL = (
    Atom("bracket", rb"\[?+"),
    Atom("pid", rb"(?>(?:(?<=\[)[^ \]:\n]*+)?)"),
    Atom("colon", rb"(?:(?<=\])|(?<!\]))\]?+:?+ ?+"),
    Atom("message", rb"[^\n]*+"),
    _literal(b"\n"),
)
# The slow parser skips spaces before a program, and without a host other marks too.
_NO_MARK = rb"(?! )"
_NO_LOCAL_MARK = rb"(?! |: |last |Message )"

LEGACY = Layout(
    (*_HEAD, *_HOST, Atom("program", _NO_MARK + rb"[^ :\[\n]*+"), *_TAIL),
    shortcut=(7, 12, _NO_MARK + rb"[^\n]*+"),
)
"""``<34>Oct 11 22:14:15 mymachine su[1]: text`` (RFC 3164)."""

LEGACY_LOCAL = Layout(
    (*_HEAD, Atom("program", _NO_LOCAL_MARK + rb"[^ :\[\n]*+"), *_TAIL),
    shortcut=(5, 10, _NO_LOCAL_MARK + rb"[^\n]*+"),
)
"""``<34>Oct 11 22:14:15 su[1]: text``, as local programs write."""

SYSLOG = Layout(
    (
        _literal(b"<"),
        Atom("pri", _PRI),
        _literal(b">1 "),
        Atom("seconds", _ISO_DATE),
        Atom("fraction", _FRACTION),
        Atom("offset", _OFFSET),
        _literal(b" "),
        Atom("host", rb"(?!- )[^ @/\n]{1,255}+"),
        _literal(b" "),
        Atom("program", rb"[^ \n]{1,48}+"),
        _literal(b" "),
        Atom("pid", rb"[^ \n]{1,128}+"),
        _literal(b" "),
        Atom("msgid", rb"[^ \n]{1,32}+"),
        _literal(b" "),
        Atom("sdata", _SDATA),
        _literal(b" "),
        Atom("message", rb"(?!\xef\xbb\xbf)[^\n]++"),
        _literal(b"\n"),
    )
)
"""``<34>1 2026-10-11T22:14:15.003Z host app 1 ID47 - text`` (RFC 5424)."""

UNPARSED = Layout((Atom("message", rb"[^\n]++"), _literal(b"\n")))
"""Any line, all of it message (``flags(no-parse)``)."""


def row_pattern(layout: Layout, slots: list[Slot], *, odd: bool) -> bytes:
    """
    Return the expression that captures ``slots`` of each canonical line.

    With ``odd``, a line that is not canonical is captured whole by one more group.
    Slots must nest or be apart; groups come in the order of their starts.
    """
    pattern = []
    start, stop, shortcut = layout.shortcut
    is_short = not any(
        start < slot.start < stop or start < slot.stop < stop for slot in slots
    )
    for index, atom in enumerate(layout.atoms):
        opened = sum(slot.start == index for slot in slots)
        pattern.append(b"(" * opened)
        if not (is_short and start <= index < stop):
            pattern.append(atom.pattern)
        elif index == start:
            pattern.append(shortcut)
        closed = sum(slot.stop == index + 1 for slot in slots)
        pattern.append(b")" * closed)
    line = b"".join(pattern)
    if odd:
        return rb"(?m:^)(?>" + line + rb"|([^\n]++\n))"
    return rb"(?m:^)" + line
