"""One followed path through rotation, truncation, restarts."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from logferry.message.model import Monotonic
from logferry.runtime.environment import Environment
from logferry.sources.file import opened
from logferry.sources.file.followed import LINGER_S, FollowedPath
from logferry.sources.file.opened import OpenedFile
from logferry.syslog.framing import LineFramer

if TYPE_CHECKING:
    from pathlib import Path


class Site:
    """A directory with a log, a clock, and followers that come and go."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 100.0
        self.path = folder / "app.log"
        self.environment = Environment(clock=lambda: Monotonic(self.now_s))
        self.followed = self.follow()

    def follow(self, *, reads_old: bool = True) -> FollowedPath:
        self.followed = FollowedPath(
            str(self.path),
            "key",
            self.environment,
            lambda: LineFramer(1000),
            lambda: None,
        )
        self.followed.start(reads_old=reads_old)
        return self.followed

    def append(self, text: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text)

    def read(self, *, settles: bool = True) -> bytes:
        """Return everything there is to read, settled or not."""
        found = b""
        self.followed.check()
        while True:
            piece = self.followed.read() or self.followed.retire()
            if piece is None:
                return found
            frames, settlement, end = piece
            assert isinstance(frames, bytes)
            found += frames
            chunk = settlement.begin(end)
            if settles:
                settlement.settle(chunk)

    def crash(self) -> None:
        """Forget everything that was not persisted, and start again."""
        self.followed.save()
        self.environment.left_behind.clear()
        self.follow()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_waits_for_a_file_that_comes_later(site: Site) -> None:
    assert site.read() == b""
    site.append(b"one\n")
    assert site.read() == b"one\n"


def test_returns_complete_lines_only(site: Site) -> None:
    site.append(b"one\ntw")
    assert site.read() == b"one\n"
    site.append(b"o\n")
    assert site.read() == b"two\n"


def test_reads_a_renamed_file_to_its_end_before_the_new_one(site: Site) -> None:
    site.append(b"one\n")
    site.read()
    site.append(b"two\n")
    site.path.rename(site.path.with_suffix(".1"))
    site.append(b"three\n")
    assert site.read() == b"two\nthree\n"


def test_reads_what_is_still_written_to_a_renamed_file(site: Site) -> None:
    site.append(b"one\n")
    site.read()
    old = site.path.with_suffix(".1")
    site.path.rename(old)
    site.append(b"new\n")
    assert site.read() == b"new\n"
    with old.open("ab") as file:
        file.write(b"late\n")
    assert site.read() == b"late\n"


def test_closes_a_renamed_file_after_a_while_with_its_last_line(site: Site) -> None:
    site.append(b"one\nunended")
    site.read()
    site.followed.save()
    site.path.unlink()
    site.now_s += LINGER_S + 1
    assert site.read() == b"unended\n"
    assert site.followed.is_empty
    assert site.environment.state.get("key") is not None
    site.followed.save()
    assert site.environment.state.get("key") is None


def test_begins_anew_when_the_file_was_truncated(site: Site) -> None:
    site.append(b"a long first line\n")
    site.read()
    site.path.write_bytes(b"short\n")
    assert site.read() == b"short\n"


def test_begins_anew_when_the_file_was_cut_and_grew_beyond_its_old_size(
    site: Site,
) -> None:
    site.append(b"first\n")
    site.read()
    site.path.write_bytes(b"second, and longer than the first\n")
    assert site.read() == b"second, and longer than the first\n"


def test_begins_anew_when_the_file_was_cut_and_grew_to_its_old_size(
    site: Site,
) -> None:
    """``copytruncate`` and lines of one length, between two looks."""
    site.append(b"number 1\n")
    assert site.read() == b"number 1\n"
    assert site.read() == b""
    site.path.write_bytes(b"number 2\n")
    os.utime(site.path, ns=(1, 1))  # whatever the clock of the file system
    assert site.read() == b"number 2\n"
    assert site.read() == b""


def test_an_unended_line_before_a_truncation_is_delivered(site: Site) -> None:
    site.append(b"one\nunended")
    site.read()
    site.path.write_bytes(b"new\n")
    assert site.read() == b"unended\nnew\n"


def test_a_crash_reads_again_what_was_not_settled(site: Site) -> None:
    site.append(b"one\n")
    site.read()
    site.append(b"two\n")
    assert site.read(settles=False) == b"two\n"
    site.append(b"three\n")
    site.crash()
    assert site.read() == b"two\nthree\n"


def test_a_crash_after_a_truncation_does_not_skip_the_new_content(site: Site) -> None:
    site.append(b"x" * 50 + b"\n")
    site.read()
    site.path.write_bytes(b"new one\n")
    assert site.read(settles=False) == b"new one\n"
    site.append(b"y" * 100 + b"\n")
    site.crash()
    assert site.read() == b"new one\n" + b"y" * 100 + b"\n"


def test_a_file_that_was_rotated_while_nobody_ran_is_read_to_its_end(
    site: Site,
) -> None:
    site.append(b"one\n")
    site.read()
    site.append(b"two\n")
    site.followed.save()
    site.path.rename(site.path.with_suffix(".1"))
    site.append(b"three\n")
    site.crash()
    assert site.read() == b"two\nthree\n"


def test_a_file_that_came_and_went_since_the_last_mark_is_found(site: Site) -> None:
    site.append(b"one\n")
    site.read()
    site.followed.save()
    for number, text in enumerate((b"two\n", b"three\n", b"four\n"), 1):
        site.path.rename(f"{site.path}.{number}")
        site.append(text)
        stamp_ns = 10**18 + number
        os.utime(site.path, ns=(stamp_ns, stamp_ns))
    os.utime(f"{site.path}.1", ns=(10**18, 10**18))
    site.path.with_name("app.log.0.gz").write_bytes(b"compressed")
    site.path.with_name("other.log").write_bytes(b"another's\n")
    site.crash()
    assert site.read() == b"two\nthree\nfour\n"


def test_another_file_with_the_same_inode_is_read_from_its_beginning(
    site: Site,
) -> None:
    site.append(b"the first file\n")
    site.read()
    site.followed.save()
    mark = site.environment.state.get("key")
    assert mark is not None
    inode = site.path.stat().st_ino
    site.path.write_bytes(b"the other file\n")  # keeps the inode, as reuse would
    assert site.path.stat().st_ino == inode
    site.follow()
    assert site.read() == b"the other file\n"


def test_a_stopped_and_started_source_does_not_read_twice(site: Site) -> None:
    site.append(b"one\n")
    site.followed.check()
    piece = site.followed.read()
    assert piece is not None
    _, settlement, end = piece
    chunk = settlement.begin(end)
    site.followed.close()  # "one" is still on its way
    site.append(b"two\n")
    site.follow()
    assert site.read() == b"two\n"
    assert settlement.offset == 0
    settlement.settle(chunk)
    assert settlement.offset == len(b"one\ntwo\n")


def test_old_records_are_left_out_on_request_but_once_only(site: Site) -> None:
    site.append(b"old\n")
    site.follow(reads_old=False)
    assert site.read() == b""
    site.append(b"new\n")
    site.followed.save()
    site.follow(reads_old=False)
    assert site.read() == b"new\n"


def test_a_damaged_position_counts_as_none(site: Site) -> None:
    site.append(b"one\n")
    site.environment.state.put("key", b'{"version": 1, "files": [[1]]}')
    site.follow()
    assert site.read() == b"one\n"


def test_long_lines_are_cut_and_the_place_stays_right(site: Site) -> None:
    site.append(b"x" * 2500 + b"\n" + b"short\n")
    assert site.read() == b"x" * 1000 + b"\n" + b"x" * 1000 + b"\n" + (
        b"x" * 500 + b"\nshort\n"
    )
    assert site.followed._files[0].settlement.offset == site.path.stat().st_size


def test_waits_for_a_file_where_a_folder_is(site: Site) -> None:
    site.path.mkdir()
    assert site.read() == b""
    site.path.rmdir()
    site.append(b"one\n")
    assert site.read() == b"one\n"


def test_a_file_that_cannot_be_read_at_first_is_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing disk must not end the program."""

    def fail(*words: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    site.append(b"one\n")
    with monkeypatch.context() as patch:
        patch.setattr(opened.os, "pread", fail)
        site.follow()
        assert site.followed.is_empty
    assert site.read() == b"one\n"


LINES = b"".join(b"2026-11-21 line %04d of the log\n" % n for n in range(100))


def copy_and_truncate(path: Path, name: str = "app.log.1") -> None:
    path.with_name(name).write_bytes(path.read_bytes())
    os.truncate(path, 0)


def test_what_a_copy_has_and_nobody_read_before_the_cut_is_read(site: Site) -> None:
    site.append(LINES)
    assert site.read() == LINES
    site.append(b"unread\n")
    copy_and_truncate(site.path)
    site.append(b"new\n")
    assert site.read() == b"unread\nnew\n"


def test_a_line_that_was_half_read_before_the_cut_comes_whole(site: Site) -> None:
    site.append(LINES + b"ha")
    assert site.read() == LINES
    site.append(b"lf\n")
    copy_and_truncate(site.path)
    assert site.read() == b"half\n"


def test_a_crash_after_a_cut_reads_again_what_was_not_settled(site: Site) -> None:
    site.append(LINES)
    assert site.read() == LINES
    site.append(b"unsettled\n")
    assert site.read(settles=False) == b"unsettled\n"
    copy_and_truncate(site.path)
    site.append(b"new\n")
    assert site.read(settles=False) == b"new\n"
    site.crash()
    assert site.read() == b"unsettled\nnew\n"


def test_a_copy_that_was_made_while_nobody_ran_is_read_to_its_end(site: Site) -> None:
    site.append(LINES)
    assert site.read() == LINES
    site.followed.close()
    site.append(b"unread\n")
    copy_and_truncate(site.path)
    site.append(b"new\n")
    site.follow()
    assert site.read() == b"unread\nnew\n"


def test_the_youngest_copy_is_taken_and_older_ones_are_left(site: Site) -> None:
    site.append(LINES)
    site.path.with_name("app.log.2").write_bytes(LINES[:64] + b"another\n" * 1000)
    os.utime(site.path.with_name("app.log.2"), (1, 1))
    assert site.read() == LINES
    copy_and_truncate(site.path)
    assert site.read() == b""


def test_a_shorter_file_with_the_same_inode_is_read_whole(site: Site) -> None:
    site.append(LINES)
    assert site.read() == LINES
    site.followed.close()
    site.path.write_bytes(b"short\n")  # the same inode
    site.follow()
    assert site.read() == b"short\n"


@pytest.mark.parametrize("is_running", [True, False])
def test_a_link_that_is_switched_leaves_nothing_unread(
    site: Site, tmp_path: Path, is_running: bool
) -> None:
    """Also when the files are in another folder than the link."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "one").write_bytes(b"1\n")
    site.path.symlink_to(folder / "one")
    assert site.read() == b"1\n"
    if not is_running:
        site.followed.close()
    with (folder / "one").open("ab") as file:
        file.write(b"2\n")
    (folder / "two").write_bytes(b"3\n")
    site.path.with_name("new").symlink_to(folder / "two")
    site.path.with_name("new").rename(site.path)
    if not is_running:
        site.follow()
    assert site.read() == b"2\n3\n"


def test_a_file_that_was_rotated_twice_and_deleted_is_read_while_it_is_open(
    site: Site,
) -> None:
    """As when the destination is down and nothing may be read."""
    site.append(b"1\n")
    site.followed.check()
    for number, line in enumerate((b"2\n", b"3\n")):
        site.path.rename(site.path.with_name(f"app.log.{number}"))
        site.append(line)
        site.followed.check()
    for number in range(2):
        site.path.with_name(f"app.log.{number}").unlink()
    site.now_s += 10 * LINGER_S
    site.followed.retire()
    assert site.read() == b"1\n2\n3\n"


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[OpenedFile]:
    """Files that their server does not know any more, until they are opened again."""
    files: list[OpenedFile] = []
    has_news, go_on = OpenedFile.has_news, OpenedFile.go_on

    def stale(file: OpenedFile) -> bool:
        if file in files and file.is_open:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return has_news(file)

    def fresh(file: OpenedFile, descriptor: int) -> None:
        files.remove(file)
        go_on(file, descriptor)

    monkeypatch.setattr(OpenedFile, "has_news", stale)
    monkeypatch.setattr(OpenedFile, "go_on", fresh)
    return files


@pytest.mark.parametrize("name", ["app.log", "app.log.1"])
def test_a_file_that_its_server_forgot_is_opened_again(
    site: Site, forgotten: list[OpenedFile], name: str
) -> None:
    site.append(b"1\n")
    assert site.read() == b"1\n"
    site.append(b"2\n")
    forgotten += site.followed._files
    site.path.rename(site.path.with_name(name))
    assert site.read() == b"2\n"


def test_a_file_that_is_gone_from_its_server_keeps_no_other_from_being_read(
    site: Site, forgotten: list[OpenedFile]
) -> None:
    site.append(b"1\n")
    assert site.read(settles=False) == b"1\n"
    forgotten += site.followed._files
    site.path.unlink()
    site.append(b"2\n")
    assert site.read() == b"2\n"
    assert site.read() == b""
