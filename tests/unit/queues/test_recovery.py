"""Recovery of damaged files: steps that a crash may fall between."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from helpers.disk_queue import DirectQueue
from logferry.errors import StorageFailed
from logferry.queues import recovery, salvage, storage
from logferry.queues.arrived import save_arrived
from logferry.queues.recovery import open_storage
from logferry.queues.rows import Row
from logferry.queues.storage import NewerFile, NoRoom
from logferry.queues.work import Work


@pytest.fixture
def damaged(tmp_path):
    """A file of ten records whose header is gone."""
    path = tmp_path / "syslog-ng-00000.rqf"
    direct = DirectQueue(path)
    for number in range(10):
        direct.push([b"%d\n" % number], key=b"%d" % number)  # a row each
    direct.work()
    direct.close()
    content = bytearray(path.read_bytes())
    content[:64] = bytes(64)
    path.write_bytes(content)
    return path


def numbers(path) -> list[int]:
    direct = DirectQueue(path)
    found = [int(item) for item in direct.drain()]
    direct.close()
    return found


def test_rows_are_found_without_the_header(damaged) -> None:
    direct = DirectQueue(damaged)
    (found,) = direct.found
    assert (found.recovered_count, found.lost_count, found.is_loss_exact) == (
        10,
        0,
        True,
    )
    assert direct.queue.count == 10
    assert found.kept_as == f"{damaged}.damaged-0"
    direct.storage.close()
    assert numbers(damaged) == list(range(10))


def test_a_crash_while_copying_begins_again(damaged, monkeypatch) -> None:
    class Crash(Exception):
        pass

    def crash(*arguments) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "set_aside", crash)
        with pytest.raises(Crash):
            open_storage(damaged, "owner", is_synchronous=False)
    assert damaged.with_name(damaged.name + ".recovering").exists()
    assert numbers(damaged) == list(range(10))
    assert not damaged.with_name(damaged.name + ".recovering").exists()


def test_a_crash_before_the_last_step_is_made_good(damaged) -> None:
    open_storage(damaged, "owner", is_synchronous=False)[0].close()
    damaged.rename(damaged.with_name(damaged.name + ".recovering"))
    assert numbers(damaged) == list(range(10))


def test_a_disk_that_refuses_leaves_the_damaged_file_as_it_was(
    damaged, monkeypatch
) -> None:
    before = damaged.read_bytes()

    def refuse(*arguments) -> None:
        raise StorageFailed("no")

    with monkeypatch.context() as patch:
        patch.setattr(storage.Storage, "perform", refuse)
        with pytest.raises(StorageFailed):
            open_storage(damaged, "owner", is_synchronous=False)
    assert damaged.read_bytes() == before
    assert [item.name for item in damaged.parent.iterdir()] == [damaged.name]
    assert numbers(damaged) == list(range(10))


def test_without_room_the_rest_is_counted_and_kept(damaged, monkeypatch) -> None:
    def refuse(*arguments) -> None:
        raise NoRoom("full")

    with monkeypatch.context() as patch:
        patch.setattr(storage.Storage, "perform", refuse)
        opened, found = open_storage(damaged, "owner", is_synchronous=False)
    opened.close()
    assert (found.recovered_count, found.lost_count) == (0, 10)
    kept = damaged.with_name(damaged.name + ".damaged-0")
    assert kept.stat().st_size > 10


def test_every_damaged_file_is_kept_under_a_name_of_its_own(damaged) -> None:
    content = damaged.read_bytes()
    for number in range(3):
        damaged.write_bytes(content)
        open_storage(damaged, "owner", is_synchronous=False)[0].close()
        assert damaged.with_name(f"{damaged.name}.damaged-{number}").exists()


def test_a_file_of_a_later_version_is_left_as_it_is(tmp_path) -> None:
    path = tmp_path / "q.rqf"
    DirectQueue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
        connection.execute("ALTER TABLE rows ADD COLUMN more")
    before = path.read_bytes()
    with pytest.raises(NewerFile, match="later version"):
        open_storage(path, "owner", is_synchronous=False)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_our_own_format_with_another_number_is_damage(tmp_path) -> None:
    path = tmp_path / "q.rqf"
    direct = DirectQueue(path)
    direct.push([b"1\n"])
    direct.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 513")
    assert numbers(path) == [1]
    assert (tmp_path / "q.rqf.damaged-0").exists()


def test_a_recovery_is_stopped_by_who_listens(damaged, monkeypatch) -> None:
    monkeypatch.setattr(salvage, "_PAGES_BETWEEN_REPORTS", 1)
    before = damaged.read_bytes()
    parts: list[float] = []

    def listen(part: float) -> None:
        parts.append(part)
        if len(parts) == 3:
            raise recovery.RecoveryStopped

    with pytest.raises(recovery.RecoveryStopped):
        recovery.recover(
            damaged, "no header", "owner", is_synchronous=False, on_progress=listen
        )
    assert parts == sorted(parts)
    assert 0 < parts[0] < parts[-1] < 1
    assert damaged.read_bytes() == before
    assert [item.name for item in damaged.parent.iterdir()] == [damaged.name]


def test_progress_goes_up_to_the_whole(damaged, monkeypatch) -> None:
    monkeypatch.setattr(salvage, "_PAGES_BETWEEN_REPORTS", 1)
    monkeypatch.setattr(recovery, "_COPY_BYTES", 1)
    parts: list[float] = []
    recovery.recover(
        damaged, "", "owner", is_synchronous=False, on_progress=parts.append
    )[0].close()
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1)


def rows_of(numbers_: list[int]) -> Work:
    return Work(
        inserts=[
            Row(9, len(numbers_), b"", None, b"".join(b"%d\n" % n for n in numbers_))
        ]
    )


def test_what_arrived_comes_behind_what_a_sound_file_has(tmp_path) -> None:
    """The damage was in the memory of the machine, say."""
    path = tmp_path / "q.rqf"
    direct = DirectQueue(path)
    direct.push([b"1\n", b"2\n"])
    direct.close()
    save_arrived(path, "owner", rows_of([3, 4]))
    save_arrived(path, "owner", rows_of([5]))
    assert numbers(path) == [1, 2, 3, 4, 5]
    assert numbers(path) == []


def test_without_room_what_arrived_waits_for_another_opening(
    tmp_path, monkeypatch
) -> None:
    path = tmp_path / "q.rqf"
    save_arrived(path, "owner", rows_of([3, 4]))
    with monkeypatch.context() as patch:
        patch.setattr(storage, "RESERVE_BYTES_MIN", 1 << 60)
        patch.setattr(storage, "RESERVE_BYTES_MAX", 1 << 61)
        assert numbers(path) == []
    assert numbers(path) == [3, 4]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_record_of_many_megabytes_comes_back_whole(tmp_path, is_damaged) -> None:
    path = tmp_path / "q.rqf"
    large = [bytes([number]) * (3 << 20) + b"\n" for number in (65, 66)]
    direct = DirectQueue(path)
    direct.push([b"before\n", large[0], b"between\n"])
    direct.push([large[1]])
    direct.push([b"after\n"], key=b"k")
    direct.close()
    if is_damaged:
        with path.open("r+b") as file:
            file.write(bytes(100))
    direct = DirectQueue(path)
    found = direct.drain()
    direct.close()
    assert [len(item) for item in found] == [7, 3145729, 8, 3145729, 6]
    assert found == [b"before\n", large[0], b"between\n", large[1], b"after\n"]
