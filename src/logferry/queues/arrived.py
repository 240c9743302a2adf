"""
What came in while a queue file was being recovered, when the daemon had to end.

It is kept in a file beside the damaged one, ``<name>.arrived``, of the same form, and
moves behind the recovered rows as soon as the queue can be opened. A crash in between
repeats some of it, and loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from logferry.queues.files import remove_queue_file
from logferry.queues.rows import Row
from logferry.queues.storage import NoRoom, Storage
from logferry.queues.work import Load, Totals, Work

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["add_totals", "arrived_path", "save_arrived", "take_arrived"]

_COPY_BYTES: Final = 8 * 1024 * 1024


def arrived_path(path: Path) -> Path:
    """Return where records wait for the recovery of ``path``."""
    return path.with_name(path.name + ".arrived")


def save_arrived(path: Path, owner: str, work: Work) -> None:
    """Store the inserts of ``work`` beside ``path``. Raises ``QueueError``."""
    storage = Storage(arrived_path(path), owner)
    try:
        _append(storage, work.inserts)
    finally:
        storage.close()


def take_arrived(storage: Storage) -> None:
    """Move what waits beside the file of ``storage`` to its end."""
    path = arrived_path(storage.path)
    if not path.exists():
        return
    storage.check_writable()  # what is beside it comes before what comes now
    side = Storage(path)
    try:
        start, stop = 0, side.totals.next_first
        while start < stop:
            done = side.perform(Work(load=Load(start, stop, _COPY_BYTES)))
            if done.error is not None:
                raise done.error
            start = done.next_start
            _append(storage, done.rows)
            left = add_totals(side.totals, done.rows, -1)
            deletes = [row.first for row in done.rows]
            side.perform(Work(deletes=deletes, totals=left))
    except NoRoom:
        return  # the rest waits for the next opening
    finally:
        side.close()
    remove_queue_file(path)


def add_totals(totals: Totals, rows: list[Row], sign: int = 1) -> Totals:
    """Return ``totals`` with the waiting records of ``rows`` more (or less)."""
    parts = [batch for row in rows for _, batch in row.parts()]
    return Totals(
        totals.next_first,
        totals.count + sign * sum(batch.count for batch in parts),
        totals.size_bytes + sign * sum(len(batch.data) for batch in parts),
    )


def _append(storage: Storage, rows: list[Row]) -> None:
    """Store ``rows`` under the next free numbers."""
    first = storage.totals.next_first
    renumbered = []
    for row in rows:
        renumbered.append(Row(first, row.count, row.key, row.ends, row.data, row.gone))
        first += row.count
    before = storage.totals
    totals = add_totals(
        Totals(first, before.count, before.size_bytes),
        renumbered,
    )
    gone = {row.first: row.gone for row in renumbered if row.gone}
    if renumbered:
        storage.perform(Work(inserts=renumbered, gone=gone, totals=totals))
