"""
Changes of queue files while no daemon runs: move, give to another owner, cut.

What is changed is locked as the daemon locks it, so that none can start meanwhile. A
move between file systems copies first, then changes the persist file, then deletes; a
crash in between leaves two copies, and the persist file says which one counts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.cli.queue import is_in_use
from logferry.daemon.instance import InstanceLock
from logferry.queues.arrived import arrived_path
from logferry.queues.files import remove_queue_file
from logferry.queues.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Refused", "assign", "relocate", "truncate"]

_PREFIX = "queue/"  # daemon/queue_files.py
_SQLITE = b"SQLite format 3\0"


class Refused(Exception):
    """It cannot be done, for the reason given."""


def relocate(
    persist: Path, folder: Path, files: list[Path] | None
) -> list[tuple[str, Path, Path]]:
    """
    Move the queues of ``persist`` (or those in ``files``) into ``folder``.

    Returns (name, old path, new path) for each. Raises ``Refused`` and ``OSError``.
    """
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Refused("new_path should point to a readable/writable directory")
    moved = []
    with _edited(persist) as connection:
        known = connection.execute(
            "SELECT key, value FROM entries WHERE key GLOB ? ORDER BY key",
            (_PREFIX + "*",),
        ).fetchall()
        for key, value in known:
            old = Path(bytes(value).decode("utf-8", "surrogateescape"))
            new = folder.absolute() / old.name
            if (files is not None and old not in files) or not old.exists():
                continue
            if old.parent == new.parent:
                continue
            _refuse_used(old)
            if new.exists():
                raise Refused(f"{new} exists already")
            _move(connection, key, old, new)
            moved.append((key.removeprefix(_PREFIX), old, new))
    return moved


def _move(connection: sqlite3.Connection, key: str, old: Path, new: Path) -> None:
    Storage(old).close()  # what is in the log goes into the file
    pairs = [(old, new), (arrived_path(old), arrived_path(new))]
    pairs = [pair for pair in pairs if pair[0].exists()]
    is_renamed = _is_one_system(old, new.parent)
    for source, target in pairs:
        if is_renamed:
            source.rename(target)
        else:
            shutil.copy2(source, target)
            with target.open("rb") as copy:
                os.fsync(copy.fileno())
    connection.execute(
        "UPDATE entries SET value = ? WHERE key = ?", (os.fsencode(new), key)
    )
    if not is_renamed:
        for source, _ in pairs:
            remove_queue_file(source)


def assign(persist: Path, name: str, path: Path) -> str | None:
    """
    Make ``path`` the queue called ``name``; return the file it had before, if any.

    Raises ``Refused``, ``QueueError`` and ``OSError``.
    """
    _refuse_used(path)
    with _edited(persist) as connection:
        row = connection.execute(
            "SELECT value FROM entries WHERE key = ?", (_PREFIX + name,)
        ).fetchone()
        Storage(path, name).close()
        connection.execute(
            "INSERT OR REPLACE INTO entries VALUES (?, ?)",
            (_PREFIX + name, os.fsencode(path)),
        )
    return None if row is None else os.fsdecode(bytes(row[0]))


def truncate(path: Path) -> int:
    """
    Give the free room in ``path`` back; return how many bytes that were.

    Raises ``Refused``, ``QueueError`` and ``OSError``.
    """
    _refuse_used(path)
    before = path.stat().st_size
    storage = Storage(path)
    try:
        storage.cut()
    finally:
        storage.close()
    return before - path.stat().st_size


def _is_one_system(first: Path, second: Path) -> bool:
    return first.stat().st_dev == second.stat().st_dev


def _refuse_used(path: Path) -> None:
    if is_in_use(path):
        raise Refused(f"{path}: a running daemon uses it; stop that first")


@contextlib.contextmanager
def _edited(persist: Path) -> Iterator[sqlite3.Connection]:
    """Open a persist file for one change, while no daemon has it."""
    if not persist.is_file() or not os.access(persist, os.R_OK | os.W_OK):
        raise Refused("persist should point to a readable/writable file")
    with persist.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            raise Refused(f"{persist}: this is no persist file of logferry")
    with contextlib.ExitStack() as stack:
        for name in ("logferry.lock", f"{persist.name}.lock"):  # cli/run.py
            stack.callback(InstanceLock(persist.parent / name).release)
        try:
            with contextlib.closing(sqlite3.connect(persist)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise Refused(f"{persist}: {error}") from None
