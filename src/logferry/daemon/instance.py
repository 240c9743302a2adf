"""
One daemon for one state: a lock beside the persist file.

Two processes on the same queues would deliver twice and lose what the other wrote.
The lock is the kernel's (``flock``): it ends with the process, however it ends. Where a
disk does not take the file, the folder itself is locked instead; whoever can make the
file by then is kept out by that, too.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections import Counter
from pathlib import Path
from typing import Final

from logferry.errors import LogferryError
from logferry.queues.refusal import is_disk_error

__all__ = ["AlreadyRunning", "InstanceLock"]

_Place = tuple[int, int]
"""Device and number of a file."""

_FOLDERS: Final[Counter[_Place]] = Counter()
"""Folders that this process has locked: it does not keep itself out."""


class AlreadyRunning(LogferryError):
    """Another process uses this state."""


class InstanceLock:
    """Held from its making until ``release`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises ``AlreadyRunning``, and ``OSError`` from the disk."""
        self._path = path
        try:
            self._descriptor = _open(path)
            self._locked = path
        except OSError as error:
            if not is_disk_error(error) and error.errno != errno.ENOENT:
                raise
            self._locked = path.parent
            self._descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        self._place = _place_of(os.fstat(self._descriptor))
        try:
            self._lock()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _lock(self) -> None:
        if self._locked != self._path:
            if not _FOLDERS[self._place]:
                _take(self._descriptor, self._path.parent)
            _FOLDERS[self._place] += 1
            return
        _take(self._descriptor, self._path.parent)
        _check_folder(self._path.parent)
        with contextlib.suppress(OSError):  # a full disk: the lock is what counts
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    @property
    def is_current(self) -> bool:
        """Tell whether the lock is still where others look for it."""
        try:
            return _place_of(self._locked.stat()) == self._place
        except OSError:
            return False

    def release(self) -> None:
        """Let another daemon have the state."""
        if self._locked != self._path:
            _FOLDERS[self._place] -= 1
        os.close(self._descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _place_of(status: os.stat_result) -> _Place:
    return status.st_dev, status.st_ino


def _check_folder(folder: Path) -> None:
    """Raise ``AlreadyRunning`` when somebody has locked the whole folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _FOLDERS[_place_of(os.fstat(descriptor))]:
            _take(descriptor, folder)
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = "unknown"
        with contextlib.suppress(OSError):  # a folder tells nothing
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
        raise AlreadyRunning(
            f"another daemon (process {owner or 'unknown'}) uses {folder}; "
            "stop it, or name another state directory"
        ) from None
