"""
A file layer that a power failure can strike: for SQLite, through ``apsw``.

Files live in memory. What was written since a file's last sync is lost, kept or torn
by sectors when the power fails; ``Disk.fail_at`` says before which operation that is.
What survives is written to a real folder, for the program to open as it always does.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    import random

SECTOR_BYTES = 512


class PowerFailed(Exception):
    """The machine is off."""


@dataclass
class Content:
    """One file: what is there now, what a sync made sure of, and what came since."""

    now: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    writes: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        if len(self.now) < offset:
            self.now.extend(bytes(offset - len(self.now)))
        self.now[offset : offset + len(data)] = data
        self.writes.append((offset, data))

    def truncate(self, size: int) -> None:
        # Metadata of a journalling file system: in order and at once.
        del self.now[size:]
        del self.synced[size:]
        self.writes = [
            (offset, data[: size - offset])
            for offset, data in self.writes
            if offset < size
        ]

    def sync(self) -> None:
        self.synced = bytearray(self.now)
        self.writes = []

    def after_failure(self, how: str, chance: random.Random) -> bytes:
        """Return what is left: ``lost``, ``kept`` or ``torn`` writes."""
        image = bytearray(self.synced)
        for offset, data in self.writes:
            for start in range(0, len(data), SECTOR_BYTES):
                if how == "kept" or (how == "torn" and chance.random() < 0.5):
                    part = data[start : start + SECTOR_BYTES]
                    place = offset + start
                    if len(image) < place:
                        image.extend(bytes(place - len(image)))
                    image[place : place + len(part)] = part
        return bytes(image)


class Disk(apsw.VFS):
    """The file system; ``fail_at`` counts writes, syncs, cuts and deletions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, Content] = {}
        self.fail_at: int | None = None
        self.operations = 0
        self.is_abandoned = False  # nobody listens to errors any more
        super().__init__(name, "")

    def operate(self) -> bool:
        """Count one operation; fail, or let nothing happen, when the power is off."""
        self.operations += 1
        if self.fail_at is None or self.operations < self.fail_at:
            return True
        if self.is_abandoned:
            return False
        raise apsw.IOError("the power is off")

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        content = self.files.setdefault(filename, Content())
        flags[1] = flags[0]
        return OpenFile(self, content)

    def xDelete(self, name, sync) -> None:  # noqa: N802
        if self.operate():
            self.files.pop(name, None)

    def xAccess(self, name, flags) -> bool:  # noqa: N802
        return name in self.files

    def xFullPathname(self, name) -> str:  # noqa: N802
        return name

    def survive(self, folder: Path, how: str, chance: random.Random) -> None:
        """Write what a power failure leaves to ``folder``."""
        for name, content in self.files.items():
            (folder / Path(name).name).write_bytes(content.after_failure(how, chance))

    def connect(self, path: Path) -> Connection:
        """Open a database on this disk."""
        return Connection(apsw.Connection(str(path), vfs=self.name))


class OpenFile:
    """One open file (SQLite's ``sqlite3_io_methods``)."""

    def __init__(self, disk: Disk, content: Content) -> None:
        self._disk = disk
        self._content = content

    def xRead(self, amount, offset) -> bytes:  # noqa: N802
        return bytes(self._content.now[offset : offset + amount])

    def xWrite(self, data, offset) -> None:  # noqa: N802
        if self._disk.operate():
            self._content.write(offset, bytes(data))

    def xTruncate(self, size) -> None:  # noqa: N802
        if self._disk.operate():
            self._content.truncate(size)

    def xSync(self, flags) -> None:  # noqa: N802
        if self._disk.operate():
            self._content.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content.now)

    def xClose(self) -> None:  # noqa: N802
        pass

    def xLock(self, level) -> None:  # noqa: N802
        pass

    def xUnlock(self, level) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op, pointer) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0


class Connection:
    """An ``apsw`` connection with the manners of the ``sqlite3`` module."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        # There is no shared memory here: one process, and locks that last.
        self.execute("PRAGMA locking_mode = EXCLUSIVE")

    def execute(self, statement, bindings=()):
        return self._run(self._connection.execute, statement, bindings)

    def executemany(self, statement, rows):
        return self._run(self._connection.executemany, statement, rows)

    def _run(self, method, *arguments):
        try:
            return method(*arguments)
        except apsw.Error as error:
            translated = sqlite3.OperationalError(str(error))
            code = getattr(error, "result", None)
            translated.sqlite_errorcode = code or apsw.SQLITE_IOERR
            raise translated from None

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # as the sqlite3 module does
            self._connection.close(True)
