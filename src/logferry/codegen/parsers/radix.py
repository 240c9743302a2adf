"""
Patterns of a pattern database, as one tree for all of them.

A pattern is literal text with parsers such as ``@NUMBER:port@`` in it. Common
beginnings are shared, so that looking up a message costs about the length of the
message, however many patterns there are. Of all patterns that match the beginning of a
text the one that takes the most of it wins; with equals, literal text before parsers,
then the first.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from logferry.codegen.patterns import PatternError

__all__ = ["Captured", "Match", "RadixTree"]

T = TypeVar("T")

Captured: TypeAlias = tuple[str, bytes, str]
"""Name, text and type of what a parser took."""

_Scan: TypeAlias = Callable[[bytes, int], "tuple[int, bytes] | None"]
"""From text and place to the place behind and the value, or ``None``."""

_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = _OCTET + rb"(?:\." + _OCTET + rb"){3}(?![0-9])"
_HEX = rb"[0-9a-fA-F]{2}"
_WORD = rb"[A-Za-z0-9_-]+"
_FIXED = {
    "NUMBER": rb"(-?(?:0[xX][0-9a-fA-F]++|[0-9]++))",
    "FLOAT": rb"(-?[0-9]++(?:\.[0-9]*+)?(?:[eE][-+]?[0-9]++)?)",
    "ANYSTRING": rb"(.++)",
    "IPv4": rb"(" + _IPV4 + rb")",
    "HOSTNAME": rb"(" + _WORD + rb"(?:\." + _WORD + rb")*+)",
    "MACADDR": rb"(" + _HEX + rb"(?::" + _HEX + rb"){5})",
    "LLADDR": rb"(" + _HEX + rb"(?::" + _HEX + rb"){0,19})",
    "NLSTRING": rb"([^\r\n]++)(?=\r?\n)",
}
_FIXED["DOUBLE"] = _FIXED["FLOAT"]
_KINDS = {"NUMBER": "int", "FLOAT": "double", "DOUBLE": "double"}
_ipv6 = re.compile(rb"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")
_decimal = re.compile(rb"-?[0-9]+")


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

    def insert(self, pattern: str, value: T) -> None:
        """Add a pattern; an earlier equal one stays. Raises ``PatternError``."""
        node = self._root
        for piece in _pieces(pattern):
            if isinstance(piece, bytes):
                node = _insert_literal(node, piece)
            elif piece in node.pieces:
                node = node.pieces[piece][1]
            else:
                child: _Node[T] = _Node()
                node.pieces[piece] = (_scanner(piece), child)
                node = child
        if node.value is None:
            node.value = value

    def find(self, text: bytes) -> Match[T] | None:
        """Return the pattern that takes the most of ``text``."""
        return _find(self._root, text, 0)


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


def _find(node: _Node[T], text: bytes, position: int) -> Match[T] | None:
    best = None if node.value is None else Match(node.value, position)
    if position < len(text):
        child = node.children.get(text[position])
        if child is not None and text.startswith(child.label, position):
            found = _find(child, text, position + len(child.label))
            if found is not None and (best is None or found.end > best.end):
                best = found
    for piece, (scan, child) in node.pieces.items():
        taken = scan(text, position)
        if taken is None:
            continue
        found = _find(child, text, taken[0])
        if found is not None and (best is None or found.end > best.end):
            best = found
            if piece.name:
                one = (piece.name, taken[1], _kind(piece.kind, taken[1]))
                best = Match(found.value, found.end, (one, *found.captured))
    return best


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
    chars = re.escape(extra).replace(b"]", rb"\]")
    match piece.kind:
        case "IPv6":
            return _scan_ipv6
        case "IPvANY":
            ipv4 = _regex_scan(_FIXED["IPv4"])
            return lambda text, position: (
                ipv4(text, position) or _scan_ipv6(text, position)
            )
        case "ESTRING":
            if not extra:
                raise PatternError("@ESTRING@ needs the text that ends it")
            return _regex_scan(rb"(.*?)" + re.escape(extra))
        case "STRING":
            return _regex_scan(rb"([A-Za-z0-9" + chars + rb"]++)")
        case "SET" | "OPTIONALSET":
            if not extra:
                raise PatternError(f"@{piece.kind}@ needs its characters")
            times = rb"++" if piece.kind == "SET" else rb"*+"
            return _regex_scan(rb"([" + chars + rb"]" + times + rb")")
        case "QSTRING":
            opening, closing = extra[:1] or b'"', extra[1:2] or extra[:1] or b'"'
            inner = rb"([^" + re.escape(closing) + rb"]*+)"
            return _regex_scan(re.escape(opening) + inner + re.escape(closing))
        case "EMAIL":
            around = rb"[" + chars + rb"]*+" if extra else b""
            address = rb"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++@[A-Za-z0-9.-]+)"
            return _regex_scan(around + address + around)
        case "PCRE":
            return _regex_scan(rb"((?:" + extra + rb"))")
        case kind if kind in _FIXED:
            return _regex_scan(_FIXED[kind])
        case _:
            raise PatternError(f"unknown parser @{piece.kind}@")


def _regex_scan(pattern: bytes) -> _Scan:
    try:
        matches = re.compile(pattern, re.DOTALL).match
    except re.error as error:
        raise PatternError(f"the pattern does not compile: {error}") from error

    def scan(text: bytes, position: int) -> tuple[int, bytes] | None:
        found: Any = matches(text, position)
        return None if found is None else (found.end(), found[1])

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
