r"""
``format-json`` on canonical lines, without building an object.

Most chunks hold nothing that JSON has to escape: one pass over the bytes proves it.
Then every field of its lines can be copied between quotes as it is, and the whole
object is one ``FORMAT % (…)``. The expression asks for that, and for values that are
there (empty ones are left out of the object), and else calls the general function::

    json_line % (program, pid, message) if plain and program and pid else format_json(…)

A value takes part when it is *plain whenever the chunk is*: a capture of the line, the
sender's name, a word that follows from the PRI or the date, a constant without
anything to escape, or text in which a constant was replaced by such a constant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logferry.codegen.line_fields import LineFields

__all__ = ["emit_flat_object", "is_plain"]

_ESCAPED: Final = bytes((*range(10), *range(11, 32))) + b'"\\'
"""What JSON escapes, but for the newline: that one ends lines."""

_replaced = re.compile(r"(\w+)\.replace\(\w+, (\w+)(?:, 1)?\)")


def is_plain(text: bytes) -> bool:
    """Tell whether JSON strings can hold ``text`` as it is, newlines aside."""
    return text.isascii() and len(text.translate(None, _ESCAPED)) == len(text)


def emit_flat_object(
    names: tuple[str, ...],
    codes: list[str],
    keeps_empty: tuple[bool, ...],
    general: str,
    fields: LineFields,
    *,
    numbers: Collection[str] = (),
) -> str:
    """
    Return an expression for an object of ``names`` with the values of ``codes``.

    Those of ``numbers`` stand without quotes. Where it cannot be copied together, it
    is ``general``, an expression as well.
    """
    if not all(_is_plain_code(code, fields) for code in codes):
        return general
    pairs = ",".join(
        json.dumps(name) + (":\0" if name in numbers else ':"\0"') for name in names
    )
    text = f"{{{pairs}}}".encode().replace(b"%", b"%%").replace(b"\0", b"%b")
    bind = fields.constants.bind
    fields.constants.values["is_plain"] = is_plain
    fields.setup["plain"] = "is_plain(chunk) and is_plain(origin.host)"
    conditions = ["plain"] + [
        code
        for code, keeps in zip(codes, keeps_empty, strict=True)
        if not keeps and not _is_never_empty(code, fields)
    ]
    values = ", ".join(codes) + ("," if len(codes) == 1 else "")
    copied = f"{bind(text, 'json_line')} % ({values})"
    return f"({copied} if {' and '.join(conditions)} else {general})"


def _is_plain_code(code: str, fields: LineFields) -> bool:
    """Tell whether the value of ``code`` is plain whenever the chunk is."""
    if code in fields.slots.values() or fields.setup.get(code) == "origin.host":
        return True
    constant = fields.constants.values.get(code)
    if isinstance(constant, bytes):
        return is_plain(constant) and b"\n" not in constant
    if fields.is_word_of_ours(code):
        return True
    replaced = _replaced.fullmatch(code)
    if replaced is not None:
        return all(_is_plain_code(part, fields) for part in replaced.groups())
    source = fields.sources.get(code)
    return source is not None and _is_plain_code(source, fields)


def _is_never_empty(code: str, fields: LineFields) -> bool:
    constant = fields.constants.values.get(fields.sources.get(code, code))
    if isinstance(constant, bytes):
        return constant != b""
    if fields.is_word_of_ours(code):
        return True
    return any(
        name == code and fields.layout.is_filled(slot)
        for slot, name in fields.slots.items()
    )
