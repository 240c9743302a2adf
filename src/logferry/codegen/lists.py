r"""
Lists as text: items separated by commas, quoted where they must be.

Nothing between two commas is no item. An item that holds a comma, a quote, a backslash
or a control character, or that is empty, stands in quotes with ``\`` escapes: double
ones, or single ones around double ones (reference: list functions).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["join_list", "split_list"]

_ODD = bytes(range(33)) + b"\"'\\"
_odd = re.compile(rb'[,"\'\\\x00-\x1f ]')
_item = re.compile(
    rb"\"((?>(?:[^\"\\]|\\.)*))\"[^,]*+|'((?>(?:[^'\\]|\\.)*))'[^,]*+|([^,]*+)",
    re.DOTALL,
)
_escape = re.compile(rb"\\(.)", re.DOTALL)
_special = re.compile(rb'["\\\n\r\t]')
_special_in_single = re.compile(rb"['\\\n\r\t]")
_ESCAPED = {b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}
_UNESCAPED = {value[1:]: key for key, value in _ESCAPED.items()}


def join_list(items: Iterable[bytes]) -> bytes:
    """Return ``items`` as one text."""
    items = list(items)
    text = b",".join(items)
    commas = len(items) - 1
    if (
        b"" not in items
        and text.count(b",") == max(commas, 0)
        and text.translate(None, _ODD) == text
    ):
        return text
    return b",".join(
        item if item and not _odd.search(item) else _quoted(item) for item in items
    )


def _quoted(item: bytes) -> bytes:
    quote = b"'" if b'"' in item and b"'" not in item else b'"'
    special = _special if quote == b'"' else _special_in_single
    escaped = special.sub(lambda m: _ESCAPED.get(m[0], b"\\" + m[0]), item)
    return quote + escaped + quote


def split_list(text: bytes) -> list[bytes]:
    """Return the items of ``text``."""
    if not text:
        return []
    if b'"' not in text and b"'" not in text:
        return [item for part in text.split(b",") if (item := part.strip(b" "))]
    items: list[bytes] = []
    position = 0
    while position <= len(text):
        while text[position : position + 1] == b" ":
            position += 1
        match = _item.match(text, position)
        assert match is not None  # every part may be empty
        if match[3] is not None:
            if item := match[3].rstrip(b" "):
                items.append(item)
        else:
            quoted = match[1] if match[1] is not None else match[2]
            items.append(_escape.sub(lambda m: _UNESCAPED.get(m[1], m[1]), quoted))
        position = match.end() + 1
    return items
