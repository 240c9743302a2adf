"""
Damaged SQLite files are set aside, never deleted: somebody may still read them.

The write-ahead log belongs to the file, so both move together.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["put_back", "set_aside"]

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
    _move(path, kept_as)
    return kept_as


def put_back(kept_as: Path, path: Path) -> None:
    """Undo ``set_aside``, over whatever is at ``path`` now."""
    for suffix in _COMPANIONS:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    _move(kept_as, path)


def _move(source: Path, target: Path) -> None:
    for suffix in _COMPANIONS:
        companion = Path(f"{source}{suffix}")
        if companion.exists():
            companion.rename(f"{target}{suffix}")
