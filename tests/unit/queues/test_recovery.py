"""Recovery of damaged files: steps that a crash may fall between."""

from __future__ import annotations

import pytest

from helpers.disk_queue import DirectQueue
from logferry.errors import StorageFailed
from logferry.queues import recovery, storage
from logferry.queues.recovery import open_storage
from logferry.queues.storage import NoRoom


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
