"""
One daemon for one state: a lock beside the persist file.

Two processes on the same queues would deliver twice and lose what the other wrote.
The lock is the kernel's (``flock``): it ends with the process, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from logferry.errors import LogferryError

__all__ = ["AlreadyRunning", "InstanceLock"]


class AlreadyRunning(LogferryError):
    """Another process uses this state."""


class InstanceLock:
    """Held from its making until ``release`` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises ``AlreadyRunning``, and ``OSError`` from the disk."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"another daemon (process {owner or 'unknown'}) uses {path.parent}; "
                "stop it, or name another state directory"
            ) from None
        with contextlib.suppress(OSError):  # a full disk: the lock is what counts
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let another daemon have the state."""
        os.close(self._descriptor)
