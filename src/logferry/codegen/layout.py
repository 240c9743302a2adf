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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from logferry.syslog.names import RAW, RFC3164, RFC5424

__all__ = [
    "LEGACY",
    "LEGACY_LOCAL",
    "SYSLOG",
    "UNPARSED",
    "Atom",
    "Layout",
    "RowShape",
    "Slot",
    "odd_row_pattern",
    "row_pattern",
    "seam_pattern",
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

    ``shortcut`` is a cheaper pattern for a run of atoms that nobody looks into;
    ``msgformat`` is what ``syslog.parse`` calls such lines.
    """

    atoms: tuple[Atom, ...]
    msgformat: bytes
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
# Colons only as in an IPv6 address; structured data has names of ASCII.
_HOST_5424 = (
    rb"(?!- )(?>[^ @/:\[\n]{1,255}+(?= )"
    rb"|[0-9A-Fa-f]{0,4}+(?>(?::[0-9A-Fa-f]{0,4}+){1,7})(?= ))"
)
_NAME = rb'[^ =\]"\n\x80-\xff]++'
_PARAM = rb" " + _NAME + rb'="[^"\\\]\n]*+"'
_SDATA = rb"(?:-|(?>(?:\[" + _NAME + rb"(?>(?:" + _PARAM + rb")*)\])+))"

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
    Atom("message", rb".*+"),
    _literal(b"\n"),
)
# The slow parser skips spaces before a program, and without a host other marks too.
_NO_MARK = rb"(?! )"
_NO_LOCAL_MARK = rb"(?! |: |last |Message )"

LEGACY = Layout(
    (*_HEAD, *_HOST, Atom("program", _NO_MARK + rb"[^ :\[\n]*+"), *_TAIL),
    RFC3164,
    shortcut=(7, 12, _NO_MARK + rb".*+"),
)
"""``<34>Oct 11 22:14:15 mymachine su[1]: text`` (RFC 3164)."""

LEGACY_LOCAL = Layout(
    (*_HEAD, Atom("program", _NO_LOCAL_MARK + rb"[^ :\[\n]*+"), *_TAIL),
    RFC3164,
    shortcut=(5, 10, _NO_LOCAL_MARK + rb".*+"),
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
        Atom("host", _HOST_5424),
        _literal(b" "),
        Atom("program", rb"[^ \n]{1,48}+"),
        _literal(b" "),
        Atom("pid", rb"[^ \n]{1,128}+"),
        _literal(b" "),
        Atom("msgid", rb"[^ \n]{1,32}+"),
        _literal(b" "),
        Atom("sdata", _SDATA),
        _literal(b" "),
        Atom("message", rb"(?!\xef\xbb\xbf).++"),
        _literal(b"\n"),
    ),
    RFC5424,
)
"""``<34>1 2026-10-11T22:14:15.003Z host app 1 ID47 - text`` (RFC 5424)."""

UNPARSED = Layout((Atom("message", rb".++"), _literal(b"\n")), RAW)
"""Any line, all of it message (``flags(no-parse)``)."""


@dataclass(frozen=True, slots=True)
class RowShape:
    """
    What is taken out of each line, and of which lines.

    Attributes:
        layout: the atoms of the lines.
        slots: what is captured; slots nest or are apart, groups come in the order of
            their starts.
        tests: lookaheads by the atoms that they stand before. Of a line that fails one
            nothing is captured from ``test_start`` on.

    """

    layout: Layout
    slots: tuple[Slot, ...]
    tests: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def test_start(self) -> int:
        """The atom from which on lines that pass and lines that fail are told apart."""
        first = min(self.tests)
        around = [slot.start for slot in self.slots if slot.start <= first < slot.stop]
        return min([first, *around])

    def line(self) -> bytes:
        """Return what matches one canonical line."""
        layout, last = self.layout, len(self.layout.atoms)
        if not self.tests:
            return _run(layout, self.slots, 0, last)
        start = self.test_start
        head = _run(layout, self.slots, 0, start)
        passing = _run(layout, self.slots, start, last, self.tests)
        failing = _run(layout, (), start, last)
        return head + rb"(?>" + passing + rb"|" + failing + rb")"


def row_pattern(shape: RowShape, *, has_first: bool = False) -> bytes:
    """
    Return the expression that takes rows out of lines, for ``findall``.

    It goes from line to line without leaving anything out: a line that is not canonical
    is matched together with all that follows, and nothing of it is captured. So the
    last row tells whether all lines are canonical: what is captured of every line is
    not empty, if it can be that. With ``has_first`` there is a group more before all
    others, the first byte of each canonical line.
    """
    first = rb"(?=(.))" if has_first else b""
    return first + shape.line() + _THE_REST


def odd_row_pattern(shape: RowShape) -> bytes:
    """
    Return the expression that takes rows out of lines, and odd lines.

    A line that is not canonical is captured whole by one more group; empty lines are
    left out.
    """
    return rb"(?m:^)(?>" + shape.line() + rb"|(.++\n))"


def seam_pattern(layout: Layout, gap: Slot) -> bytes:
    """
    Return the expression that captures what is between the ``gap``s of lines.

    For lines that are copied but for one part: what stands before the gap of a line is
    captured together with what stands behind that of the line before. So there is one
    capture more than lines, and joining them by another text for the gap does all. The
    last one is empty when not all lines are canonical.
    """
    before = _run(layout, [], 0, gap.start)
    behind = _run(layout, [], gap.stop, len(layout.atoms))
    middle = _run(layout, [], gap.start, gap.stop)
    seam = rb"((?>\A|" + behind + rb")(?>" + before + rb"|\Z))"
    return seam + rb"(?>" + middle + rb"|\Z)" + _THE_REST


_THE_REST = rb"|(?s:.+)"


def _run(
    layout: Layout,
    slots: Sequence[Slot],
    first: int,
    last: int,
    tests: Mapping[int, bytes] = MappingProxyType({}),
) -> bytes:
    """Return what matches the atoms ``first`` to ``last`` (exclusive)."""
    pattern = []
    start, stop, shortcut = layout.shortcut
    is_short = first <= start and stop <= last
    for slot in slots:
        if start < slot.start < stop or start < slot.stop < stop:
            is_short = False
    for index in range(first, last):
        pattern.append(tests.get(index, b""))
        opened = sum(slot.start == index for slot in slots)
        pattern.append(b"(" * opened)
        if not (is_short and start <= index < stop):
            pattern.append(layout.atoms[index].pattern)
        elif index == start:
            pattern.append(shortcut)
        closed = sum(slot.stop == index + 1 for slot in slots)
        pattern.append(b")" * closed)
    return b"".join(pattern)
