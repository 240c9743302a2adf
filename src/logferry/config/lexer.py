r"""
From text to tokens, each with its true place.

Pragmas are handled here: ``@version``, ``@include``, ``@define``, ``@module``,
``@requires``. So are ```name``` substitutions, in the order: ``@define``, then the
environment, then nothing; a doubled backtick stands for one.

Numbers take units: ``k M G`` (powers of 1000), ``kib Mib Gib`` (of 1024), an optional
``b``; ``0x`` is hexadecimal, a leading zero octal.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from logferry.config.nodes import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.sources import SourceText

__all__ = ["Lexer", "Token", "number_value"]

_token = re.compile(
    r"""
      (?P<space>[ \t\r\n\f]+|\#[^\n]*|\\\r?\n)
    | (?P<pragma>(?<![^\n])[ \t]*@(?P<pragma_name>[A-Za-z][-A-Za-z_]*)[ \t]*:?
        [ \t]*(?P<pragma_rest>[^\n]*))
    | (?P<double>"(?:[^"\\]|\\.)*")
    | (?P<single>'[^']*')
    | (?P<arrow>=>)
    | (?P<operator>===|!==|==|!=|<=|>=|<|>|\.\.)
    | (?P<punctuation>[(){};])
    | (?P<comma>,)
    | (?P<word>(?:[A-Za-z0-9_/*+$%^~&?!-]|\.(?!\.))
        (?:[A-Za-z0-9_/*+$%^~&?@-]|\.(?!\.)|:(?=[A-Za-z0-9/:]))*)
    """,
    re.VERBOSE | re.DOTALL,
)
_number = re.compile(
    r"(?P<sign>-?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<digits>\d+(?:\.\d+)?))"
    r"(?P<unit>[kKmMgG](?:i[bB]|[bB])?|[kKmMgG]i|[bB])?"
)
_backtick = re.compile(r"`([^`\n]*)`")
_escape = re.compile(r"\\(x[0-9a-fA-F]{2}|o?[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_UNITS = {"k": 1, "m": 2, "g": 3}


class Token(NamedTuple):
    """One token: ``type`` is a terminal of the grammar."""

    type: str
    value: str | int | float
    text: str
    span: Span


@dataclass(slots=True)
class Pragmas:
    """What the pragmas of all files came to."""

    version: tuple[int, int] | None = None
    has_scl: bool = False


class Lexer:
    """
    Makes tokens of a file and all that it includes.

    Args:
        defines: ``@define``d values; grows while reading.
        environment: the process's environment variables.
        include: opens what an ``@include`` names.
        diagnostics: where problems go.

    """

    def __init__(
        self,
        defines: dict[str, str],
        environment: Mapping[str, str],
        include: Callable[[str, SourceText, Span], list[SourceText]],
        diagnostics: Diagnostics,
    ) -> None:
        self.pragmas = Pragmas()
        self.expanded: list[str] = []
        self._defines = defines
        self._environment = environment
        self._include = include
        self._diagnostics = diagnostics

    def tokens(self, source: SourceText) -> Iterator[Token]:
        """Yield the tokens of ``source``."""
        text = source.text
        if "`" in text:
            text = self._substitute(text)
        text = text.replace("\\\r\n", " \n").replace("\\\n", " \n")
        self.expanded.append(text)
        starts = _line_starts(text)
        position, size = 0, len(text)
        match_at = _token.match
        while position < size:
            match = match_at(text, position)
            if match is None:
                span = _span(source, starts, position, position + 1)
                self._diagnostics.error(
                    f"unexpected character {text[position]!r}", span, "quote strings"
                )
                position += 1
                continue
            kind = match.lastgroup or ""
            position = match.end()
            if kind == "space":
                continue
            span = _span(source, starts, match.start(), position)
            if kind == "pragma_rest" or match["pragma"] is not None:
                yield from self._pragma(match, source, span)
                continue
            yield self._token(kind, match.group(), span)

    def _token(self, kind: str, text: str, span: Span) -> Token:
        if kind == "word":
            value = number_value(text)
            if value is None:
                return Token("WORD", text, text, span)
            return Token("NUMBER", value, text, span)
        if kind == "double":
            return Token("TEXT", _unescape(text[1:-1]), text, span)
        if kind == "single":
            return Token("TEXT", text[1:-1], text, span)
        if kind == "punctuation":
            return Token(_PUNCTUATION[text], text, text, span)
        return Token(kind.upper(), text, text, span)

    def _substitute(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if not name:
                return "`"
            found = self._defines.get(name)
            return self._environment.get(name, "") if found is None else found

        lines = []
        for line in text.splitlines(keepends=True):
            define = re.match(r"\s*@define\s+(\S+)\s+(.*)", line)
            expanded = _backtick.sub(value, line) if "`" in line else line
            if define:
                name = define[1]
                self._defines[name] = _plain(_backtick.sub(value, define[2]))
            lines.append(expanded)
        return "".join(lines)

    def _pragma(
        self, match: re.Match[str], source: SourceText, span: Span
    ) -> Iterator[Token]:
        name, rest = match["pragma_name"].lower(), match["pragma_rest"].strip()
        rest = rest if rest[:1] in "\"'" else rest.partition("#")[0].strip()
        match name:
            case "version":
                self._set_version(rest, span)
            case "include":
                for included in self._include(_plain(rest), source, span):
                    yield from self.tokens(included)
            case "define":
                define, _, value = rest.partition(" ")
                self._defines[define] = _plain(value.strip())
            case "module" | "requires" | "config-id" | "line":
                pass  # everything is built in; nothing has to be loaded
            case _:
                self._diagnostics.error(f"unknown pragma @{name}", span)

    def _set_version(self, text: str, span: Span) -> None:
        numbers = re.fullmatch(r"(\d+)\.(\d+)(?:\.\d+)?", text)
        if text == "current":
            self.pragmas.version = CURRENT_VERSION
        elif numbers is None:
            self._diagnostics.error(
                f"@version is not a version: '{text}'", span, "write @version: 4.27"
            )
        else:
            version = int(numbers[1]), int(numbers[2])
            if version < (3, 0):
                self._diagnostics.error(
                    "compatibility with configurations below 3.0 was dropped", span
                )
            self.pragmas.version = min(version, CURRENT_VERSION)


CURRENT_VERSION = (4, 27)
"""The configuration version that is spoken; newer ones are read as this one."""

_PUNCTUATION = {
    "(": "LPAR",
    ")": "RPAR",
    "{": "LBRACE",
    "}": "RBRACE",
    ";": "SEMICOLON",
}


def number_value(text: str) -> int | float | None:
    """Return the number that ``text`` is, unit applied, or ``None``."""
    match = _number.fullmatch(text)
    if match is None:
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


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] == "x" and len(body) == 3:
            return chr(int(body[1:], 16))
        if body[0] == "o" and len(body) > 1:
            return chr(int(body[1:], 8) & 0xFF)
        return _ESCAPES.get(body, body) if len(body) == 1 else chr(int(body, 8) & 0xFF)

    return _escape.sub(value, text)


def _plain(text: str) -> str:
    """Return the value of a pragma's argument, quoted or not."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _unescape(text[1:-1])
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    return text


def _line_starts(text: str) -> list[int]:
    starts = [0]
    starts.extend(match.end() for match in re.finditer("\n", text))
    return starts


def _span(source: SourceText, starts: list[int], start: int, end: int) -> Span:
    line = bisect_right(starts, start)
    end_line = bisect_right(starts, end - 1) if end > start else line
    return Span(
        source.name,
        line,
        start - starts[line - 1] + 1,
        end_line,
        end - starts[end_line - 1] + 1,
        source.origin,
    )
