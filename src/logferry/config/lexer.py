r"""
From text to tokens, each with its true place; nothing is expanded here.

A text is read to its end in one pass, before anybody knows what its parts mean, so
nothing here is an error: what is no token is ``BAD`` and reported by whoever meets it.
Words and strings with backticks are ``TICKED`` and ``TICKED_TEXT``; what they stand
for is known only where they are used (``preprocess.py``).

Numbers take units: ``k M G`` (powers of 1000), ``kib Mib Gib`` (of 1024), an optional
``b``; ``0x`` is hexadecimal, a leading zero octal. In double quotes ``\n`` and its like
are escapes and a backslash joins lines; single quotes keep everything as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from logferry.config.nodes import NOWHERE, Span

if TYPE_CHECKING:
    from logferry.config.sources import SourceText

__all__ = [
    "BACKTICK",
    "END",
    "ConfigurationEnds",
    "Token",
    "number_value",
    "tokenize",
    "unescape",
    "unquote",
]

_token = re.compile(
    r"""
      (?P<space>(?:[ \t\r\n\f]|\\\r?\n)+|\#[^\n]*)
    | (?P<pragma>@[A-Za-z][-A-Za-z_]*
        (?:[^\n"']|"(?:[^"\\]|\\.)*"|'[^']*')*)
    | (?P<text>"(?:[^"\\]|\\.)*"|'[^']*')
    | (?P<arrow>=>)
    | (?P<operator>===|!==|==|!=|<=|>=|<|>|\.\.)
    | (?P<punctuation>[(){};,])
    | (?P<word>
        (?!@)(?:[^\s\#'"(){}\\;,|:.=<>!`\[\]]++|[!.](?![.=])|`[^`\n]*`|:(?=[\w/:]))
        (?>(?:[^\s\#'"(){}\\;,|:.=<>!`\[\]]++|\.(?!\.)|`[^`\n]*`|:(?=[\w/:]))*))
    | (?P<bad>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_number = re.compile(
    r"(?P<sign>-?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<digits>[0-9]+(?:\.[0-9]+)?))"
    r"(?P<unit>[kKmMgG](?:i[bB]|[bB])?|[kKmMgG]i|[bB])?"
)
_raw_block = re.compile(r"[ \t\r\n]*\{")
_python_piece = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'|\#[^\n]*|[{}]",
    re.DOTALL,
)
BACKTICK = re.compile(r"`([^`\n]*)`")
"""A reference to a block's argument, a ``@define``d value or the environment."""

_escape = re.compile(r"\\(x[0-9a-fA-F]{2}|o?[0-7]{1,3}|\r?\n|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_UNITS = {"k": 1, "m": 2, "g": 3}
_PUNCTUATION = {
    "(": "LPAR",
    ")": "RPAR",
    "{": "LBRACE",
    "}": "RBRACE",
    ";": "SEMICOLON",
    ",": "COMMA",
}
_NUMBER_DIGITS_MAX = 100


class Token(NamedTuple):
    """
    One token.

    Attributes:
        type: ``WORD TEXT NUMBER OPERATOR ARROW COMMA SEMICOLON LPAR RPAR LBRACE
            RBRACE``; before expansion also ``PRAGMA TICKED TICKED_TEXT``; ``RAW`` is
            the inside of ``python { … }``, ``BAD`` what is no token.
        value: the text of a string, the value of a number.
        text: as written.

    """

    type: str
    value: str | int | float
    text: str
    span: Span


END = Token("END", "", "the end of the file", NOWHERE)
"""What follows the last token."""


class ConfigurationEnds(Exception):
    """Reading cannot go on; the reason is among the diagnostics."""


def tokenize(source: SourceText) -> list[Token]:
    """Return the tokens of ``source``."""
    text = source.text
    name, origin = source.name, source.origin
    found: list[Token] = []
    add = found.append
    line, line_start = 1, 0
    matches = _token.finditer(text)
    while (match := next(matches, None)) is not None:
        kind = match.lastgroup
        start, end = match.span()
        raw = match[0]
        if kind == "space":
            count = raw.count("\n")
            if count:
                line += count
                line_start = start + raw.rindex("\n") + 1
            continue
        if kind == "pragma" and text[line_start:start].strip():
            kind, raw, end = "bad", "@", start + 1  # not the first on its line
            matches = _token.finditer(text, end)
        first_line, first_start = line, line_start
        if kind in _MULTI_LINE and "\n" in raw:
            line += raw.count("\n")
            line_start = start + raw.rindex("\n") + 1
        span = Span(
            name,
            first_line,
            start - first_start + 1,
            line,
            end - line_start + 1,
            origin,
        )
        if kind == "word":
            add(_word(raw, span))
            if raw == "python":
                raw_end = _raw_end(text, end)
                if raw_end:
                    code = text[end:raw_end]
                    add(Token("RAW", code, code, span))
                    if "\n" in code:
                        line += code.count("\n")
                        line_start = text.rindex("\n", 0, raw_end) + 1
                    matches = _token.finditer(text, raw_end)
        elif kind == "punctuation":
            add(Token(_PUNCTUATION[raw], raw, raw, span))
        elif kind == "text":
            add(_text(raw, span))
        else:
            assert kind is not None
            add(Token(kind.upper(), raw, raw, span))
            if raw in _QUOTES:
                break  # it is not closed: nothing behind it can be understood
    return found


_MULTI_LINE = frozenset({"text", "pragma"})
_QUOTES = frozenset("\"'")


def _word(raw: str, span: Span) -> Token:
    if raw[0] in "-0123456789":
        value = number_value(raw)
        if value is not None:
            return Token("NUMBER", value, raw, span)
    if "`" in raw:
        return Token("TICKED", raw, raw, span)
    return Token("WORD", raw, raw, span)


def _text(raw: str, span: Span) -> Token:
    if "`" in raw:
        return Token("TICKED_TEXT", raw, raw, span)
    return Token("TEXT", unquote(raw), raw, span)


def _raw_end(text: str, start: int) -> int:
    """Return where the braces after ``python`` end, or 0 when there are none."""
    opening = _raw_block.match(text, start)
    if opening is None:
        return 0
    depth = 1
    for piece in _python_piece.finditer(text, opening.end()):
        if piece[0] == "{":
            depth += 1
        elif piece[0] == "}":
            depth -= 1
            if not depth:
                return piece.end()
    return 0


@lru_cache(maxsize=4096)
def number_value(text: str) -> int | float | None:
    """Return the number that ``text`` is, unit applied, or ``None``."""
    match = _number.fullmatch(text)
    if match is None or len(text) > _NUMBER_DIGITS_MAX:
        return None
    value: int | float
    if match["hex"] is not None:
        value = int(match["hex"], 16)
    elif "." in match["digits"]:
        value = float(match["digits"])
    elif match["digits"].startswith("0") and len(match["digits"]) > 1:
        try:
            value = int(match["digits"], 8)
        except ValueError:
            value = int(match["digits"])
    else:
        value = int(match["digits"])
    unit = (match["unit"] or "").lower()
    if unit[:1] in _UNITS:
        value *= (1024 if "i" in unit else 1000) ** _UNITS[unit[0]]
    return -value if match["sign"] else value


def unescape(text: str) -> str:
    """Return ``text`` with the escapes of double quotes resolved."""
    if "\\" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[-1] == "\n":
            return ""
        if body[0] == "x" and len(body) == 3:
            return chr(int(body[1:], 16))
        if body[0] == "o" and len(body) > 1:
            return chr(int(body[1:], 8) & 0xFF)
        if body[0] in "01234567" and len(body) > 1:
            return chr(int(body, 8) & 0xFF)
        return _ESCAPES.get(body, body)

    return _escape.sub(value, text)


def unquote(text: str) -> str:
    """Return the value of ``text``, which may be quoted."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return unescape(text[1:-1])
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    return text
