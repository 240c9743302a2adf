"""
The file of a disk queue: rows in SQLite, changed one transaction at a time.

Everything here blocks and is called from one thread at a time
(``runtime/disk_worker.py``). ``meta`` says what the file should hold, so that a loss
can be counted; it is written in the same transaction as the rows.

Pages of 32 KiB: a row of 256 KiB takes few of them, and a small commit does not write
much more than it must. ``synchronous=FULL`` in WAL mode is one ``fsync`` for each
commit, whatever it holds; ``NORMAL`` leaves the moment to the system and is still safe
against damage. While somebody reads the file for long (``queue export`` into a pager)
the log cannot go into it and grows; it is cut when they have ended.

Inserts stop while the file system has less than a reserve left: removals and the
checkpoints of the write-ahead log need some room too, and they must go on.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry.errors import CorruptRecord, QueueError, StorageFailed
from logferry.queues.columns import from_column, to_column
from logferry.queues.refusal import connect_readonly
from logferry.queues.rows import Row, decode_ranges, encode_ranges
from logferry.queues.set_aside import is_damage
from logferry.queues.work import Done, Load, Totals, Work

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "APPLICATION_ID",
    "FileGone",
    "NewerFile",
    "NoRoom",
    "Storage",
    "check_version",
    "read_totals",
    "remove_queue_file",
    "translate",
]

APPLICATION_ID: Final = 0x4C46_5131
"""``LFQ1``, in the header of every queue file."""

SCHEMA_VERSION: Final = 1
PAGE_BYTES: Final = 32 * 1024
WAL_PAGES: Final = 256  # 8 MiB of write-ahead log, then a checkpoint
RESERVE_BYTES_MAX: Final = 32 * 1024 * 1024
RESERVE_BYTES_MIN: Final = 1024 * 1024
RESERVE_SHARE: Final = 8  # the reserve is at most this part of a small file system

COUNTED_BYTES_MAX: Final = 512 * 1024 * 1024
"""
Larger files are not counted at their opening: two million messages that came one by one
take seconds. What such a file is short of shows when its end is reached.
"""

SCHEMA: Final = """
CREATE TABLE rows (first INTEGER PRIMARY KEY, count INTEGER NOT NULL,
  crc INTEGER NOT NULL, key BLOB NOT NULL, ends BLOB, data BLOB NOT NULL);
CREATE TABLE gone (first INTEGER PRIMARY KEY, ranges BLOB NOT NULL);
CREATE TABLE damaged (first INTEGER PRIMARY KEY, count, crc, key, ends, data);
CREATE TABLE meta (id INTEGER PRIMARY KEY, owner TEXT NOT NULL,
  next_first INTEGER NOT NULL, count INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
  head INTEGER NOT NULL, crc INTEGER NOT NULL);
"""

_PRIMARY: Final = 0xFF  # the low byte of an extended error code


class NoRoom(StorageFailed):
    """The disk, the quota or the file system is full."""


class FileGone(StorageFailed):
    """Somebody deleted or replaced the file while it was in use."""


class NewerFile(QueueError):
    """The file is of a later version, which may know more than we do."""


def translate(error: sqlite3.Error) -> QueueError:
    """Return our own error for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if is_damage(error):
        return CorruptRecord(str(error))
    if code == sqlite3.SQLITE_FULL:
        return NoRoom(str(error))
    return StorageFailed(str(error))


def meta_checksum(
    owner: str, next_first: int, count: int, size_bytes: int, head: int
) -> int:
    """Return the checksum of the meta row."""
    text = f"{owner} {next_first} {count} {size_bytes} {head}"
    return zlib.crc32(text.encode("utf-8", "surrogateescape"))


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """Open a queue file. Raises ``sqlite3.Error``."""
    return sqlite3.connect(
        path, check_same_thread=False, isolation_level=None, timeout=10.0
    )


def check_version(connection: sqlite3.Connection) -> None:
    """
    Raise ``NewerFile`` for a file of a later version, which has other tables.

    Our own tables with another number are damage: raises ``CorruptRecord``.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    tables = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    ours = {statement.strip() for statement in SCHEMA.split(";")} - {""}
    if version > SCHEMA_VERSION and {str(row[0]) for row in tables} != ours:
        raise NewerFile(f"it was written by a later version (format {version})")
    raise CorruptRecord("this queue file is of no version")


def _inode_of(path: Path) -> tuple[int, int]:
    """Return which file it is, zeros for none. Raises ``OSError``."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def check_room(folder: Path, size_bytes: int) -> None:
    """Raise ``NoRoom`` when ``size_bytes`` more would touch the reserve."""
    try:
        system = os.statvfs(folder)
    except OSError as error:
        raise StorageFailed(str(error)) from None
    total_bytes = system.f_blocks * system.f_frsize
    reserve_bytes = max(
        RESERVE_BYTES_MIN, min(RESERVE_BYTES_MAX, total_bytes // RESERVE_SHARE)
    )
    if system.f_bavail * system.f_frsize < reserve_bytes + size_bytes:
        raise NoRoom("the file system is full but for a reserve")


def remove_queue_file(path: Path) -> None:
    """Delete a queue file with its log. Raises ``OSError``."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


class Storage:
    """
    An open queue file.

    Args:
        path: the file; made when missing.
        owner: the queue's name, kept in the file; empty keeps what it says.
        is_synchronous: ``fsync`` at every commit.
        shrink_ratio: an empty file is cut when more than this part of it is free; 1
            never.
        connect: opens the file; tests put file systems that fail behind it.

    Attributes:
        refusal: why the disk lets it be read only, ``None`` when it can be written,
            too. Every change tries again.

    Raises ``CorruptRecord`` for a file that is no queue file or damaged and
    ``StorageFailed`` when it cannot even be read.

    """

    def __init__(
        self,
        path: Path,
        owner: str = "",
        *,
        is_synchronous: bool = True,
        shrink_ratio: float = 1.0,
        connect: Callable[[Path], sqlite3.Connection] = connect_for_writing,
    ) -> None:
        self.path = path
        self.owner = owner
        self.shrink_ratio = shrink_ratio
        self.is_synchronous = is_synchronous
        self.commit_count = 0
        self.refusal: StorageFailed | None = None
        self._connect = connect
        self._is_shut = False
        is_there = path.exists()
        try:
            self._connection = connect(path)
        except sqlite3.Error as error:
            self._open_reading(translate(error))
            return
        try:
            self._set_up(is_synchronous)
            self.totals = self._open_meta()
            self._inode = _inode_of(path)
        except sqlite3.Error as error:
            self._connection.close()
            if not is_there:  # what a full disk took of it would look like damage
                remove_queue_file(path)
            self._open_reading(translate(error))
        except BaseException:
            self._connection.close()
            raise

    def _open_reading(self, refusal: QueueError) -> None:
        """Read what can be read while the disk takes nothing; raise ``refusal``."""
        if not isinstance(refusal, StorageFailed) or not self.path.exists():
            raise refusal from None
        try:
            self._connection = connect_readonly(self.path)
        except sqlite3.Error:
            raise refusal from None
        try:
            kind = self._connection.execute("PRAGMA application_id").fetchone()[0]
            found = read_totals(self._connection) if kind == APPLICATION_ID else None
            self._inode = _inode_of(self.path)
        except (sqlite3.Error, OSError):
            found = None
        if found is None:
            self._connection.close()
            raise refusal from None
        self.owner, self.totals = self.owner or found[0], found[1]
        self.refusal = refusal

    def check_writable(self) -> None:
        """Raise what the disk said when it let the file be read only."""
        if self.refusal is not None:
            raise self.refusal

    def _open_again(self) -> None:
        """
        Write, now that the disk takes it perhaps. Raises ``QueueError``.

        Closed first: connections of a process share what they know of a read-only log.
        """
        self.check_place()
        self._connection.close()
        self._is_shut = True
        fresh = Storage(
            self.path,
            self.owner,
            is_synchronous=self.is_synchronous,
            connect=self._connect,
        )
        self._connection, self.refusal = fresh._connection, fresh.refusal
        self._is_shut = False
        self.check_writable()

    def _set_up(self, is_synchronous: bool) -> None:
        execute = self._connection.execute
        # A crash while it is made can leave a file with nothing in it.
        is_new = not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        is_new = is_new and execute("PRAGMA application_id").fetchone()[0] == 0
        if is_new:
            execute(f"PRAGMA page_size = {PAGE_BYTES}")
        elif execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise CorruptRecord("this is no queue file")
        else:
            check_version(self._connection)
        execute("PRAGMA journal_mode = WAL")
        self.set_synchronous(is_synchronous)
        execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        execute(f"PRAGMA journal_size_limit = {2 * WAL_PAGES * PAGE_BYTES}")
        execute("PRAGMA cell_size_check = ON")
        execute("PRAGMA trusted_schema = OFF")
        if is_new:
            execute("BEGIN IMMEDIATE")
            for statement in SCHEMA.split(";"):
                execute(statement)
            execute(f"PRAGMA application_id = {APPLICATION_ID}")
            execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            execute("COMMIT")

    def _open_meta(self) -> Totals:
        """Return the totals; count the rows when nobody wrote them down correctly."""
        row = self._connection.execute("SELECT * FROM meta WHERE id = 1").fetchone()
        if row is None or row[6] != meta_checksum(from_column(row[1]), *row[2:6]):
            is_new = row is None and self._head() is None
            totals = Totals() if is_new else self._count()
        else:
            self.owner = self.owner or from_column(row[1])
            totals = Totals(*row[2:5])
            self._check_count(totals)
        self.write_meta(totals)
        return totals

    def _check_count(self, totals: Totals) -> None:
        """Raise ``CorruptRecord`` when the tree does not lead to all rows."""
        if self.path.stat().st_size <= COUNTED_BYTES_MAX:
            count = self._count().count
            if count != totals.count:
                raise CorruptRecord(f"{count} of {totals.count} records can be found")

    def _count(self) -> Totals:
        """Count what is there, for a file whose meta row is lost."""
        next_first = count = size_bytes = 0
        for first, row_count, size, data in self._connection.execute(
            "SELECT r.first, r.count, length(r.data), g.ranges"
            " FROM rows r LEFT JOIN gone g USING (first)"
        ):
            if not all(isinstance(item, int) for item in (first, row_count, size)):
                raise CorruptRecord("a column has an impossible type")
            gone = sum(stop - start for start, stop in decode_ranges(data, row_count))
            next_first = max(next_first, first + row_count)
            count += row_count - gone
            size_bytes += size
        return Totals(next_first, count, size_bytes)

    def _head(self) -> int | None:
        first: int | None = self._connection.execute(
            "SELECT min(first) FROM rows"
        ).fetchone()[0]
        return first

    def write_meta(self, totals: Totals) -> None:
        """Write down what the file should hold."""
        head = self._head()
        if head is None:
            head = totals.next_first
        values = (
            self.owner,
            totals.next_first,
            totals.count,
            totals.size_bytes,
            head,
        )
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?, ?)",
            (to_column(self.owner), *values[1:], meta_checksum(*values)),
        )

    def set_synchronous(self, is_synchronous: bool) -> None:
        """Choose whether each commit is written through to the disk."""
        self.is_synchronous = is_synchronous
        mode = "FULL" if is_synchronous else "NORMAL"
        self._connection.execute(f"PRAGMA synchronous = {mode}")

    def note_totals(self, totals: Totals) -> None:
        """Correct what the file should hold. Raises like ``perform``."""
        try:
            self.write_meta(totals)
        except sqlite3.Error as error:
            raise translate(error) from None
        self.totals = totals

    def perform(self, work: Work) -> Done:
        """
        Commit the changes, then read ahead.

        Raises ``NoRoom``, ``StorageFailed`` or, for a damaged file,
        ``CorruptRecord``; nothing was changed then. An error of the reading is in the
        result, because the changes were made.
        """
        try:
            if self._is_shut or (work.changes and self.refusal is not None):
                self._open_again()
            if work.changes:
                if work.inserts:
                    self.check_place()
                    size_bytes = sum(len(row.data) for row in work.inserts)
                    check_room(self.path.parent, size_bytes)
                self._commit(work)
        except sqlite3.Error as error:
            raise translate(error) from None
        if work.load is None:
            return Done()
        try:
            return self._load(work.load)
        except sqlite3.Error as error:
            return Done(next_start=work.load.start, error=translate(error))

    def try_out(self) -> None:
        """Find out whether records can be stored. Raises ``QueueError``."""
        if self.refusal is not None:
            self._open_again()
        self.check_place()
        check_room(self.path.parent, 0)
        self.note_totals(self.totals)

    def check_place(self) -> None:
        """Raise ``FileGone`` when the path leads to this file no more."""
        try:
            is_there = self._inode == _inode_of(self.path)
        except OSError as error:
            raise StorageFailed(str(error)) from None
        if not is_there:
            # What is in it can still be delivered, but would not survive.
            raise FileGone("the file was deleted or replaced while it was in use")

    def _commit(self, work: Work) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)",
                (row.encode() for row in work.inserts),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO gone VALUES (?, ?)",
                [(first, encode_ranges(ranges)) for first, ranges in work.gone.items()],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO damaged"
                " SELECT first, count, crc, key, ends, data FROM rows WHERE first = ?",
                [(first,) for first in work.damaged],
            )
            removed = [(first,) for first in [*work.deletes, *work.damaged]]
            connection.executemany("DELETE FROM rows WHERE first = ?", removed)
            connection.executemany("DELETE FROM gone WHERE first = ?", removed)
            self.write_meta(work.totals)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commit_count += 1
        self.totals = work.totals
        if not work.totals.count and work.deletes:
            self._shrink()

    def _shrink(self) -> None:
        """Cut an empty file: cheap, because there is nothing to move."""
        execute = self._connection.execute
        page_count = execute("PRAGMA page_count").fetchone()[0]
        free_count = execute("PRAGMA freelist_count").fetchone()[0]
        if self.shrink_ratio < 1 and free_count > self.shrink_ratio * page_count:
            with contextlib.suppress(sqlite3.OperationalError):  # another time
                execute("VACUUM")
                execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def cut(self) -> None:
        """
        Give free room back to the disk, by copying what is left.

        Raises ``QueueError``.
        """
        try:
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise translate(error) from None

    def _load(self, load: Load) -> Done:
        done = Done(next_start=load.stop)
        size_bytes = 0
        cursor = self._connection.execute(
            "SELECT r.first, r.count, r.crc, r.key, r.ends, r.data, g.ranges"
            " FROM rows r LEFT JOIN gone g USING (first)"
            " WHERE r.first >= ? AND r.first < ? ORDER BY r.first",
            (load.start, load.stop),
        )
        for columns in cursor:
            try:
                row = Row.decode(columns[:6])
            except CorruptRecord:
                done.damaged.append(columns[0])
                continue
            row.gone = decode_ranges(columns[6], row.count)
            done.rows.append(row)
            size_bytes += len(row.data)
            if size_bytes >= load.size_bytes:
                done.next_start = row.first + row.count
                break
        cursor.close()
        return done

    def save_as(self, path: Path) -> None:
        """
        Write all that it holds into a new file, through to the disk.

        Works for a file that was deleted, too. Raises ``QueueError``.
        """
        execute = self._connection.execute
        try:
            page_count = execute("PRAGMA page_count").fetchone()[0]
            free_count = execute("PRAGMA freelist_count").fetchone()[0]
            check_room(path.parent, (page_count - free_count) * PAGE_BYTES)
            execute("VACUUM INTO ?", (str(path),))
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except sqlite3.Error as error:
            raise translate(error) from None
        except OSError as error:
            raise StorageFailed(str(error)) from None

    def close(self) -> None:
        """Close the file; the write-ahead log goes into it."""
        self._connection.close()


def read_totals(connection: sqlite3.Connection) -> tuple[str, Totals, int] | None:
    """Return owner, totals and lowest number as written down, if they are sound."""
    row = connection.execute("SELECT * FROM meta WHERE id = 1").fetchone()
    if row is None or row[6] != meta_checksum(from_column(row[1]), *row[2:6]):
        return None
    return from_column(row[1]), Totals(*row[2:5]), row[5]
