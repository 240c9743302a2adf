"""
The dead letters: messages that no server takes, with what was said about each.

One SQLite file beside the persist store. ``put`` only notes; a thread writes, in order,
everything noted so far in one transaction. The same message refused again is the same
letter, with more tries and a later time. Limits drop the oldest letters.

A disk that is full, read-only or failing keeps nobody from starting: letters are kept
in memory until it takes them.

A letter that is *replayed* goes back into the queue of a destination and is removed
when that has taken it over for good; when it comes back, it stays. Limits leave it
alone meanwhile: somebody wants it.

A file that turns out to be damaged, at the start or later, is set aside; what can be
read of it is copied into a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from logferry.message.batch import Receipt
from logferry.message.model import UnixNanos
from logferry.queues.columns import from_column, to_column
from logferry.queues.refusal import connect_readonly, is_disk_at_fault
from logferry.queues.set_aside import is_damage, set_aside
from logferry.records import record
from logferry.runtime.stores import DeadLetter
from logferry.runtime.tasks import Tasks
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from logferry.telemetry.counters import Metrics

__all__ = [
    "LETTERS_FILE",
    "LetterLimits",
    "SavedLetter",
    "SqliteDeadLetters",
    "read_letters",
    "remove_letters",
]

LETTERS_FILE: Final = "logferry.dead-letters"
"""The file's name in the state directory."""

SCHEMA_VERSION: Final = 1

_RETRY_S: Final = 1.0
_COLUMNS: Final = (
    "id, destination, key, reason, response, target, first_ns, last_ns, tries, payload"
)


@record
class DeadLettersDamaged(Event):
    """The file cannot be used."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Dead-letter file is damaged, setting it aside"

    filename: str
    kept_as: str
    error: str
    recovered: int


@record
class DeadLettersNotSaved(Event):
    """The file cannot be written now."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error writing dead letters, will try again"

    filename: str
    error: str


@record
class LetterLimits:
    """How much is kept: bytes of payload, and seconds since the last try."""

    size_bytes_max: int = 100 * 1024 * 1024
    age_s_max: float = 30 * 86_400.0


@record
class SavedLetter:
    """A letter in the file; times in nanoseconds since 1970."""

    id: int
    destination: str
    key: str
    reason: str
    response: str
    target: str
    first_ns: int
    last_ns: int
    tries: int
    payload: bytes


class SqliteDeadLetters:
    """
    A :class:`logferry.runtime.stores.DeadLetters` that survives the process.

    Args:
        path: the file.
        log: where trouble is reported.
        metrics: where letters are counted.
        now: the wall clock that the limit of age goes by (``calendar.py``).

    """

    def __init__(
        self,
        path: Path,
        log: EventLog,
        metrics: Metrics,
        now: Callable[[], int],
    ) -> None:
        self.path = path
        self.limits = LetterLimits()
        self._log = log
        self._metrics = metrics
        self._now = now
        self._tasks = Tasks(log)
        self._noted: list[DeadLetter | int] = []  # an id: it was replayed
        self._saving: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._turn = asyncio.Lock()  # threads share the connection
        self._connection: sqlite3.Connection | None = None
        self._open()
        self._reader: sqlite3.Connection | None = None
        self._count = metrics.gauge("dead_letters")
        self._size = metrics.gauge("dead_letters_bytes")
        metrics.on_read(self._refresh)

    def _open(self) -> None:
        """Open the file, unless the disk does not take letters now."""
        try:
            self._connection = _open_prepared(self.path)
            self._connection.execute("UPDATE letters SET is_replayed = 0")
        except sqlite3.DatabaseError as error:
            if is_disk_at_fault(self.path, error):
                self._log.emit(DeadLettersNotSaved(str(self.path), str(error)))
            elif is_damage(error):
                self._log.emit(self._replace(error))
            else:
                raise

    def _replace(self, error: sqlite3.Error) -> DeadLettersDamaged:
        """Go on with a new file that has what the damaged one still tells."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        kept_as = set_aside(self.path)
        self._connection = _open_prepared(self.path)
        recovered = _copy_letters(kept_as, self._connection)
        return DeadLettersDamaged(str(self.path), str(kept_as), str(error), recovered)

    @property
    def _store(self) -> sqlite3.Connection:
        """The open file. Raises ``sqlite3.Error`` while the disk refuses it."""
        if self._connection is None:
            self._connection = _open_prepared(self.path)
        return self._connection

    def _refresh(self) -> None:
        if self._connection is None:
            return
        try:
            if self._reader is None:
                self._reader = _connect(self.path)
                self._reader.execute("PRAGMA busy_timeout = 50")  # the loop waits
            row = self._reader.execute(
                "SELECT count(*), total(size_bytes) FROM letters"
            ).fetchone()
        except sqlite3.Error:
            return  # the numbers of the last look stay
        self._count.value, self._size.value = row[0], int(row[1])

    def put(self, letters: list[DeadLetter]) -> None:
        """Keep ``letters``; they are on disk a moment later."""
        for letter in letters:
            labels = {"destination": letter.destination, "reason": letter.reason}
            self._metrics.counter("dead_letters_total", labels, dynamic=True).add(1)
        self._note(letters)

    def _note(self, items: list[DeadLetter] | list[int]) -> None:
        self._noted += items
        if self._saving is None and not self._closing.is_set():
            self._saving = self._tasks.start(self._save(), "save dead letters")

    async def _save(self) -> None:
        """Write until nothing is left to write, or until ``close``."""
        while self._noted and not self._closing.is_set():
            if not await self._save_once():
                try:
                    await asyncio.wait_for(self._closing.wait(), _RETRY_S)
                except TimeoutError:
                    continue
        self._saving = None

    async def _save_once(self) -> bool:
        noted, self._noted = self._noted, []
        oldest_ns = int(self._now() - self.limits.age_s_max * 1e9)
        async with self._turn:
            try:
                await asyncio.to_thread(self._write, noted, oldest_ns)
            except sqlite3.Error as error:
                self._noted = noted + self._noted
                return await self._recover(error)
        return True

    async def _recover(self, error: sqlite3.Error) -> bool:
        """Tell whether it is worth while to write again at once."""
        problem = str(error)
        if is_damage(error):
            try:
                event = await asyncio.to_thread(self._replace, error)
            except (sqlite3.Error, OSError) as failure:
                problem = str(failure)
            else:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None
                self._log.emit(event)
                return True
        self._log.emit(DeadLettersNotSaved(str(self.path), problem))
        return False

    def _write(self, noted: list[DeadLetter | int], oldest_ns: int) -> None:
        connection = self._store
        connection.execute("BEGIN IMMEDIATE")
        try:
            for item in noted:
                if isinstance(item, int):
                    connection.execute(
                        "DELETE FROM letters WHERE id = ? AND is_replayed", (item,)
                    )
                else:
                    _insert(connection, item)
            self._enforce(oldest_ns)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _enforce(self, oldest_ns: int) -> None:
        """Drop the oldest letters beyond the limits."""
        execute = self._store.execute
        execute(
            "DELETE FROM letters WHERE last_ns < ? AND NOT is_replayed", (oldest_ns,)
        )
        size_bytes = execute("SELECT total(size_bytes) FROM letters").fetchone()[0]
        excess_bytes = size_bytes - self.limits.size_bytes_max
        if excess_bytes <= 0:
            return
        doomed = []
        for number, size in execute(
            "SELECT id, size_bytes FROM letters WHERE NOT is_replayed"
            " ORDER BY last_ns, id"
        ):
            if excess_bytes <= 0:
                break
            doomed.append((number,))
            excess_bytes -= size
        self._store.executemany("DELETE FROM letters WHERE id = ?", doomed)

    async def replay(
        self, ids: list[int] | None, deliver: Callable[[SavedLetter, Receipt], bool]
    ) -> tuple[int, int]:
        """
        Put letters (all of them for ``None``) back into queues.

        ``deliver`` pushes one with the receipt given, or returns false when there is
        no destination for it. Returns how many went back, and how many did not.
        Raises ``sqlite3.Error`` when the file cannot be read or written.
        """
        await self.saved()
        async with self._turn:
            letters = await asyncio.to_thread(self._take, ids)
        left = []
        for letter in letters:
            receipt = Receipt(1, partial(self._on_replayed, letter.id))
            receipt.hold()
            if deliver(letter, receipt):
                receipt.settle()
            else:
                left.append(letter)
        async with self._turn:
            await asyncio.to_thread(self._mark, left, is_replayed=False)
        return len(letters) - len(left), len(left)

    def _take(self, ids: list[int] | None) -> list[SavedLetter]:
        """Read letters that are about to be sent again, and mark them."""
        letters = list(read_letters(self.path, ids))
        self._mark(letters, is_replayed=True)
        return letters

    def _mark(self, letters: list[SavedLetter], *, is_replayed: bool) -> None:
        if not letters:
            return
        connection = self._store
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "UPDATE letters SET is_replayed = ? WHERE id = ?",
                [(int(is_replayed), letter.id) for letter in letters],
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _on_replayed(self, number: int, receipt: Receipt) -> None:
        del receipt
        self._note([number])

    async def saved(self) -> None:
        """Wait until all that was put is written, or cannot be."""
        if self._noted:
            await self._save_once()

    async def close(self) -> None:
        """Write what is left and close the file."""
        self._metrics.forget(self._refresh)
        self._closing.set()
        if self._saving is not None:
            await self._saving
        await self.saved()
        if self._reader is not None:
            self._reader.close()
        if self._connection is not None:
            await asyncio.to_thread(self._connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None)


def _open_prepared(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version} is not ours")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS letters"
        " (id INTEGER PRIMARY KEY, digest BLOB UNIQUE,"
        " destination TEXT, key TEXT, reason TEXT, response TEXT, target TEXT,"
        " first_ns INTEGER, last_ns INTEGER, tries INTEGER, size_bytes INTEGER,"
        " is_replayed INTEGER DEFAULT 0, payload BLOB)"
    )
    # Sums and ages are asked for often; messages need not be read for them.
    connection.execute(
        "CREATE INDEX IF NOT EXISTS ages ON letters (last_ns, size_bytes)"
    )
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _insert(connection: sqlite3.Connection, letter: DeadLetter) -> None:
    digest = hashlib.sha256()
    for text in (letter.destination, letter.key):
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0")
    digest.update(letter.payload)
    connection.execute(
        "INSERT INTO letters (digest, destination, key, reason, response, target,"
        " first_ns, last_ns, tries, size_bytes, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET reason = excluded.reason,"
        " response = excluded.response, target = excluded.target,"
        " last_ns = excluded.last_ns, tries = tries + excluded.tries, is_replayed = 0",
        (
            digest.digest(),
            to_column(letter.destination),
            to_column(letter.key),
            letter.reason,
            to_column(letter.response),
            to_column(letter.target),
            letter.at,
            letter.at,
            letter.tries,
            len(letter.payload),
            letter.payload,
        ),
    )


def _copy_letters(path: Path, connection: sqlite3.Connection) -> int:
    """Copy what can be read of a damaged file; return how many letters that is."""
    copied = 0
    connection.execute("BEGIN IMMEDIATE")
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
        for item in read_letters(path):
            texts = item.destination, item.payload, item.key, item.reason
            answer = item.response, item.target, UnixNanos(item.last_ns), item.tries
            _insert(connection, DeadLetter(*texts, *answer))
            copied += 1
    connection.execute("COMMIT")
    return copied


def read_letters(
    path: Path, ids: list[int] | None = None, destination: str = ""
) -> Iterator[SavedLetter]:
    """
    Yield the letters in a file, oldest first: all, or those asked for.

    For the command line too, while a daemon runs. Raises ``sqlite3.Error``.
    """
    with closing(connect_readonly(path)) as connection:
        wanted = None if ids is None else set(ids)
        for row in connection.execute(
            f"SELECT {_COLUMNS} FROM letters ORDER BY id"  # noqa: S608 - our own names
        ):
            number, name, key, reason, response, target, *rest = row
            letter = SavedLetter(
                number,
                from_column(name),
                from_column(key),
                reason,
                from_column(response),
                from_column(target),
                *rest,
            )
            if wanted is not None and letter.id not in wanted:
                continue
            if not destination or letter.destination == destination:
                yield letter


def remove_letters(path: Path, ids: list[int]) -> int:
    """Delete letters; return how many there were. Raises ``sqlite3.Error``."""
    with closing(_connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.executemany(
            "DELETE FROM letters WHERE id = ?", [(number,) for number in ids]
        )
        removed = cursor.rowcount
        connection.execute("COMMIT")
    return removed
