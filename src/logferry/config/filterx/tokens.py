r"""
The words of a ``filterx`` block, each with its true place.

It is another language than the rest of the configuration: ``a.b`` is not one word,
``-`` and ``/`` are operators, ``=~`` and ``??`` exist. So the text of a block is kept
whole (``block_end`` finds where it ends) and is taken apart here.

A ``/`` begins a pattern where an operand is expected, and divides where one has ended.
In double quotes ``\a \n \r \t \v``, ``\xHH`` and ``\oNNN`` are escapes, a backslash
joins lines, and before anything else it stands for that; single quotes and patterns
keep everything as it is, but for ``\/`` in a pattern.

Source: the lexical rules of AxoSyslog's FilterX.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from logferry.config.nodes import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KEYWORDS", "Word", "block_end", "number_of", "substituted", "words_of"]

KEYWORDS = frozenset(
    {"or", "and", "in", "not", "lt", "le", "eq", "ne", "ge", "gt", "true", "false"}
    | {"null", "enum", "if", "else", "elif", "switch", "case", "default", "isset"}
    | {"declare", "drop", "done", "break", "dpath"}
)
"""Words that are no names."""

_piece = re.compile(
    r"""
      (?P<space>(?:[ \t\r\n\f]|\\\r?\n)+|\#[^\n]*)
    | (?P<text>"(?>(?:[^"\\]|\\.)*)"|'[^']*')
    | (?P<reference>\$\{[^}]+\}|\$[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>0[xX][0-9a-fA-F]+|[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?
        |[0-9]+(?:[kKmMgG][iI]?[bB]?|[bB])?(?![A-Za-z0-9_]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<ticked>`[^`\n]*`)
    | (?P<operator>===|!==|=\?\?|:\?\?|==|!=|<=|>=|=~|!~|\?\?|\+=|\.\.
        |[-+*%<>=?:.,;(){}\[\]/])
    | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_pattern = re.compile(r"/(?>(?:[^/\\]|\\.)*)/", re.DOTALL)
_escape = re.compile(r"\\(x[0-9a-fA-F]{1,2}|o[0-7]{1,3}|\r?\n|.)", re.DOTALL)
_ESCAPES = {"a": 7, "n": 10, "r": 13, "t": 9, "v": 11}
_number = re.compile(r"([0-9]+)([kKmMgG]?)([iI]?)[bB]?")
_backtick = re.compile(r"`([^`\n]*)`")
_special = re.compile(r'["\\]')
_UNITS = {"k": 1, "m": 2, "g": 3}
_OPERAND_ENDS = frozenset({"text", "reference", "number", "name", "ticked", "pattern"})
_CLOSING = frozenset(")]}")


class Word(NamedTuple):
    """
    One word.

    Attributes:
        kind: ``name keyword reference number text pattern operator bad end``.
        text: as written; of a ``$`` reference the name alone.
        value: of a text, a pattern or a number.

    """

    kind: str
    text: str
    value: str | int | float
    span: Span


def _pieces(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield kinds and bounds, space left out."""
    is_operand = False  # what came before ends one: "/" divides
    while start < len(text):
        match = _piece.match(text, start)
        assert match is not None, "the last choice takes anything"
        kind = match.lastgroup or "bad"
        end = match.end()
        if kind == "space":
            start = end
            continue
        if match[0] == "/" and not is_operand:
            pattern = _pattern.match(text, start)
            if pattern is not None:
                kind, end = "pattern", pattern.end()
            else:
                kind = "bad"
        is_operand = kind in _OPERAND_ENDS and text[start:end] not in KEYWORDS
        is_operand = is_operand or text[start:end] in _CLOSING
        yield kind, start, end
        start = end


def block_end(text: str, start: int) -> int:
    """Return where the braces that open at ``start`` have closed, or 0."""
    depth = 0
    for kind, at, end in _pieces(text, start):
        if kind == "operator":
            depth += (text[at] == "{") - (text[at] == "}")
            if not depth:
                return end
    return 0


def substituted(
    text: str, written: Callable[[str], str], value: Callable[[str], str]
) -> str:
    """
    Return ``text`` with what is between backticks replaced.

    In code an argument stands as it was written, quotes included; within a string its
    value does, with escapes where the quotes are double.
    """
    made: list[str] = []
    behind = 0
    for kind, start, end in _pieces(text, 0):
        made.append(text[behind:start])
        raw = text[start:end]
        behind = end
        if kind == "ticked":
            raw = written(raw[1:-1])
        elif "`" in raw and kind in {"text", "pattern"}:
            is_escaped = raw[0] == '"'

            def put(match: re.Match[str], *, is_escaped: bool = is_escaped) -> str:
                found = value(match[1])
                return _special.sub(r"\\\g<0>", found) if is_escaped else found

            raw = _backtick.sub(put, raw)
        elif "`" in raw and kind == "reference":
            raw = _backtick.sub(lambda match: value(match[1]), raw)
        made.append(raw)
    return "".join([*made, text[behind:]])


def words_of(text: str, span: Span) -> list[Word]:
    """Return the words of ``text``, which stands at ``span``; the last is the end."""
    found: list[Word] = []
    line, column = span.line, span.column
    behind = 0
    for kind, start, end in _pieces(text, 0):
        line, column = _moved(text, behind, start, (line, column))
        raw = text[start:end]
        end_line, end_column = _moved(text, start, end, (line, column))
        place = Span(span.file, line, column, end_line, end_column, span.origin)
        found.append(_word(kind, raw, place))
        line, column, behind = end_line, end_column, end
    place = Span(span.file, line, column, line, column + 1, span.origin)
    found.append(Word("end", "the end of the block", "", place))
    return found


def _moved(text: str, start: int, end: int, at: tuple[int, int]) -> tuple[int, int]:
    """Return line and column at ``end``, when those at ``start`` are ``at``."""
    line, column = at
    newlines = text.count("\n", start, end)
    if newlines:
        return line + newlines, end - text.rindex("\n", start, end)
    return line, column + end - start


def _word(kind: str, raw: str, place: Span) -> Word:
    match kind:
        case "text":
            value = raw[1:-1] if raw[0] == "'" else _unescaped(raw[1:-1])
            return Word(kind, raw, value, place)
        case "pattern":
            return Word(kind, raw, raw[1:-1].replace("\\/", "/"), place)
        case "number":
            return Word(kind, raw, number_of(raw), place)
        case "reference":
            name = raw[2:-1] if raw[1] == "{" else raw[1:]
            return Word(kind, name, raw, place)
        case "name" if raw in KEYWORDS:
            return Word("keyword", raw, raw, place)
        case _:
            return Word(kind, raw, raw, place)


def number_of(text: str) -> int | float:
    """Return the number that ``text`` is; units as everywhere."""
    if text[:2] in {"0x", "0X"}:
        return int(text, 16)
    if "." in text:
        return float(text)
    match = _number.fullmatch(text)
    assert match is not None, "only numbers come here"
    digits = match[1]
    is_octal = digits[0] == "0" and len(digits) > 1 and not set(digits) & {"8", "9"}
    value = int(digits, 8 if is_octal else 10)
    if match[2]:
        value *= (1024 if match[3] else 1000) ** _UNITS[match[2].lower()]
    return value


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    made = bytearray()
    behind = 0
    for match in _escape.finditer(text):
        made += text[behind : match.start()].encode("utf-8", "surrogateescape")
        body = match[1]
        if body[0] == "x" and len(body) > 1:
            made.append(int(body[1:], 16))
        elif body[0] == "o" and len(body) > 1:
            made.append(int(body[1:], 8) & 0xFF)
        elif body in _ESCAPES:
            made.append(_ESCAPES[body])
        elif body[-1] != "\n":
            made += body.encode("utf-8", "surrogateescape")
        behind = match.end()
    made += text[behind:].encode("utf-8", "surrogateescape")
    return made.decode("utf-8", "surrogateescape")
