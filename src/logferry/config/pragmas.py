"""
Lines that begin with ``@``: what they say, apart from what they bring in.

``@version: 4.27``, ``@define name value``, ``@include "file"``, ``@module name``,
``@requires name "message"``, ``@line "file":10``, ``@config-id: name``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.config.diagnostics import did_you_mean
from logferry.config.lexer import Token, unquote
from logferry.config.modules import BUILT_IN, ELSEWHERE

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Span

__all__ = [
    "CURRENT_VERSION",
    "PRAGMAS",
    "move_lines",
    "pragma_value",
    "read_version",
    "requires",
    "split_pragma",
]

CURRENT_VERSION = (4, 27)
"""The configuration version that is spoken; newer ones are read as this one."""

PRAGMAS = ("version", "include", "define", "module", "requires", "line", "config-id")

_pragma = re.compile(r"\s*@([A-Za-z][-A-Za-z_]*)[ \t]*:?[ \t]*(.*)", re.DOTALL)
_quoted = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*')""", re.DOTALL)
_line = re.compile(r"""(?:"([^"]*)"|'([^']*)')?\s*[,:]?\s*(\d{1,9}).*""", re.DOTALL)
_version = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?")


def split_pragma(text: str) -> tuple[str, str]:
    """Return the name of a pragma and what follows it."""
    match = _pragma.match(text)
    assert match is not None, "the lexer makes pragmas of this form only"
    return match[1].lower(), match[2].strip()


def pragma_value(text: str) -> str:
    """Return a pragma's value: unquoted, without what follows it."""
    quoted = _quoted.match(text)
    if quoted is not None:
        return unquote(quoted[1])
    return text.partition("#")[0].strip().rstrip(";").strip()


def read_version(text: str, span: Span, diagnostics: Diagnostics) -> tuple[int, int]:
    """Return the version that a configuration asks for."""
    if text == "current":
        return CURRENT_VERSION
    numbers = _version.fullmatch(text)
    if numbers is None:
        diagnostics.error(
            f"@version is not a version: '{text}'", span, "write @version: 4.27"
        )
        return CURRENT_VERSION
    version = int(numbers[1]), int(numbers[2])
    if version < (3, 0):
        diagnostics.error(
            "compatibility with configurations below 3.0 was dropped", span
        )
    elif version > CURRENT_VERSION:
        diagnostics.warning(
            f"@version {text} is newer than what is known here and is read as 4.27",
            span,
            "look out for options that are new since then",
            rule="version",
        )
    return min(version, CURRENT_VERSION)


def move_lines(
    tokens: list[Token], start: int, rest: str, span: Span, diagnostics: Diagnostics
) -> None:
    """Give ``tokens`` from ``start`` on the places that ``@line`` says they have."""
    match = _line.fullmatch(rest)
    if match is None:
        diagnostics.error("@line needs a line number", span, 'write @line "file":10')
        return
    name = match[1] or match[2] or span.file
    shift = int(match[3]) - span.line - 1
    for index in range(start, len(tokens)):
        token = tokens[index]
        place = token.span
        moved = place._replace(
            file=name, line=place.line + shift, end_line=place.end_line + shift
        )
        tokens[index] = token._replace(span=moved)


def requires(
    rest: str, span: Span, diagnostics: Diagnostics, *, is_module: bool, is_main: bool
) -> bool:
    """
    Check ``@module`` or ``@requires``; return whether to go on with the file.

    An included file may require what is missing: without a message it is left out.
    """
    words = rest.split(None, 1)
    if not words:
        diagnostics.error("the name of a module is missing", span)
        return True
    name = unquote(words[0]).replace("_", "-").removeprefix("mod-")
    if name in BUILT_IN:
        return True
    message = pragma_value(words[1]) if len(words) > 1 and not is_module else ""
    if name in ELSEWHERE or f"mod-{name}" in ELSEWHERE:
        if is_module:
            diagnostics.warning(
                f"@module {name} loads nothing: logferry does not have it",
                span,
                "remove the line",
                rule="module",
            )
        elif message or is_main:
            diagnostics.error(message or f"logferry has no module '{name}'", span)
        else:
            return False
        return True
    diagnostics.error(
        f"unknown module '{name}'", span, did_you_mean(name, [*BUILT_IN, *ELSEWHERE])
    )
    return True
