"""``dqtool relocate``, ``assign`` and ``truncate``: files of a stopped daemon change."""

from __future__ import annotations

import fcntl
import os
import shutil

import pytest

from helpers.disk_queue import DirectQueue
from logferry.cli import dqtool, queue_changes
from logferry.daemon.state import SqliteState
from logferry.queues.arrived import save_arrived
from logferry.queues.files import owner_of
from logferry.queues.rows import Row
from logferry.queues.work import Work
from logferry.telemetry.events import NullLog

NAME = "owner"


@pytest.fixture
async def folder(tmp_path):
    """A persist file and two queues."""
    state = SqliteState(tmp_path / "x.persist", NullLog())
    for number, name in enumerate((NAME, "other")):
        path = tmp_path / f"syslog-ng-{number:05}.rqf"
        direct = DirectQueue(path)
        direct.push([b"one\n", b"two\n"])
        direct.close()
        state.put("queue/" + name, bytes(path))
    await state.close()
    (tmp_path / "new").mkdir()
    return tmp_path


async def known(folder) -> dict[str, str]:
    state = SqliteState(folder / "x.persist", NullLog())
    found = {key: os.fsdecode(value) for key, value in state.items()}
    await state.close()
    return found


def numbers(path) -> list[bytes]:
    direct = DirectQueue(path)
    found = direct.drain()
    direct.close()
    return found


@pytest.mark.parametrize("is_other_system", [False, True])
async def test_relocate_moves_a_file_and_says_so_in_the_persist_file(
    folder, capsys, monkeypatch, is_other_system
) -> None:
    if is_other_system:
        monkeypatch.setattr(queue_changes, "_is_one_system", lambda *_: False)
    path = folder / "syslog-ng-00000.rqf"
    work = Work(inserts=[Row(0, 1, b"", None, b"three\n")])
    save_arrived(path, NAME, work)
    persist = str(folder / "x.persist")
    words = ["-n", str(folder / "new"), "-p", persist, str(path)]
    assert dqtool.main(["relocate", *words]) == 0
    new = folder / "new" / path.name
    assert f"key: {NAME}, path: {path}" in capsys.readouterr().out
    assert await known(folder) == {
        "queue/other": str(folder / "syslog-ng-00001.rqf"),
        "queue/owner": str(new),
    }
    assert [item.name for item in folder.glob("*00000*")] == []
    assert numbers(new) == [b"one\n", b"two\n", b"three\n"]


async def test_relocate_all(folder) -> None:
    words = ["--new_path", str(folder / "new"), "--persist", str(folder / "x.persist")]
    assert dqtool.main(["relocate", *words, "--all"]) == 0
    assert {path.rpartition("/")[0] for path in (await known(folder)).values()} == {
        str(folder / "new")
    }
    assert dqtool.main(["relocate", *words, "--all"]) == 0, "nothing left to do"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: shutil.rmtree(f / "new"), "readable/writable directory"),
        (lambda f: (f / "x.persist").unlink(), "readable/writable file"),
        (lambda f: (f / "x.persist").write_bytes(b"SLP4" * 99), "no persist file of"),
        (lambda f: (f / "syslog-ng-00000.rqf").write_bytes(b"SLRQ" * 99), "syslog-ng,"),
        (lambda f: (f / "new/syslog-ng-00000.rqf").touch(), "exists already"),
        (lambda f: (f / "syslog-ng-00000.rqf").rename(f / "x"), "No such file"),
    ],
)
async def test_relocate_refuses(folder, capsys, change, reason) -> None:
    change(folder)
    words = ["-n", str(folder / "new"), "-p", str(folder / "x.persist")]
    file = str(folder / "syslog-ng-00000.rqf")
    assert dqtool.main(["relocate", *words, file]) == 1
    assert reason in capsys.readouterr().err


async def test_files_of_a_running_daemon_are_not_touched(folder, capsys) -> None:
    path = folder / "syslog-ng-00000.rqf"
    (folder / "syslog-ng-00000.rqf-wal").touch()
    words = ["-p", str(folder / "x.persist"), str(path)]
    with (folder / "logferry-disk-buffer.dirlock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            ["relocate", "-n", str(folder / "new"), *words],
            ["assign", "-n", "mine", *words],
            ["truncate", "-f", str(path)],
        ):
            assert dqtool.main(command) == 1, command
            assert "stop that first" in capsys.readouterr().err
    with (folder / "x.persist.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert dqtool.main(["assign", "-n", "mine", *words]) == 1
        assert "another daemon" in capsys.readouterr().err
    assert owner_of(path)[0] == NAME


async def test_assign_gives_a_file_another_owner(folder, capsys) -> None:
    path = folder / "syslog-ng-00000.rqf"
    words = ["assign", "-p", str(folder / "x.persist"), "-n", "other"]
    assert dqtool.main([*words, str(path)]) == 0
    old = str(folder / "syslog-ng-00001.rqf")
    assert f"Old entry: {old}" in capsys.readouterr().err
    assert (await known(folder))["queue/other"] == str(path)
    assert owner_of(path)[0] == "other"
    assert numbers(path) == [b"one\n", b"two\n"]


def test_assign_shows_an_example(capsys) -> None:
    assert dqtool.main(["assign", "-e"]) == 0
    assert "dqtool assign -p" in capsys.readouterr().err


async def test_truncate_gives_room_back(folder, capsys) -> None:
    path = folder / "syslog-ng-00000.rqf"
    direct = DirectQueue(path)
    for _ in range(40):
        direct.push([b"x" * 50_000])
    direct.work()
    assert len(direct.drain()) == 42
    direct.push([b"last\n"])
    direct.close()
    before = path.stat().st_size
    assert dqtool.main(["truncate", str(path)]) == 1, "it asks to be sure"
    assert path.stat().st_size == before
    assert dqtool.main(["truncate", "--force", str(path)]) == 0
    assert "has been truncated, reclaimed space: 0.00" in capsys.readouterr().out
    assert path.stat().st_size < before // 4
    assert numbers(path) == [b"last\n"]


async def test_a_crash_between_copy_and_note_leaves_the_old_file(
    folder, monkeypatch
) -> None:
    """The persist file is the last word."""
    path = folder / "syslog-ng-00000.rqf"
    monkeypatch.setattr(queue_changes.shutil, "copy2", _die)
    monkeypatch.setattr(queue_changes.Path, "rename", _die)
    with pytest.raises(KeyboardInterrupt):
        queue_changes.relocate(folder / "x.persist", folder / "new", [path])
    assert (await known(folder))["queue/owner"] == str(path)
    assert numbers(path) == [b"one\n", b"two\n"]


def _die(*words: object) -> None:
    raise KeyboardInterrupt
