"""
Where a bracket is missing: what the words around it give away.

One fault should be one error. So the parser asks here whether a brace was forgotten,
goes on as if it were there, and says nothing of what else looks wrong in that
statement.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from logferry.config.nodes import Argument, Call, Text, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "OBJECTS",
    "ROOTS",
    "begins_statement",
    "missing_brace",
    "name_of",
    "names_in",
]

OBJECTS = frozenset({"source", "destination", "filter", "parser", "rewrite"})
"""Statements that may also stand inside a log path."""

_INLINE = frozenset({*OBJECTS, "junction", "channel"})
_NAMED = frozenset({*OBJECTS, "template"})

ROOTS = frozenset({*_NAMED, "log", "options", "block", "template-function"})
"""Words that begin a statement of the outermost level."""


def missing_brace(context: str, elements: list[Argument], following: str) -> int:
    """
    Return how many of ``elements`` should stand before a brace that is missing.

    0: none is missing. A call behind a name shows it, as in ``source s network(…);``,
    and so does a second keyword, as in ``channel filter { … };``.
    """
    count = len(elements) - 1  # nothing here may look at all of them
    if not count:
        return 0
    last, opens = elements[-1], elements[-2]
    if isinstance(last, Word) and following == "LBRACE":
        is_inside = last.text in _INLINE
    else:
        is_inside = isinstance(last, Call) and last.name not in {"if", "elif"}
    if not is_inside:
        return 0
    if context == "log" and isinstance(opens, Call):
        return count if opens.name in {"if", "elif"} else 0
    if not isinstance(opens, Word) or count > 2:
        is_else = isinstance(opens, Word) and opens.text == "else" and context == "log"
        return count if is_else else 0
    word = name_of(elements[0].text) if isinstance(elements[0], Word) else ""
    if isinstance(last, Word):
        is_head = count == 1 and word in {"log", "junction", "channel", "else"}
    elif context == "root":
        is_head = word in {"log", "options"} or (count == 2 and word in OBJECTS)
    else:
        is_head = context == "log" and (
            word == "log" or (count == 1 and word in {*_INLINE, "else"})
        )
    return count if is_head else 0


def begins_statement(words: list[Argument]) -> bool:
    """Tell whether a brace after ``words`` can only open a statement of its own."""
    if len(words) > 2 or not all(isinstance(word, Word | Text) for word in words):
        return False
    first = words[0] if words else None
    if not isinstance(first, Word):
        return False
    return (len(words) == 2 and first.text in _NAMED) or (
        len(words) == 1 and first.text == "options"
    )


def names_in(elements: Iterable[Argument]) -> set[str]:
    """Return what a statement that cannot be read may have defined."""
    names = set()
    for item in elements:
        if isinstance(item, Word):
            names.add(item.text)
        elif isinstance(item, Text):
            names.add(item.value)
        elif isinstance(item, Call):
            names.add(item.name)
    return names


@lru_cache(maxsize=4096)
def name_of(text: str) -> str:
    """Return the one spelling of a name: lower case, with ``-``."""
    return text.lower().replace("_", "-")
