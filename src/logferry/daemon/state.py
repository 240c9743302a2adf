"""
The persist store: small values in one SQLite file of the state directory.

All values are kept in memory, reading never touches the disk; what was put is written
by a thread soon afterwards, all of it in one transaction. A crash loses at most the
last second, and never leaves half of a change behind.

A file that cannot be used (damaged, made by a later version) is set aside under
another name and a new one is begun: what it held is found again more slowly (files
are read from their configured start, queues by looking for their files), which is
better than not to start.

A file that somebody deletes while it is in use is written anew, with all values.

A disk that is full, read-only or failing keeps nobody from starting either: what the
file holds is read as it is, and what changes is written when the disk takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, ClassVar, Final

from logferry.queues.columns import from_column, to_column
from logferry.queues.refusal import connect_readonly, is_disk_at_fault
from logferry.queues.set_aside import is_damage, set_aside
from logferry.records import record
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "PERSIST_FILE",
    "SqliteState",
    "StateDamaged",
    "StateNotSaved",
    "StateRenewed",
]

PERSIST_FILE: Final = "logferry.persist"
"""The file's name in the state directory."""

SCHEMA_VERSION: Final = 1

_SAVE_DELAY_S = 0.2
_RETRY_DELAY_S = 1.0


@record
class StateDamaged(Event):
    """The persist file cannot be used."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Persistent state file is in invalid format, setting it aside"

    filename: str
    kept_as: str
    error: str


@record
class StateRenewed(Event):
    """The persist file was gone, and was written anew."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Persistent state file was deleted or replaced while it was in use, wrote it"
        " anew. Stop the daemon before you touch its files"
    )

    filename: str


@record
class StateNotSaved(Event):
    """The persist file cannot be written now; it is tried again."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error writing the persistent state file, will try again"

    filename: str
    error: str


class SqliteState:
    """
    A :class:`logferry.runtime.stores.State` that survives the process.

    Lives in one event loop; ``close`` writes what is left.
    """

    def __init__(self, path: Path, log: EventLog) -> None:
        self.path = path
        self._log = log
        self._values: dict[str, bytes] = {}
        self._changed: set[str] = set()
        self._saving: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._connection = self._open()
        self._place = _place_of(path)

    def _open(self) -> sqlite3.Connection | None:
        """Return ``None`` when the disk does not take changes now."""
        try:
            return self._load()
        except sqlite3.DatabaseError as error:
            if is_disk_at_fault(self.path, error):
                self._values = self._read()
                self._log.emit(StateNotSaved(str(self.path), str(error)))
                return None
            if not is_damage(error) or self._is_out_of_reach():
                raise
            kept_as = set_aside(self.path)
            self._log.emit(StateDamaged(str(self.path), str(kept_as), str(error)))
        return self._load()

    def _is_out_of_reach(self) -> bool:
        """Tell a file or folder that we may not use from a damaged one."""
        try:
            with self.path.open("ab"):
                return False
        except OSError:
            return True

    def _load(self) -> sqlite3.Connection:
        connection = _connect(self.path)
        try:
            self._values = _entries(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self) -> dict[str, bytes]:
        """Return what can be read without writing anything; nothing of a new file."""
        if not self.path.exists() or not self.path.stat().st_size:
            return {}
        with contextlib.closing(connect_readonly(self.path)) as connection:
            return _entries(connection)

    def get(self, key: str) -> bytes | None:
        """Return what was last put under ``key``."""
        return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` under ``key``; on disk within a second."""
        if self._values.get(key) != value:
            self._values[key] = value
            self._note(key)

    def delete(self, key: str) -> None:
        """Forget ``key``."""
        if self._values.pop(key, None) is not None:
            self._note(key)

    def items(self, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Iterate over the entries whose keys begin with ``prefix``, sorted."""
        for key in sorted(self._values):
            if key.startswith(prefix):
                yield key, self._values[key]

    def _note(self, key: str) -> None:
        self._changed.add(key)
        if self._saving is None:
            with contextlib.suppress(RuntimeError):  # no loop yet: close() will save
                loop = asyncio.get_running_loop()
                self._saving = loop.create_task(self._save_soon(), name="save state")

    async def _save_soon(self) -> None:
        """Write until nothing is left to write, or until ``close``."""
        delay_s = _SAVE_DELAY_S
        while self._changed and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._closing.wait()
            delay_s = _SAVE_DELAY_S if await self._save() else _RETRY_DELAY_S
        self._saving = None

    async def _save(self) -> bool:
        changed, self._changed = self._changed, set()
        changes = [(to_column(key), self._values.get(key)) for key in changed]
        try:
            is_renewed = await asyncio.to_thread(self._write, changes)
        except (sqlite3.Error, OSError) as error:
            self._changed |= changed
            self._log.emit(StateNotSaved(str(self.path), str(error)))
            return False
        if is_renewed:
            self._log.emit(StateRenewed(str(self.path)))
        return True

    def _write(self, changes: list[tuple[str | bytes, bytes | None]]) -> bool:
        """Write ``changes``; tell whether the file was gone, and is a new one now."""
        is_gone = self._connection is not None and _place_of(self.path) != self._place
        if self._connection is not None and is_gone:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = _connect(self.path)
            self._place = _place_of(self.path)
            # In one go: the event loop may put more meanwhile.
            items = list(self._values.items())
            changes = [*changes, *((to_column(key), value) for key, value in items)]
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?)",
                [item for item in changes if item[1] is not None],
            )
            connection.executemany(
                "DELETE FROM entries WHERE key = ?",
                [(key,) for key, value in changes if value is None],
            )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return is_gone

    async def close(self) -> None:
        """Write what is left and close the file."""
        self._closing.set()
        if self._saving is not None:
            await self._saving
        if self._changed:
            await self._save()
        if self._connection is not None:
            await asyncio.to_thread(self._connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a persist file, or make it. Raises ``sqlite3.DatabaseError``."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _place_of(path: Path) -> tuple[int, int]:
    """Return which file it is, zeros for none. Raises ``OSError``."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def _entries(connection: sqlite3.Connection) -> dict[str, bytes]:
    rows = connection.execute("SELECT key, value FROM entries")
    return {from_column(key): value for key, value in rows}


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table; raise ``sqlite3.DatabaseError`` for a file of a later version."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version} is not ours")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS entries"
        " (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
    )
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
