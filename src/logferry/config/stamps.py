"""
What tells a file that was changed from one that was not.

An option that names a file to be read at the start (keys, certificates, authorities)
has not changed when its text is the same: somebody may have put another file there. A
reload must see that, or a renewed certificate would wait for a restart.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["Stamp", "stamp_of"]

Stamp = tuple[object, ...]

_ENTRIES_MAX = 2000
"""Of a larger directory only the names and its own time count."""


def stamp_of(path: str) -> Stamp:
    """
    Return what changes when the file, or a file of the directory, is replaced.

    Symbolic links are followed, since renewals often move a link. What is not there,
    or not readable, has an empty stamp.
    """
    place = Path(path)
    try:
        status = place.stat()
        own = (status.st_ino, status.st_size, status.st_mtime_ns)
        try:
            entries = sorted(place.iterdir())
        except NotADirectoryError:
            return own
    except OSError:
        return ()
    if len(entries) > _ENTRIES_MAX:
        return (*own, *entries)
    return (*own, *map(_entry, entries))


def _entry(path: Path) -> tuple[object, ...]:
    try:
        status = path.stat()
    except OSError:
        return (path,)
    return path, status.st_ino, status.st_size, status.st_mtime_ns
