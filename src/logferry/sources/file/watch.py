"""
Being told that something changed in a directory, by inotify.

Events are read in bulk and not taken apart beyond their masks and names. Who is woken
looks at all its files when one came or went, else at those that were written. Wake-ups
come at most every :data:`SETTLE_S`, so that a busy writer is read in large pieces.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING, Final

from asyncinotify import Inotify, Mask

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["SETTLE_S", "DirectoryWatch"]

SETTLE_S: Final = 0.01

_HEADER: Final = struct.Struct("iIII")  # inotify(7): wd, mask, cookie, len
_READ_BYTES: Final = 64 * 1024
_NAMES_CHANGED: Final = (
    Mask.CREATE
    | Mask.MOVED_FROM
    | Mask.MOVED_TO
    | Mask.DELETE
    | Mask.DELETE_SELF
    | Mask.MOVE_SELF
    | Mask.Q_OVERFLOW
)
_WATCHED: Final = Mask.MODIFY | Mask.CLOSE_WRITE | _NAMES_CHANGED & ~Mask.Q_OVERFLOW


class DirectoryWatch:
    """
    Watches directories.

    Args:
        on_change: called with whether names changed (files came or went), and the
            names, without their directories, of what was written.

    Raises ``OSError`` when the kernel has no inotify instance left.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[bool, set[str]], None],
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._inotify = Inotify()
        self._descriptor = self._inotify.fd
        self._folders: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        loop.add_reader(self._descriptor, self._on_readable)

    def add(self, folder: str) -> None:
        """Watch ``folder`` too; raises ``OSError`` when that cannot be."""
        if folder not in self._folders:
            self._inotify.add_watch(folder, _WATCHED | Mask.ONLYDIR)
            self._folders.add(folder)

    def _on_readable(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._timer = self._loop.call_later(SETTLE_S, self._report)

    def _report(self) -> None:
        self._timer = None
        seen = 0
        names: set[bytes] = set()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._descriptor, _READ_BYTES):
                seen |= _note(data, names)
        self._loop.add_reader(self._descriptor, self._on_readable)
        if seen & Mask.IGNORED:  # a folder is gone; it may come again
            self._folders.clear()
        self._on_change(
            bool(seen & (_NAMES_CHANGED | Mask.IGNORED)), set(map(os.fsdecode, names))
        )

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._descriptor)
        self._inotify.close()


def _note(data: bytes, names: set[bytes]) -> int:
    """Add the names in ``data`` to ``names``; return all masks, joined."""
    seen, position, size = 0, 0, len(data)
    while position < size:
        _, mask, _, length = _HEADER.unpack_from(data, position)
        seen |= mask
        position += _HEADER.size
        names.add(data[position : position + length].rstrip(b"\0"))
        position += length
    return seen
