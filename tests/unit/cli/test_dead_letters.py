"""``logferry dead-letters``: what is kept, shown and deleted."""

from __future__ import annotations

import json

import pytest

from logferry.cli.dead_letters import main
from logferry.daemon.dead_letters import LETTERS_FILE, SqliteDeadLetters
from logferry.runtime.stores import DeadLetter
from logferry.telemetry.counters import Metrics
from logferry.telemetry.events import NullLog

AT = 1_800_000_000 * 10**9


@pytest.fixture
async def folder(tmp_path) -> str:
    store = SqliteDeadLetters(tmp_path / LETTERS_FILE, NullLog(), Metrics(), lambda: AT)
    store.put(
        [
            DeadLetter("d", b"first", "", "rejected", "400 bad", "http://a", AT),
            DeadLetter("e", b"second", "k", "rejected", "413", "http://b", AT, 3),
        ]
    )
    await store.close()
    return str(tmp_path)


async def test_list_shows_a_line_each(folder, capsys) -> None:
    assert main(["list", "--state-dir", folder]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1  2027-01-15T08:00:00+00:00  d  rejected  1x  5 bytes")
    assert "3x" in second


async def test_list_speaks_json_and_chooses(folder, capsys) -> None:
    main(["list", "--state-dir", folder, "--json", "--destination", "e"])
    (item,) = json.loads(capsys.readouterr().out)
    assert (item["payload"], item["key"], item["tries"]) == ("second", "k", 3)


async def test_show_prints_the_message(folder, capsys) -> None:
    assert main(["show", "2", "--state-dir", folder]) == 0
    out = capsys.readouterr().out
    assert "target: http://b" in out
    assert "\nsecond\n" in out
    assert main(["show", "9", "--state-dir", folder]) == 1


async def test_purge_deletes_what_is_named(folder, capsys) -> None:
    assert main(["purge", "1", "--state-dir", folder]) == 0
    assert main(["purge", "1", "--state-dir", folder]) == 1
    assert main(["purge", "--all", "--state-dir", folder]) == 0
    capsys.readouterr()
    main(["list", "--state-dir", folder])
    assert capsys.readouterr().out == ""


async def test_naming_nothing_is_wrong_use(folder) -> None:
    with pytest.raises(SystemExit) as error:
        main(["purge", "--state-dir", folder])
    assert error.value.code == 2


async def test_replay_without_a_daemon_says_so(folder, capsys) -> None:
    assert main(["replay", "--all", "--state-dir", folder]) == 1
    assert "logferry:" in capsys.readouterr().err


async def test_no_letters_at_all_is_an_empty_list(tmp_path, capsys) -> None:
    assert main(["list", "--state-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
