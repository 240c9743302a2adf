"""
Open a queue file whatever is in it.

A file that SQLite cannot use is set aside under another name, never deleted; what can
be read of it is copied into a new one. The loss is what its own note says it held,
less what was copied.

A large file takes a while: two readings and a writing of it. ``recover`` tells how far
it is, and whoever listens may stop it; the damaged file is as it was then.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from logferry.errors import CorruptRecord, StorageFailed
from logferry.queues.arrived import take_arrived
from logferry.queues.files import remove_queue_file
from logferry.queues.refusal import connect_readonly
from logferry.queues.salvage import Salvage
from logferry.queues.set_aside import set_aside
from logferry.queues.storage import NoRoom, Storage, read_totals, translate
from logferry.queues.work import Found, Totals, Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logferry.queues.rows import Row

__all__ = [
    "RecoveryStopped",
    "draft_of",
    "open_sound",
    "open_storage",
    "recover",
    "reopen",
]

_COPY_BYTES = 8 * 1024 * 1024  # copied in one transaction
_LOOK_SHARE = 0.4  # of the time that a recovery takes


class RecoveryStopped(Exception):
    """Who listens to a recovery does not want it to go on."""


def _go_on(part: float) -> None:
    """Nobody listens."""
    del part


def open_storage(
    path: Path, owner: str, *, is_synchronous: bool, shrink_ratio: float = 1.0
) -> tuple[Storage, Found]:
    """
    Open ``path``, recovering it when it is damaged.

    Raises ``StorageFailed`` when the disk refuses.
    """
    try:
        storage = open_sound(
            path, owner, is_synchronous=is_synchronous, shrink_ratio=shrink_ratio
        )
    except CorruptRecord as error:
        storage, found = recover(path, str(error), owner, is_synchronous=is_synchronous)
        storage.shrink_ratio = shrink_ratio
        return storage, found
    return storage, Found(storage.totals)


def open_sound(
    path: Path, owner: str, *, is_synchronous: bool, shrink_ratio: float = 1.0
) -> Storage:
    """
    Open ``path``, which takes moments.

    Raises ``CorruptRecord`` when it must be recovered, ``StorageFailed`` when the disk
    refuses.
    """
    _end_recovery(path)
    _check_log(path)
    storage = Storage(
        path, owner, is_synchronous=is_synchronous, shrink_ratio=shrink_ratio
    )
    _take_arrived(storage)
    return storage


def reopen(
    path: Path,
    error: str,
    owner: str,
    *,
    is_synchronous: bool,
    on_progress: Callable[[float], None] = _go_on,
) -> tuple[Storage, Found]:
    """Recover ``path`` because of ``error``, or if its opening shows one; as above."""
    if not error:
        try:
            storage = open_sound(path, owner, is_synchronous=is_synchronous)
        except CorruptRecord as found:
            error = str(found)
        else:
            return storage, Found(storage.totals)
    return recover(
        path, error, owner, is_synchronous=is_synchronous, on_progress=on_progress
    )


def _take_arrived(storage: Storage) -> None:
    try:
        take_arrived(storage)
    except BaseException:
        storage.close()
        raise


def _check_log(path: Path) -> None:
    """
    Raise ``CorruptRecord`` when SQLite would throw away more than a torn end.

    It ignores a write-ahead log from the first frame that does not match its
    checksum. That is right for the transaction that a crash cut short; when more than
    that one lies behind it, they had been written through, and the log was damaged
    since. (A log that was cut at a commit tells nothing.)
    """
    if not path.exists() or not path.with_name(path.name + "-wal").exists():
        return
    salvage = Salvage(path)
    try:
        logged = salvage.logged_totals()
    finally:
        salvage.close()
    if not logged:
        return
    try:
        with closing(connect_readonly(path)) as connection:
            seen = read_totals(connection)
    except sqlite3.Error as error:
        raise translate(error) from None
    if seen is not None and seen[1] in logged:
        del logged[: len(logged) - logged[::-1].index(seen[1])]
    if len(logged) > 1:
        raise CorruptRecord(f"{len(logged)} transactions of the log cannot be used")


def recover(
    path: Path,
    error: str,
    owner: str,
    *,
    is_synchronous: bool,
    on_progress: Callable[[float], None] = _go_on,
) -> tuple[Storage, Found]:
    """
    Replace ``path`` by a new file with its readable rows, and set the old one aside.

    The copy is made under another name first, so that a crash in between loses
    nothing. ``on_progress`` hears which part is done, from 0 to 1. Raises
    ``StorageFailed`` when the disk refuses, and what ``on_progress`` raises; when only
    room is missing, what was not copied is counted as lost, and is still in the file
    set aside.
    """
    draft = draft_of(path)
    remove_queue_file(draft)
    salvage = Salvage(path)
    try:
        salvage.look(lambda part: on_progress(part * _LOOK_SHARE))
        expected = salvage.meta[1] if salvage.meta else None
        owner = owner or (salvage.meta[0] if salvage.meta else "")
        copied, gaps = _fill(draft, owner, salvage, on_progress)
    except (StorageFailed, RecoveryStopped):
        remove_queue_file(draft)
        raise
    finally:
        salvage.close()
    kept_as = set_aside(path)
    draft.rename(path)
    lost = max(0, expected.count - copied.count) if expected is not None else gaps
    storage = Storage(path, owner, is_synchronous=is_synchronous)
    _take_arrived(storage)
    return storage, Found(
        storage.totals, str(kept_as), error, copied.count, lost, expected is not None
    )


def draft_of(path: Path) -> Path:
    """Return where a new version of ``path`` is made; the next opening knows of it."""
    return path.with_name(path.name + ".recovering")


def _end_recovery(path: Path) -> None:
    """Finish a recovery that a crash cut short, or forget it."""
    draft = draft_of(path)
    if not draft.exists():
        return
    if path.exists():
        remove_queue_file(draft)  # not complete
    else:
        draft.rename(path)


def _fill(
    draft: Path, owner: str, salvage: Salvage, on_progress: Callable[[float], None]
) -> tuple[Totals, int]:
    """Copy all rows; return the totals and how many records are missing in between."""
    expected = salvage.meta[1] if salvage.meta else None
    storage = Storage(draft, owner)
    try:
        copied, gaps = _copy(salvage, storage, on_progress)
        if expected is not None and expected.next_first > copied.next_first:
            copied = Totals(expected.next_first, copied.count, copied.size_bytes)
            storage.note_totals(copied)
    finally:
        storage.close()
    return copied, gaps


def _copy(
    salvage: Salvage, storage: Storage, on_progress: Callable[[float], None]
) -> tuple[Totals, int]:
    """Copy all rows; return what there is now and the records missing in between."""
    totals = Totals()
    gaps = seen = 0
    rows: list[Row] = []
    size_bytes = 0
    try:
        for row in salvage.rows():
            seen += 1
            if totals.count:
                gaps += max(0, row.first - totals.next_first)
            rows.append(row)
            parts = [batch for _, batch in row.parts()]
            totals = Totals(
                row.first + row.count,
                totals.count + sum(batch.count for batch in parts),
                totals.size_bytes + sum(len(batch.data) for batch in parts),
            )
            size_bytes += len(row.data)
            if size_bytes >= _COPY_BYTES:
                _store(storage, rows, totals)
                rows, size_bytes = [], 0
                done = seen / salvage.row_count
                on_progress(_LOOK_SHARE + (1 - _LOOK_SHARE) * done)
        if rows:
            _store(storage, rows, totals)
    except NoRoom:
        totals = storage.totals
    return totals, gaps


def _store(storage: Storage, rows: list[Row], totals: Totals) -> None:
    gone = {row.first: row.gone for row in rows if row.gone}
    storage.perform(Work(inserts=rows, gone=gone, totals=totals))
