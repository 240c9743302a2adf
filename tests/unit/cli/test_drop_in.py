"""The executables that ``logferry drop-in`` writes."""

from __future__ import annotations

import os

from logferry.cli.drop_in import PROGRAMS, compile_ahead, main, write_drop_in


def test_every_program_is_written_and_can_be_run(tmp_path):
    written = write_drop_in(tmp_path / "opt", "/a path/python")
    assert {str(path.relative_to(tmp_path / "opt")) for path in written} == set(
        PROGRAMS
    )
    for path in written:
        assert os.access(path, os.X_OK)
        text = path.read_text()
        assert text.startswith("#!/bin/sh\nexec '/a path/python' -P -m logferry.cli.")
        assert text.endswith(' "$@"\n')


def test_writing_again_replaces_what_is_there(tmp_path):
    write_drop_in(tmp_path, "/old")
    write_drop_in(tmp_path, "/new")
    text = (tmp_path / "sbin/syslog-ng").read_text()
    assert "/new" in text
    assert "/old" not in text
    assert sorted(path.name for path in (tmp_path / "sbin").iterdir()) == [
        "syslog-ng",
        "syslog-ng-ctl",
    ]


def test_a_folder_that_cannot_be_written_is_status_1(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 1
    assert "file" in capsys.readouterr().err


def test_modules_are_compiled_ahead_even_where_python_may_not_keep_them(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    (tmp_path / "room").mkdir()
    (tmp_path / "room/module.py").write_text("answer = 42\n")
    (tmp_path / "room/broken.py").write_text("answer =\n")
    compile_ahead(tmp_path)
    (compiled,) = (tmp_path / "room/__pycache__").iterdir()
    assert compiled.name.startswith("module.")
