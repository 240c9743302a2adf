"""
Generated lines that are too long, broken at their brackets: they are read by people.

The last bracket of a line that is opened there is opened up: what is inside stands on
lines of its own, divided at its commas, or before ``for`` and ``if`` where it is a
comprehension. What is still too long is broken in the same way. Text in quotes is left
alone.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

__all__ = ["wrapped"]

WIDTH: Final = 88
_INDENT: Final = "    "
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"
_piece = re.compile(r"b?\"(?:[^\"\\]|\\.)*\"|b?'(?:[^'\\]|\\.)*'|.", re.DOTALL)
_loop = re.compile(r"( *for )([^()\[\]{}]+)( in .+:)")
_condition = re.compile(r"( *(?:el)?if )(.+)(:)")
_BREAKS: Final = ("for ", "if ", "and ", "or ")


def wrapped(source: str) -> str:
    """Return ``source`` with lines of at most ``WIDTH`` characters, where it can be."""
    lines: list[str] = []
    for line in source.splitlines():
        is_short = len(line) <= WIDTH or line.lstrip().startswith(("#", '"""'))
        lines += [line] if is_short else _broken(line)
    return "\n".join(lines) + "\n"


def _broken(line: str) -> list[str]:
    """Return the lines that ``line`` becomes."""
    if len(line) <= WIDTH:
        return [line]
    opened = _with_brackets(line)
    found = _last_bracket(opened)
    if found is None:
        return [line]
    if opened is not line:
        found = opened.index("("), opened.rindex(")")
        line = opened
    start, end = found
    inside = line[start + 1 : end].strip()
    if not inside:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    inner = indent + _INDENT
    parts, is_list = _divided(inside)
    if len(inner + inside) <= WIDTH:
        body = [inner + inside]
    elif len(parts) == 1:
        body = _broken(inner + parts[0] + ("," if is_list else ""))
        if len(body) == 1 and len(body[0]) > WIDTH:
            return [line]
    else:
        comma = "," if is_list else ""
        body = [row for part in parts for row in _broken(inner + part + comma)]
    return [line[: start + 1], *body, indent + line[end:]]


def _with_brackets(line: str) -> str:
    """Return a head of a loop or condition with brackets around what can be broken."""
    loop = _loop.fullmatch(line)
    if loop is not None and "," in loop[2]:
        return f"{loop[1]}({loop[2]}){loop[3]}"
    condition = _condition.fullmatch(line)
    if condition is not None and len(_divided(condition[2])[0]) > 1:
        return f"{condition[1]}({condition[2]}){condition[3]}"
    return line


def _last_bracket(line: str) -> tuple[int, int] | None:
    """Return where the last outermost bracket opens and closes."""
    depth, start, found = 0, 0, None
    for match in _piece.finditer(line):
        char = match[0]
        if char in _OPENING:
            start = start if depth else match.start()
            depth += 1
        elif char in _CLOSING:
            depth -= 1
            if not depth:
                found = start, match.start()
    return found


def _divided(text: str) -> tuple[list[str], bool]:
    """Return the parts of ``text``, and whether commas divide them."""
    depth, start = 0, 0
    commas: list[str] = []
    words: list[int] = []
    for match in _piece.finditer(text):
        char = match[0]
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth:
            continue
        if char == ",":
            commas.append(text[start : match.start()].strip())
            start = match.end()
        elif char == " " and text.startswith(_BREAKS, match.end()):
            words.append(match.end())
    is_loop = any(text.startswith("for ", word) for word in words)
    if not is_loop:  # a condition, or a choice: that one stays together
        words = [word for word in words if not text.startswith("if ", word)]
    if is_loop or (words and not commas):
        bounds = [0, *words, len(text)]
        return [text[a:b].strip() for a, b in pairwise(bounds)], False
    rest = text[start:].strip()
    return [*commas, rest] if rest else commas, bool(commas)
