"""
Reading templates: ``$NAME``, ``${NAME:-default}``, ``$(function …)``, ``$$``.

``${NAME}@2`` and ``$(function …)@2`` mean the message two before the last of a
correlation. Parentheses inside a function's argument are copied with all they hold,
quotes too, so that a filter may stand there. The result is a tuple of parts in order.
What names and functions mean is decided in ``macros.py`` and ``functions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TypeAlias

__all__ = [
    "Function",
    "Literal",
    "Macro",
    "Part",
    "TemplateError",
    "parse_template",
    "part_text",
]

_name = re.compile(r"[A-Za-z0-9_]+|\*")
_braced_name = re.compile(r"([^}:]+?)(?:@(\d+))?(?::-([^}]*))?\}")
_back = re.compile(r"@(\d+)")


class TemplateError(Exception):
    """A template cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that is copied."""

    text: str


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro or a name-value pair; ``default`` stands in for an empty value."""

    name: str
    default: str = ""
    back: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A template function; each argument is a template of its own."""

    name: str
    arguments: tuple[tuple[Part, ...], ...]
    raw: tuple[str, ...] = ()
    back: int = 0


Part: TypeAlias = Literal | Macro | Function


def parse_template(text: str) -> tuple[Part, ...]:
    """Return the parts of ``text``. Raises ``TemplateError``."""
    parts, position = _parse(text, 0, depth=0)
    assert position == len(text)
    return parts


def part_text(part: Part) -> str:
    """Return a template that has ``part`` as its only part."""
    match part:
        case Literal(text):
            return text.replace("$", "$$")
        case Macro(name, default, back):
            inner = f"{name}:-{default}" if default else name
            return f"${{{inner}}}" + (f"@{back}" if back else "")
        case Function(name, _, raw, back):
            # Quotes know no escapes: a double quote stands in single ones.
            words = ['"' + word.replace('"', '"\'"\'"') + '"' for word in raw]
            return f"$({' '.join((name, *words))})" + (f"@{back}" if back else "")


def _parse(text: str, position: int, depth: int) -> tuple[tuple[Part, ...], int]:
    parts: list[Part] = []
    literal: list[str] = []

    def flush() -> None:
        if literal:
            parts.append(Literal("".join(literal)))
            literal.clear()

    while position < len(text):
        char = text[position]
        if char != "$":
            literal.append(char)
            position += 1
            continue
        following = text[position + 1 : position + 2]
        if following == "$":
            literal.append("$")
            position += 2
        elif following == "{":
            match = _braced_name.match(text, position + 2)
            if match is None:
                raise TemplateError(f"'${{' is not closed in '{text}'")
            flush()
            back, position = _parse_back(text, match.end())
            back = back or int(match[2] or 0)
            parts.append(Macro(match[1].strip(), match[3] or "", back))
        elif following == "(":
            flush()
            function, position = _parse_function(text, position + 2, depth + 1)
            back, position = _parse_back(text, position)
            parts.append(replace(function, back=back) if back else function)
        elif match := _name.match(text, position + 1):
            flush()
            parts.append(Macro(match[0]))
            position = match.end()
        else:
            literal.append("$")
            position += 1
    flush()
    return tuple(parts), position


def _parse_back(text: str, position: int) -> tuple[int, int]:
    """Read ``@2`` behind a macro: how many messages before the last."""
    match = _back.match(text, position)
    return (int(match[1]), match.end()) if match else (0, position)


def _parse_function(text: str, position: int, depth: int) -> tuple[Function, int]:
    """Read behind ``$(`` up to the matching parenthesis."""
    if depth > 64:
        raise TemplateError("template functions are nested too deeply")
    words: list[str] = []
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position >= len(text):
            raise TemplateError(f"'$(' is not closed in '{text}'")
        if text[position] == ")":
            position += 1
            break
        word, position = _parse_word(text, position)
        words.append(word)
    if not words:
        raise TemplateError("a template function has no name")
    arguments = tuple(_parse(word, 0, depth)[0] for word in words[1:])
    return Function(words[0], arguments, tuple(words[1:])), position


def _parse_word(text: str, position: int) -> tuple[str, int]:
    """Read one argument: quotes, functions, parentheses, up to a space or ``)``."""
    word: list[str] = []
    while position < len(text) and not text[position].isspace():
        char = text[position]
        if char == ")":
            break
        if char in "\"'":
            quoted, position = _parse_quoted(text, position)
            word.append(quoted)
        elif text.startswith("$(", position):
            end = _closing(text, position + 2)
            word.append(text[position:end])
            position = end
        elif char == "(":
            end = _closing(text, position + 1)
            word.append(text[position:end])
            position = end
        elif text.startswith("${", position):
            end = text.find("}", position) + 1
            if not end:
                raise TemplateError(f"'${{' is not closed in '{text}'")
            word.append(text[position:end])
            position = end
        elif char == "\\" and position + 1 < len(text):
            word.append(text[position + 1])
            position += 2
        else:
            word.append(char)
            position += 1
    return "".join(word), position


def _parse_quoted(text: str, position: int) -> tuple[str, int]:
    end = text.find(text[position], position + 1)
    if end < 0:
        raise TemplateError(f"a quote is not closed in '{text}'")
    return text[position + 1 : end], end + 1


def _closing(text: str, position: int) -> int:
    """Return the position behind the parenthesis that closes ``$(``."""
    depth = 1
    quote = ""
    while position < len(text):
        char = text[position]
        if quote:
            if char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return position + 1
        position += 1
    raise TemplateError(f"'$(' is not closed in '{text}'")
