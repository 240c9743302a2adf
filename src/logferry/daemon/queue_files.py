"""
Which file a queue has, and opening it.

The persist store remembers the file of each name, and every file remembers its owner,
so that either finds the other when one is lost. A folder with queue files is locked:
two daemons in it would deliver twice and lose what the other wrote.

A large or damaged file is not opened here, because that may take time: its worker does
it. A file of a later version is left alone. A disk that is full, read-only or failing
keeps nobody from starting: the worker opens or makes the file when it can.
"""

from __future__ import annotations

import contextlib
import errno
import re
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from logferry.daemon.instance import AlreadyRunning, InstanceLock
from logferry.errors import CorruptRecord, StorageFailed
from logferry.queues.files import find_queue_files, owner_of, remove_queue_file
from logferry.queues.recovery import open_sound
from logferry.queues.refusal import connect_readonly, is_disk_error, is_usable
from logferry.queues.renewal import free_path
from logferry.queues.storage import NewerFile, check_version
from logferry.records import record
from logferry.runtime.disk_worker import QueueFile
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logferry.destinations.options import DiskBufferOptions
    from logferry.runtime.environment import Environment

__all__ = ["QueueFiles", "is_synchronous"]

_STATE_PREFIX = "queue/"
_WORKER_FOLDER = re.compile(r"worker-\d+")  # daemon/crew.py
_DIR_LOCK = "logferry-disk-buffer.dirlock"

_OPENED_AT_ONCE_BYTES = 64 * 1024 * 1024
"""Looking through a larger file may take longer than the event loop should stand."""


@record
class DiskBufferElsewhere(Event):
    """The file is not in the configured folder."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Disk-buffer file holds messages in another folder than configured,"
        " using it until it is empty"
    )

    filename: str
    dir: str


@record
class DiskBufferNewer(Event):
    """The file is of a later version."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Disk-buffer file cannot be used, leaving it as it is"

    filename: str
    error: str


class QueueFiles:
    """
    The files of all queues of this process.

    Attributes:
        used: the paths that are open, by whoever opened them.

    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._locks: dict[Path, InstanceLock] = {}
        self._locking = threading.Lock()
        self.used: set[Path] = set()

    def open(self, name: str, options: DiskBufferOptions) -> QueueFile:
        """
        Open the file of the queue called ``name``, or make one.

        Raises ``StorageFailed`` when none can ever be used, and ``AlreadyRunning``
        when another process uses the folder.
        """
        folder = self._folder(options)
        try:
            self._lock_if_possible(folder)
            path = self._path(name, folder, is_reliable=options.reliable)
            file = QueueFile(
                path, name, is_synchronous(options), options.truncate_size_ratio
            )
            try:
                _open_sound(file)
            except NewerFile as error:
                self._environment.log.emit(DiskBufferNewer(str(path), str(error)))
                file.path = self._free_path(folder, is_reliable=options.reliable)
                _open_sound(file)
        except OSError as error:
            raise StorageFailed(
                f"cannot use the folder {folder} of a disk-buffer: {error.strerror}"
            ) from None
        self._take(file)
        return file

    def open_left_over(self, name: str) -> QueueFile | None:
        """
        Open the file that ``name`` has from earlier, when messages wait in it.

        An empty one is deleted; one that is not there now (its disk may be mounted
        later) stays known. Raises like ``open``.
        """
        path = self._known(name)
        try:
            if path is None or path in self.used or not path.exists():
                return None
            self._lock(path.parent)
            found = owner_of(path)
            if found is not None and not found[1].count:
                self.forget(name, path)
                return None
            file = QueueFile(path, name, path.suffix == ".rqf")
            _open_sound(file)
        except NewerFile as error:
            self._environment.log.emit(DiskBufferNewer(str(path), str(error)))
            return None
        except OSError as error:
            raise StorageFailed(
                f"cannot use the disk-buffer file {path}: {error.strerror}"
            ) from None
        self._take(file)
        return file

    def _take(self, file: QueueFile) -> None:
        path = file.path.absolute()
        self.used.add(path)
        self._environment.state.put(_STATE_PREFIX + file.owner, bytes(path))

    def forget(self, name: str, path: Path) -> None:
        """Delete the file of a queue that has none any more. Raises ``OSError``."""
        self.used.discard(path.absolute())
        remove_queue_file(path)
        if self._known(name) == path.absolute():
            self._environment.state.delete(_STATE_PREFIX + name)

    def _known(self, name: str) -> Path | None:
        known = self._environment.state.get(_STATE_PREFIX + name)
        return None if known is None else Path(known.decode("utf-8", "surrogateescape"))

    def _folder(self, options: DiskBufferOptions) -> Path:
        """Return where the file is kept: a folder for each worker process."""
        state_dir = self._environment.state_dir
        if not options.dir:
            return state_dir
        is_worker = _WORKER_FOLDER.fullmatch(state_dir.name) is not None
        return Path(options.dir, state_dir.name) if is_worker else Path(options.dir)

    def _lock_if_possible(self, folder: Path) -> None:
        """Make a folder and lock it; its worker does when the disk is full now."""
        try:
            self._lock(folder)
        except OSError as error:
            if not is_disk_error(error) or error.errno == errno.EROFS:
                raise

    def _lock(self, folder: Path) -> None:
        key = folder.resolve()
        with self._locking:
            lock = self._locks.get(key)
            if lock is not None and lock.is_current:
                return
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._locks[key] = InstanceLock(folder / _DIR_LOCK)
            if lock is not None:  # of a folder that is not there any more
                lock.release()

    def claim(self, path: Path) -> None:
        """
        Make sure that the folder of a queue file is there and locked.

        For the threads of workers. Raises ``OSError`` and ``StorageFailed``.
        """
        try:
            self._lock(path.parent)
        except AlreadyRunning as error:
            raise StorageFailed(str(error)) from None

    def _path(self, name: str, folder: Path, *, is_reliable: bool) -> Path:
        """Return the file that ``name`` has, or the next free one in ``folder``."""
        path = self._known(name)
        if path is not None and path not in self.used:
            if path.parent == folder.absolute():
                return path
            if path.exists():
                found = owner_of(path)
                if found is None or found[1].count:
                    event = DiskBufferElsewhere(str(path), str(folder))
                    self._environment.log.emit(event)
                    self._lock(path.parent)
                    return path
                remove_queue_file(path)
        for path in find_queue_files(folder):
            if path.absolute() not in self.used:
                found = owner_of(path)
                if found is not None and found[0] == name:
                    return path
        return self._free_path(folder, is_reliable=is_reliable)

    def _free_path(self, folder: Path, *, is_reliable: bool) -> Path:
        """Return a path that no file has, nor a queue whose file is made later."""
        return free_path(folder, ".rqf" if is_reliable else ".qf", self.used)

    def abandoned(self) -> Iterable[tuple[Path, str, int]]:
        """Yield file, owner and number of messages of what nobody delivers."""
        for path in self._unused():
            found = owner_of(path)
            if found is not None and found[1].count:
                yield path, found[0], found[1].count

    def _unused(self) -> Iterable[Path]:
        folders = {self._environment.state_dir.resolve(), *self._locks}
        for folder in sorted(folders):
            for path in find_queue_files(folder):
                if path.absolute() not in self.used:
                    yield path

    def unreadable(self) -> Iterable[Path]:
        """Yield what is named like a queue and tells neither owner nor content."""
        for path in self._unused():
            if path.stat().st_size and owner_of(path) is None:
                yield path

    def unlock(self) -> None:
        """Let other processes have the folders."""
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()


def is_synchronous(options: DiskBufferOptions) -> bool:
    """Tell whether each commit is written through to the disk."""
    return options.reliable and options.durability == "fsync"


def _open_sound(file: QueueFile) -> None:
    """
    Open a file, if it is sound and not large.

    Raises ``NewerFile`` and ``StorageFailed``.
    """
    if file.path.exists() and file.path.stat().st_size > _OPENED_AT_ONCE_BYTES:
        with (
            contextlib.suppress(sqlite3.Error, CorruptRecord),
            contextlib.closing(connect_readonly(file.path)) as connection,
        ):
            check_version(connection)
        return
    try:
        file.storage = open_sound(
            file.path,
            file.owner,
            is_synchronous=file.is_synchronous,
            shrink_ratio=file.shrink_ratio,
        )
    except CorruptRecord as error:
        file.damage = str(error)
    except StorageFailed as error:
        if not is_usable(file.path):
            raise
        file.refusal = str(error)
        file.is_begun = file.path.exists() and file.path.stat().st_size > 0
