"""
One open file: made with its folders, owner, mode and link; appended to; reopened.

The only place of the ``file()`` driver that touches the file system. Every ``OSError``
becomes ``StorageFailed`` with the path in its text.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.errors import StorageFailed
from logferry.runtime.file_permissions import change_owner, make_folders

if TYPE_CHECKING:
    from logferry.destinations.file.options import FileDestinationOptions

__all__ = ["FileWriter"]

_UNCHANGED = -1


class FileWriter:
    """
    Appends batches to one file.

    Args:
        path: the file's concrete name.
        options: how it is made.
        now_s: the wall clock, for ``overwrite-if-older()``.

    """

    def __init__(
        self, path: str, options: FileDestinationOptions, now_s: float
    ) -> None:
        self.path = path
        self.last_used_at = 0.0
        self._options = options
        self._descriptor = -1
        try:
            self._descriptor = self._open(now_s)
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror or error}") from error

    def _open(self, now_s: float) -> int:
        options = self._options
        path = Path(self.path)
        if options.create_dirs:
            make_folders(path.parent, options)
        if options.overwrite_if_older:
            with contextlib.suppress(FileNotFoundError):
                if now_s - path.stat().st_mtime > options.overwrite_if_older:
                    path.unlink()
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC
        if not self.path.startswith("/dev/"):
            flags |= os.O_CREAT | os.O_APPEND
        mode = 0o600 if options.perm == _UNCHANGED else options.perm
        descriptor = os.open(self.path, flags, mode)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            # The umask must not have the last word (fchmod), nor may a failed
            # chown keep logs from being written (as in the reference).
            with contextlib.suppress(OSError):
                if options.perm != _UNCHANGED:
                    os.fchmod(descriptor, options.perm)
                change_owner(self.path, options.owner, options.group)
        if options.symlink_as:
            self._link(Path(options.symlink_as))
        return descriptor

    def _link(self, link: Path) -> None:
        if link.is_symlink():
            if str(link.readlink()) == self.path:
                return
            link.unlink()
        with contextlib.suppress(FileExistsError):
            link.symlink_to(self.path)

    def write(self, data: bytes) -> None:
        """Append ``data`` whole or, when it raises ``StorageFailed``, not at all."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            if self._options.fsync:
                os.fsync(self._descriptor)
        except OSError as error:
            self._cut_back(len(data) - len(view))
            raise StorageFailed(f"{self.path}: {error.strerror or error}") from error

    def _cut_back(self, written_bytes: int) -> None:
        """Take a torn write back, so that the batch can be written again whole."""
        if not written_bytes:
            return
        with contextlib.suppress(OSError):
            size = os.fstat(self._descriptor).st_size
            os.ftruncate(self._descriptor, max(0, size - written_bytes))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1
