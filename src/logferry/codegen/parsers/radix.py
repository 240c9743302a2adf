"""
Patterns of a pattern database, as one tree for all of them.

A pattern is literal text with parsers such as ``@NUMBER:port@`` in it. Common
beginnings are shared, so that looking up a message costs about the length of the
message, however many patterns there are. A pattern that takes the whole text wins,
then one that takes its beginning; where several do, literal text goes before parsers
at each place, and among parsers the first in the file. A newline in a pattern matches
a carriage return before it, too. Source: the reference's radix tree.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from logferry.codegen.patterns import PatternError

__all__ = ["Captured", "Match", "RadixTree"]

T = TypeVar("T")

Captured: TypeAlias = tuple[str, bytes, str]
"""Name, text and type of what a parser took."""

_Scan: TypeAlias = Callable[[bytes, int], "tuple[int, bytes] | None"]
"""From text and place to the place behind and the value, or ``None``."""

_OCTET = rb"0*(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?![0-9])"
_IPV4 = _OCTET + rb"(?:\." + _OCTET + rb"){3}"
_HEX = rb"[0-9a-fA-F]{2}"
_LABEL = rb"[A-Za-z0-9-]++"
_HOSTNAME = _LABEL + rb"(?>(?:\." + _LABEL + rb")+)\.?+"
_FIXED = {
    "NUMBER": rb"([-+]?+(?:0[xX][0-9a-fA-F]++|(?!0[xX])[0-9]++))",
    "FLOAT": (
        rb"((?:[-+]?+(?:[0-9]++(?>(?:\.[0-9]*+)?)|\.[0-9]*+)|[-+])"
        rb"(?>(?:[eE][-+]?+[0-9]*+)?))"
    ),
    "ANYSTRING": rb"(.*+)",
    "IPv4": rb"(" + _IPV4 + rb")",
    "HOSTNAME": rb"(" + _HOSTNAME + rb")",
    "MACADDR": rb"(" + _HEX + rb"(?>(?::" + _HEX + rb"){0,5}))",
    "NLSTRING": rb"([^\n]*?)(?=\r?\n|\Z)",
}
_KINDS = {"NUMBER": "int", "FLOAT": "double", "DOUBLE": "double"}
_CR, _LF = 13, 10
_ipv6 = re.compile(rb"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_decimal = re.compile(rb"[-+]?[0-9]+")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A parser in a pattern; equal ones share a branch."""

    kind: str
    name: str
    extra: str


@dataclass(slots=True)
class _Node(Generic[T]):
    """A place in the tree; ``label`` is the literal text that leads to it."""

    label: bytes = b""
    value: T | None = None
    children: dict[int, _Node[T]] = field(default_factory=dict)
    pieces: dict[_Piece, tuple[_Scan, _Node[T]]] = field(default_factory=dict)
    is_behind_parser: bool = False

    def end_of_label(self, text: bytes, position: int) -> int:
        """Return where the label ends in ``text``, or -1 when it is not there."""
        if text.startswith(self.label, position):
            return position + len(self.label)
        if b"\n" not in self.label:
            return -1
        for line in self.label.split(b"\n")[:-1]:
            if not text.startswith(line, position):
                return -1
            position += len(line)
            position += text.startswith(b"\r", position)
            if not text.startswith(b"\n", position):
                return -1
            position += 1
        last = self.label.rpartition(b"\n")[2]
        return position + len(last) if text.startswith(last, position) else -1


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The value of a pattern, what it took, and where its text ends."""

    value: T
    end: int
    captured: tuple[Captured, ...] = ()


class RadixTree(Generic[T]):
    """Values by pattern."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def insert(self, pattern: str, value: T) -> T:
        """
        Add a pattern; return its value, which is that of an earlier equal one.

        Raises ``PatternError``.
        """
        node = self._root
        for piece in _pieces(pattern):
            if isinstance(piece, bytes):
                node = _insert_literal(node, piece)
            elif piece in node.pieces:
                node = node.pieces[piece][1]
            else:
                child: _Node[T] = _Node(is_behind_parser=True)
                node.pieces[piece] = (_scanner(piece), child)
                node = child
        if node.value is None:
            node.value = value
        return node.value

    def find(self, text: bytes) -> Match[T] | None:
        """Return the pattern that takes ``text``, or the beginning of it."""
        whole = _find(self._root, text, 0, is_whole=True)
        return whole or _find(self._root, text, 0, is_whole=False)

    def patterns(self) -> Iterator[T]:
        """Yield the values of all patterns."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            if node.value is not None:
                yield node.value
            nodes += node.children.values()
            nodes += [child for _, child in node.pieces.values()]


def _insert_literal(node: _Node[T], text: bytes) -> _Node[T]:
    while text:
        child = node.children.get(text[0])
        if child is None:
            child = node.children[text[0]] = _Node(text)
            return child
        shared = 0
        for one, other in zip(child.label, text, strict=False):
            if one != other:
                break
            shared += 1
        if shared < len(child.label):
            upper: _Node[T] = _Node(child.label[:shared])
            child.label = child.label[shared:]
            upper.children[child.label[0]] = child
            node.children[text[0]] = child = upper
        node, text = child, text[shared:]
    return node


def _find(
    node: _Node[T], text: bytes, position: int, *, is_whole: bool
) -> Match[T] | None:
    at_end = position == len(text)
    if at_end and (node.value is not None or not node.is_behind_parser):
        return None if node.value is None else Match(node.value, position)
    if not at_end:
        first = text[position]
        if first == _CR and text.startswith(b"\r\n", position):
            first = _LF
        child = node.children.get(first)
        end = -1 if child is None else child.end_of_label(text, position)
        if child is not None and end >= 0:
            found = _find(child, text, end, is_whole=is_whole)
            if found is not None:
                return found
    for piece, (scan, child) in node.pieces.items():
        taken = scan(text, position)
        if taken is None:
            continue
        found = _find(child, text, taken[0], is_whole=is_whole)
        if found is not None:
            if not piece.name:
                return found
            one = (piece.name, taken[1], _kind(piece.kind, taken[1]))
            return Match(found.value, found.end, (one, *found.captured))
    if node.value is None or is_whole:
        return None
    return Match(node.value, position)


def _kind(kind: str, value: bytes) -> str:
    found = _KINDS.get(kind, "")
    if found == "int" and not _decimal.fullmatch(value):
        return ""  # hexadecimal
    return found


def _pieces(pattern: str) -> list[bytes | _Piece]:
    """Split a pattern; ``@@`` is an at sign."""
    pieces: list[bytes | _Piece] = []
    literal, position = "", 0
    while position < len(pattern):
        if pattern[position] != "@":
            literal += pattern[position]
            position += 1
        elif pattern.startswith("@@", position):
            literal += "@"
            position += 2
        else:
            end = pattern.find("@", position + 1)
            if end < 0:
                raise PatternError(f"'@' is not closed in '{pattern}'")
            if literal:
                pieces.append(literal.encode("utf-8", "surrogateescape"))
                literal = ""
            kind, _, rest = pattern[position + 1 : end].partition(":")
            name, _, extra = rest.partition(":")
            pieces.append(_Piece(kind, name, extra))
            position = end + 1
    if literal:
        pieces.append(literal.encode("utf-8", "surrogateescape"))
    return pieces


def _scanner(piece: _Piece) -> _Scan:
    extra = piece.extra.encode("utf-8", "surrogateescape")
    fixed = _FIXED.get(piece.kind)
    if fixed is not None:
        if piece.kind == "NLSTRING" and extra:
            raise PatternError("@NLSTRING@ takes nothing but a name")
        return _regex_scan(fixed)
    match piece.kind:
        case "IPv6":
            return _scan_ipv6
        case "IPvANY":
            ipv4 = _regex_scan(_FIXED["IPv4"])
            return lambda text, position: (
                ipv4(text, position) or _scan_ipv6(text, position)
            )
        case "LLADDR":
            count = int(piece.extra) if piece.extra.isdecimal() else 20
            more = rb"(?>(?::" + _HEX + rb"){0,%d})" % max(0, count - 1)
            return _regex_scan(rb"(" + _HEX + more + rb")")
        case "PCRE":
            return _regex_scan(rb"((?:" + extra + rb"))")
        case "QSTRING" if extra:
            return _quoted_scan(extra[:1], extra[1:2] or extra[:1])
        case "ESTRING" if extra:
            return _regex_scan(rb"(.*?)" + re.escape(extra))
        case _:
            return _regex_scan(_of_characters(piece.kind, extra))


def _of_characters(kind: str, extra: bytes) -> bytes:
    """Return the pattern of a parser that is told further characters."""
    chars = re.escape(extra)
    match kind:
        case "STRING":
            return rb"([A-Za-z0-9" + chars + rb"]++)"
        case "SET" if extra:
            return rb"([" + chars + rb"]++)"
        case "OPTIONALSET" if extra:
            return rb"([" + chars + rb"]*+)"
        case "EMAIL":
            around = rb"[" + chars + rb"]*+" if extra else b""
            local = rb"(?!\.)[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++(?<!\.)"
            return around + rb"(" + local + rb"@" + _HOSTNAME + rb")" + around
        case "SET" | "OPTIONALSET" | "QSTRING" | "ESTRING":
            raise PatternError(f"@{kind}@ needs its characters behind the name")
        case _:
            raise PatternError(f"unknown parser @{kind}@")


def _regex_scan(pattern: bytes) -> _Scan:
    try:
        matches = re.compile(pattern, re.DOTALL).match
    except re.error as error:
        raise PatternError(f"the pattern does not compile: {error}") from error

    def scan(text: bytes, position: int) -> tuple[int, bytes] | None:
        found: Any = matches(text, position)
        return None if found is None else (found.end(), found[1])

    return scan


def _quoted_scan(opening: bytes, closing: bytes) -> _Scan:
    """Return what takes quoted text; pairs of different quotes may be nested."""
    if opening == closing:
        quote = re.escape(opening)
        return _regex_scan(quote + rb"([^" + quote + rb"]*+)" + quote)
    quotes = re.compile(rb"[" + re.escape(opening + closing) + rb"]")

    def scan(text: bytes, position: int) -> tuple[int, bytes] | None:
        if not text.startswith(opening, position):
            return None
        depth = 0
        for found in quotes.finditer(text, position):
            depth += 1 if found[0] == opening else -1
            if not depth:
                return found.end(), text[position + 1 : found.start()]
        return None

    return scan


def _scan_ipv6(text: bytes, position: int) -> tuple[int, bytes] | None:
    found = _ipv6.match(text, position)
    if found is None:
        return None
    value = found[0].rstrip(b".")
    while value:
        try:
            ipaddress.IPv6Address(value.decode())
        except ValueError:
            value = value[:-1]
        else:
            return position + len(value), value
    return None
