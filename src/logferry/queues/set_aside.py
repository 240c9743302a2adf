"""
Damaged SQLite files are set aside, never deleted: somebody may still read them.

The write-ahead log belongs to the file, so both move together.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

__all__ = ["is_damage", "set_aside"]

_COMPANIONS = ("", "-wal", "-shm")
_DAMAGE = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
)
_PRIMARY = 0xFF  # the low byte of an extended error code


def is_damage(error: sqlite3.Error) -> bool:
    """
    Tell a file whose content is wrong from one that cannot be used now.

    A full disk, a lock or a failing device say nothing against the file. A missing
    table is damage; errors without a code are our own.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY in _DAMAGE


def set_aside(path: Path) -> Path:
    """
    Rename ``path`` (and its log) to the first free ``<name>.damaged-<n>``.

    Returns the new name. Raises ``OSError``.
    """
    number = 0
    while True:
        kept_as = path.with_name(f"{path.name}.damaged-{number}")
        if not kept_as.exists():
            break
        number += 1
    for suffix in _COMPANIONS:
        companion = Path(f"{path}{suffix}")
        if companion.exists():
            companion.rename(f"{kept_as}{suffix}")
    return kept_as
