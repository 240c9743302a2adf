"""The persist store: values survive, damage is set aside, nothing is half written."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from logferry.daemon.state import SqliteState, StateDamaged, StateNotSaved, StateRenewed
from logferry.telemetry.events import NullLog


class RecordingLog(NullLog):
    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)


async def reopened(path) -> dict[str, bytes]:
    state = SqliteState(path, NullLog())
    found = dict(state.items())
    await state.close()
    return found


async def test_values_survive_a_close(tmp_path) -> None:
    state = SqliteState(tmp_path / "persist", NullLog())
    state.put("a", b"1")
    state.put("b", b"2")
    state.put("a", b"3")
    state.delete("b")
    state.delete("never there")
    assert (state.get("a"), state.get("b")) == (b"3", None)
    await state.close()
    assert await reopened(tmp_path / "persist") == {"a": b"3"}


async def test_values_are_saved_without_a_close(tmp_path) -> None:
    path = tmp_path / "persist"
    state = SqliteState(path, NullLog())
    state.put("a", b"1")
    assert state._saving is not None
    await state._saving
    assert await reopened(path) == {"a": b"1"}
    await state.close()


def test_what_was_put_before_the_loop_ran_is_saved_at_close(tmp_path) -> None:
    import asyncio

    state = SqliteState(tmp_path / "persist", NullLog())
    state.put("early", b"1")
    asyncio.run(state.close())
    assert asyncio.run(reopened(tmp_path / "persist")) == {"early": b"1"}


async def test_items_are_found_by_prefix(tmp_path) -> None:
    state = SqliteState(tmp_path / "persist", NullLog())
    for key in ("queue/b", "queue/a", "file/x"):
        state.put(key, b"")
    assert [key for key, _ in state.items("queue/")] == ["queue/a", "queue/b"]
    await state.close()


@pytest.mark.parametrize("content", [b"", b"SLQF" + bytes(5000), b"x" * 100])
async def test_a_foreign_file_is_set_aside_not_deleted(tmp_path, content) -> None:
    path = tmp_path / "persist"
    path.write_bytes(content)
    log = RecordingLog()
    state = SqliteState(path, log)
    state.put("a", b"1")
    await state.close()
    assert await reopened(path) == {"a": b"1"}
    if content:  # an empty file is a valid, empty database
        assert [type(event) for event in log.events] == [StateDamaged]
        assert (tmp_path / "persist.damaged-0").read_bytes() == content


async def test_a_file_of_a_later_version_is_set_aside(tmp_path) -> None:
    path = tmp_path / "persist"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    log = RecordingLog()
    await SqliteState(path, log).close()
    assert [type(event) for event in log.events] == [StateDamaged]


async def test_a_failed_save_is_reported_and_done_again(tmp_path) -> None:
    path = tmp_path / "persist"
    log = RecordingLog()
    state = SqliteState(path, log)
    blocker = sqlite3.connect(path, isolation_level=None)
    state._connection.execute("PRAGMA busy_timeout = 1")
    blocker.execute("BEGIN IMMEDIATE")
    state.put("a", b"1")
    assert not await state._save()
    assert [type(event) for event in log.events] == [StateNotSaved]
    blocker.execute("ROLLBACK")
    blocker.close()
    await state.close()
    assert await reopened(path) == {"a": b"1"}


async def test_a_file_that_somebody_else_locks_is_not_set_aside(
    tmp_path, monkeypatch
) -> None:
    """Nor one on a full or failing disk: nothing says that its content is wrong."""
    path = tmp_path / "persist"
    await SqliteState(path, NullLog()).close()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("PRAGMA locking_mode = EXCLUSIVE")
    blocker.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *words, **more: connect(*words, timeout=0.01, **more)
    )
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        SqliteState(path, NullLog())
    blocker.close()
    assert not list(tmp_path.glob("*.damaged-*"))


async def test_keys_may_be_names_of_files_in_any_encoding(tmp_path) -> None:
    """One such name must not keep all others from being saved."""
    keys = ["plain", "\udcff\udcfe", "new\nline", "\u00fc"]
    state = SqliteState(tmp_path / "p", NullLog())
    for key in keys:
        state.put(key, key.encode("utf-8", "surrogateescape"))
    state.put("\udcaa", b"gone")
    state.delete("\udcaa")
    await state.close()
    found = await reopened(tmp_path / "p")
    assert found == {key: key.encode("utf-8", "surrogateescape") for key in keys}


@pytest.mark.parametrize("gone", ["file", "folder", "replaced"])
async def test_a_file_that_was_deleted_in_use_is_written_anew(tmp_path, gone) -> None:
    path, log = tmp_path / "state" / "p", RecordingLog()
    path.parent.mkdir()
    state = SqliteState(path, log)
    state.put("old", b"1")
    await state._save()
    if gone == "folder":
        shutil.rmtree(path.parent)
    else:
        for item in path.parent.iterdir():
            item.unlink()
    if gone == "replaced":
        path.touch()
    state.put("new", b"2")
    await state.close()
    assert await reopened(path) == {"old": b"1", "new": b"2"}
    assert [type(event) for event in log.events] == [StateRenewed]
