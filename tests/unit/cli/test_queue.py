"""``logferry queue`` and ``dqtool``: what the files hold, whole or damaged."""

from __future__ import annotations

import fcntl
import json

import pytest

from helpers.disk_queue import DirectQueue
from logferry.cli import dqtool, queue
from logferry.queues.files import owner_of


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "syslog-ng-00000.rqf"
    direct = DirectQueue(path)
    direct.push([b"one\n", b"two\n", b"three\n"])
    direct.push([b"{}"], key=b"http://a/")
    direct.work()
    lease = direct.queue.peek(1, 1000)
    assert lease is not None
    direct.queue.ack(lease.token)
    direct.close()
    return path


def damage(path) -> None:
    content = bytearray(path.read_bytes())
    place = content.rindex(b"two\n")
    content[place] ^= 1
    path.write_bytes(content)


def test_list_names_files_owners_and_numbers(file, capsys) -> None:
    assert queue.main(["list", "--state-dir", str(file.parent), "--json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)
    assert item["owner"] == "owner"
    assert (item["messages"], item["bytes"]) == (3, 12)
    assert item["state"] == "not in use"
    assert queue.main(["list", "--dir", str(file.parent)]) == 0
    assert "3 messages, 12 bytes, of owner" in capsys.readouterr().out


def test_list_tells_foreign_files(file, capsys) -> None:
    (file.parent / "syslog-ng-00001.qf").write_bytes(b"SLQF" * 100)
    queue.main(["list", "--dir", str(file.parent)])
    assert "not a queue file" in capsys.readouterr().out


def test_show_prints_the_first_records(file, capsys) -> None:
    assert queue.main(["show", str(file), "--count", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "owner: owner" in lines
    assert lines[-2:] == ["1: two", "2: three"]


def test_export_prints_lines(file, capfd) -> None:
    assert queue.main(["export", str(file)]) == 0
    assert capfd.readouterr().out == "two\nthree\n{}\n"


def test_export_prints_json_with_keys(file, capsys) -> None:
    assert queue.main(["export", str(file), "--format", "json"]) == 0
    items = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert items[0] == {"number": 1, "record": "two"}
    assert items[2] == {"number": 3, "record": "{}", "key": "http://a/"}


def test_verify_is_content_with_a_sound_file(file, capsys) -> None:
    assert queue.main(["verify", str(file)]) == 0
    assert capsys.readouterr().out == "3 of 3 messages in 2 rows are whole\n"


def test_verify_and_export_tell_damage(file, capfd) -> None:
    damage(file)
    assert queue.main(["verify", str(file)]) == 1
    out = capfd.readouterr().out
    assert "damaged: row 0: the checksum does not match" in out
    assert "1 of 3 messages" in out
    assert queue.main(["export", str(file)]) == 1
    assert capfd.readouterr().out == "{}\n"


@pytest.mark.parametrize("command", ["show", "export", "verify", "purge"])
def test_what_is_no_queue_file_is_refused(tmp_path, command, capsys) -> None:
    path = tmp_path / "syslog-ng-00000.rqf"
    path.write_bytes(b"SLRQ" * 1000)
    assert queue.main([command, str(path)]) == 1
    assert str(path) in capsys.readouterr().err
    assert path.exists()


def test_purge_deletes_with_the_log(file, capsys) -> None:
    assert queue.main(["purge", str(file), "--yes"]) == 0
    assert "3 messages deleted" in capsys.readouterr().out
    assert not file.exists()


def test_purge_asks_first(file, monkeypatch) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert queue.main(["purge", str(file)]) == 1
    assert file.exists()


def test_a_file_in_use_is_not_purged(file, capsys) -> None:
    wal = file.with_name(file.name + "-wal")
    wal.touch()
    with (file.parent / "logferry-disk-buffer.dirlock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert queue.main(["purge", str(file), "--yes"]) == 1
        assert "stop that first" in capsys.readouterr().err
    assert owner_of(file) is not None


def test_dqtool_info_counts_on_standard_error(file, capsys) -> None:
    assert dqtool.main(["info", str(file)]) == 0
    err = capsys.readouterr().err
    assert err.startswith("Reliable disk-buffer state; operation='load'")
    assert "number_of_messages='3'" in err


def test_dqtool_cat_prints_records(file, capfd) -> None:
    assert dqtool.main(["cat", str(file)]) == 0
    assert capfd.readouterr().out == "two\nthree\n{}\n"


def test_dqtool_goes_on_after_a_bad_file(file, capfd) -> None:
    bad = file.with_name("syslog-ng-00001.qf")
    bad.write_bytes(b"SLQF" * 2000)
    assert dqtool.main(["info", str(bad), str(file)]) == 1
    assert "number_of_messages='3'" in capfd.readouterr().err


@pytest.mark.parametrize("form", ["lines", "json"])
def test_export_prints_what_is_left_of_a_file_that_was_set_aside(
    file, capfd, form
) -> None:
    content = bytearray(file.read_bytes())
    content[:100] = bytes(100)
    kept = file.with_name(file.name + ".damaged-0")
    kept.write_bytes(content)
    assert queue.main(["export", str(kept), "--format", form]) == 1
    out, err = capfd.readouterr()
    assert "messages could be read" in err
    lines = out.splitlines()
    if form == "json":
        lines = [json.loads(line)["record"] for line in lines]
    assert lines == ["two", "three", "{}"]


def test_export_of_a_file_without_anything_in_it_says_so(tmp_path, capfd) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"SLRQ" * 5000)
    assert queue.main(["export", str(path)]) == 1
    assert "0 messages could be read" in capfd.readouterr().err
