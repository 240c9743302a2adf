"""
Damaged SQLite files are set aside, never deleted: somebody may still read them.

The write-ahead log belongs to the file, so both move together.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["set_aside"]

_COMPANIONS = ("", "-wal", "-shm")


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
