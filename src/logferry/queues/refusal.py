"""
What a disk refuses, and what a program that has no room still can read.

A disk that is full, read-only or failing is no reason not to start: it gets well by
itself or by somebody's hand, and until then messages can be delivered. A missing
permission is another matter: that is a mistake of the configuration, which waiting does
not mend.

SQLite in WAL mode needs two more files even for reading, and a full disk does not take
them. A file whose log is empty is whole without them, and can be read as it is.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from logferry.queues.set_aside import is_damage

__all__ = ["connect_readonly", "is_disk_at_fault", "is_disk_error", "is_usable"]

_DISK_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
)
_IN_USE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY: Final = 0xFF  # the low byte of an extended error code


def is_disk_error(error: OSError) -> bool:
    """Tell a disk that refuses from a path that is wrong or forbidden."""
    return error.errno in _DISK_ERRORS


def is_disk_at_fault(path: Path, error: sqlite3.Error) -> bool:
    """
    Tell whether ``error`` of a database at ``path`` came from the disk.

    SQLite says "cannot open" for a full disk and for a forbidden folder alike.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    return not is_damage(error) and code not in _IN_USE and is_usable(path)


def is_usable(path: Path) -> bool:
    """Tell whether ``path`` is ours to read and write, as far as permissions go."""
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return True
        mine = os.R_OK | os.W_OK
        is_file_mine = os.access(path, mine) if path.exists() else True
        return is_file_mine and os.access(path.parent, mine | os.X_OK)
    except OSError as refused:
        return is_disk_error(refused)


def connect_readonly(path: Path) -> sqlite3.Connection:
    """
    Open a database to look at it, while its daemon runs or not, on a full disk too.

    Raises ``sqlite3.Error``.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if is_damage(error):
            return connection  # whoever looks will see it
        connection.close()
        if _has_log(path):
            raise
    else:
        return connection
    return sqlite3.connect(
        f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False
    )


def _has_log(path: Path) -> bool:
    """Tell whether part of the database is in its write-ahead log."""
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False
