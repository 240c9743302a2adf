"""The file of a disk queue: room given back, and disks that refuse."""

from __future__ import annotations

import sqlite3

import pytest

from logferry.queues.refusal import connect_readonly
from logferry.queues.rows import Row
from logferry.queues.storage import Storage
from logferry.queues.work import Totals, Work

LARGE = b"x" * 100_000 + b"\n"


def fill(storage: Storage, rows: int = 30) -> None:
    inserts = [Row(number, 1, b"", None, LARGE) for number in range(rows)]
    totals = Totals(rows, rows, rows * len(LARGE))
    storage.perform(Work(inserts=inserts, totals=totals))


def empty(storage: Storage, rows: int = 30) -> None:
    work = Work(deletes=list(range(rows)), totals=Totals(rows, 0, 0))
    storage.perform(work)


@pytest.mark.parametrize(("ratio", "is_cut"), [(0.0, True), (0.5, True), (1.0, False)])
def test_an_empty_file_is_cut_when_more_than_the_ratio_is_free(
    tmp_path, ratio, is_cut
) -> None:
    path = tmp_path / "q.rqf"
    storage = Storage(path, "owner", shrink_ratio=ratio)
    fill(storage)
    empty(storage)
    storage.close()
    assert (path.stat().st_size < 1_000_000) is is_cut


def test_a_file_with_messages_is_not_cut(tmp_path) -> None:
    path = tmp_path / "q.rqf"
    storage = Storage(path, "owner", shrink_ratio=0.0)
    fill(storage)
    left = Totals(30, 1, len(LARGE))
    storage.perform(Work(deletes=list(range(29)), totals=left))
    storage.close()
    assert path.stat().st_size > 3_000_000


class Refusing:
    """A connection that cannot cut its file."""

    def __init__(self, path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def execute(self, statement, *bindings):
        if statement == "VACUUM":
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._connection.execute(statement, *bindings)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def test_what_was_removed_stays_so_when_the_file_cannot_be_cut(tmp_path) -> None:
    path = tmp_path / "q.rqf"
    storage = Storage(path, "owner", shrink_ratio=0.0, connect=Refusing)
    fill(storage)
    empty(storage)
    storage.close()
    again = Storage(path)
    assert again.totals == Totals(30, 0, 0)
    again.close()


def test_a_file_that_a_killed_process_was_cutting_is_whole(tmp_path) -> None:
    """Copies of the file and its log, taken while they are rewritten."""
    path, copies = tmp_path / "q.rqf", tmp_path / "copies"
    copies.mkdir()
    storage = Storage(path, "owner", shrink_ratio=0.0)
    fill(storage)
    steps: list[int] = []

    def copy() -> int:
        folder = copies / str(len(steps))
        folder.mkdir()
        for item in (path, path.with_name("q.rqf-wal")):
            if item.exists():
                (folder / item.name).write_bytes(item.read_bytes())
        steps.append(1)
        return 0

    storage._connection.set_progress_handler(copy, 20)
    empty(storage)
    storage._connection.set_progress_handler(None, 0)
    storage.close()
    assert len(steps) > 10
    for folder in copies.iterdir():
        again = Storage(folder / "q.rqf")
        assert again.totals in (Totals(30, 30, 30 * len(LARGE)), Totals(30, 0, 0))
        again.close()


def test_the_log_that_a_slow_reader_let_grow_is_cut_again(tmp_path) -> None:
    """Somebody looked at the queue through a pager."""
    path = tmp_path / "q.rqf"
    log = path.with_name("q.rqf-wal")
    storage = Storage(path, "owner", is_synchronous=False)
    fill(storage, 1)
    reader = connect_readonly(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM rows").fetchone()
    for number in range(1, 30):
        inserts = [Row(number, 1, b"", None, b"x" * (1 << 20) + b"\n")]
        storage.perform(Work(inserts=inserts, totals=Totals(number + 1, 1, 1)))
    assert log.stat().st_size > 29 << 20
    reader.close()
    for number in range(30, 33):
        inserts = [Row(number, 1, b"", None, b"x\n")]
        storage.perform(Work(inserts=inserts, totals=Totals(number + 1, 1, 1)))
    assert log.stat().st_size <= 16 << 20
    storage.close()
