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

from logferry.config.filterx.tokens import block_end
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
            RBRACE``; before expansion also ``PRAGMA TICKED TICKED_TEXT
            TICKED_FILTERX OPEN_FILTERX``; ``RAW`` is the inside of ``python { … }``,
            ``FILTERX`` that of ``filterx { … }``, ``BAD`` what is no token.
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
    text, name, origin = source.text, source.name, source.origin
    found: list[Token] = []
    add, seen = found.append, _Seen()
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
            code = _code_after(raw, text, end)
            seen.word(raw, found)
        elif kind == "punctuation":
            is_filterx = seen.opens_filterx(raw)
            code = _filterx_code(text, start) if is_filterx else _NO_CODE
            if not is_filterx:
                add(Token(_PUNCTUATION[raw], raw, raw, span))
        elif kind == "text":
            add(_text(raw, span))
            continue
        else:
            assert kind is not None
            seen.forget()
            add(Token(kind.upper(), raw, raw, span))
            if raw in _QUOTES:
                break  # it is not closed: nothing behind it can be understood
            continue
        if code.text:
            if "\n" in code.text:
                line += code.text.count("\n")
                line_start = text.rindex("\n", 0, code.end) + 1
            add(Token(code.kind, code.text, code.text, span))
            matches = _token.finditer(text, code.end)
    return _up_to_open_string(found)


def _up_to_open_string(found: list[Token]) -> list[Token]:
    """
    Return the tokens up to the string that is open, if one is; it is a bad token.

    A quote that is missing in line 9 turns all strings behind it inside out, and only
    the last one of the file is not closed. The first that holds ends of statements at
    ends of lines gives the place away.
    """
    if not found or found[-1].type != "BAD" or found[-1].text not in _QUOTES:
        return found
    for number, token in enumerate(found):
        is_text = token.type in {"TEXT", "TICKED_TEXT"}
        if is_text and _ends_of_statements.search(token.text):
            quote = token.text[0]
            return [*found[:number], Token("BAD", quote, quote, token.span)]
    return found


_curly_quote = re.compile("[“”„‘’‚«»]")
_ends_of_statements = re.compile(r"[)}][ \t]*;[ \t]*(?:#[^\n]*)?\r?\n")
_MULTI_LINE = frozenset({"text", "pragma"})
_QUOTES = frozenset("\"'")


class _Code(NamedTuple):
    """Text in braces of another language: where it ends, and its type of token."""

    kind: str
    text: str
    end: int


_NO_CODE = _Code("", "", 0)


class _Seen:
    """Remembers whether the next brace is that of ``filterx``."""

    def __init__(self) -> None:
        self._is_pending = False
        self._depth = 0

    def word(self, raw: str, found: list[Token]) -> None:
        """Look at a word, the last of ``found``."""
        if raw == "filterx":
            before = found[-2] if len(found) > 1 else END
            # A word before it would make it a name: source filterx { … }.
            self._is_pending = before.type != "WORD" or before.text == "block"
            self._depth = 0

    def opens_filterx(self, raw: str) -> bool:
        """Tell whether this bracket opens a block of filterx."""
        if not self._is_pending:
            return False
        if raw == "{" and not self._depth:
            self._is_pending = False
            return True
        self._depth += (raw == "(") - (raw == ")")
        self._is_pending = raw != ";" and self._depth >= 0
        return False

    def forget(self) -> None:
        """Look at something that cannot stand between filterx and its brace."""
        self._is_pending = False


def _code_after(word: str, text: str, end: int) -> _Code:
    """Return the code in braces behind ``python``, if there is any."""
    raw_end = _raw_end(text, end) if word == "python" else 0
    return _Code("RAW", text[end:raw_end], raw_end) if raw_end else _NO_CODE


def _filterx_code(text: str, start: int) -> _Code:
    """Return the block that begins with the brace at ``start``."""
    end = block_end(text, start)
    if not end:
        return _Code("OPEN_FILTERX", text[start:], len(text))
    code = text[start:end]
    return _Code("TICKED_FILTERX" if "`" in code else "FILTERX", code, end)


def _word(raw: str, span: Span) -> Token:
    if raw[0] in "-0123456789":
        value = number_value(raw)
        if value is not None:
            return Token("NUMBER", value, raw, span)
    if "`" in raw:
        return Token("TICKED", raw, raw, span)
    if quote := _curly_quote.search(raw):
        return Token("BAD", quote[0], quote[0], span)
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
