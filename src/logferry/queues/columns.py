"""
Texts in SQLite whatever their bytes: names of files need not be UTF-8.

Python keeps such bytes as lone surrogates, which SQLite does not take as text. They
are stored as a blob, everything else as the text it is.
"""

from __future__ import annotations

__all__ = ["from_column", "to_column"]


def to_column(text: str) -> str | bytes:
    """Return ``text`` as a value that SQLite takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return text


def from_column(value: str | bytes) -> str:
    """Return what ``to_column`` was given."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value
