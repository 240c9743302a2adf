"""
A queue file that has to be made anew while its queue goes on.

When somebody deletes or replaces the file under an open queue, its content is still
there for us, and for nobody after us: the kernel keeps it until we close it. It is
copied into a new file at the same path. A start on a full disk makes the file later.

Whatever stands at the path by then is somebody's (a disk was mounted late, or a copy
put back): it is renamed to a free name of a queue file, where it is found and can be
adopted, and never overwritten.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from logferry.errors import QueueError
from logferry.queues.files import owner_of, remove_queue_file
from logferry.queues.recovery import draft_of, open_sound
from logferry.queues.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

__all__ = ["begin", "free_path", "renew"]

_COMPANIONS = ("", "-wal", "-shm")


def free_path(folder: Path, suffix: str, used: Container[Path] = ()) -> Path:
    """Return the first path in ``folder`` that no queue file has, nor will have."""
    for number in count():
        path = folder / f"syslog-ng-{number:05}{suffix}"
        is_taken = any(folder.glob(f"{path.stem}.*"))
        if not is_taken and path.absolute() not in used:
            return path
    raise AssertionError


def begin(
    path: Path, owner: str, *, is_synchronous: bool
) -> tuple[Storage, Path | None]:
    """
    Make a file for a queue that began without one.

    Returns where a file that was in the way is now. Raises ``QueueError`` and
    ``OSError``.
    """
    moved = None
    found = owner_of(path) if path.exists() and path.stat().st_size else None
    if found is not None and found[1].count:
        moved = _make_way(path)
    return open_sound(path, owner, is_synchronous=is_synchronous), moved


def renew(storage: Storage) -> tuple[Storage, Path | None]:
    """
    Write what ``storage`` holds into a new file at its path, and close it.

    Returns where a file that was in the way is now. Raises ``QueueError`` and
    ``OSError``; ``storage`` can be used then as before.
    """
    path = storage.path
    draft = draft_of(path)
    remove_queue_file(draft)
    try:
        storage.save_as(draft)
        moved = _make_way(path) if path.exists() else None
        draft.rename(path)
    except (QueueError, OSError):
        remove_queue_file(draft)
        raise
    # Closed before the new one is opened: SQLite deletes the log, by its name.
    storage.close()
    fresh = Storage(
        path,
        storage.owner,
        is_synchronous=storage.is_synchronous,
        shrink_ratio=storage.shrink_ratio,
    )
    fresh.commit_count = storage.commit_count
    return fresh, moved


def _make_way(path: Path) -> Path:
    """Give what stands at ``path`` a free name; return that."""
    moved = free_path(path.parent, path.suffix)
    for suffix in _COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(moved.with_name(moved.name + suffix))
    return moved
