"""Correlation in the real daemon: time, restarts, reloads, crashes."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

import logferry
from helpers.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def append(path: Path, *texts: str) -> None:
    """Add lines to a log file."""
    with path.open("a") as file:
        file.writelines(f"<13>Nov 21 12:00:00 h app: {text}\n" for text in texts)


async def wait_for(path: Path, *texts: str) -> None:
    """Wait until a file holds these messages and no others."""
    expected = "".join(f"{text};\n" for text in texts)
    try:
        async with asyncio.timeout(30):
            while not path.exists() or len(path.read_text()) < len(expected):
                await asyncio.sleep(0.02)
    except TimeoutError:
        pass
    assert path.read_text() == expected


def lines(folder: Path, timeout_s: int, mode: str = "indented") -> str:
    """Return a configuration that joins lines of a file."""
    return f"""
    source s {{ file("{folder}/in"); }};
    parser p {{ group-lines(key("$HOST") timeout({timeout_s})
        multi-line-mode({mode})); }};
    destination d {{ file("{folder}/out" template("$MSG;\\n")); }};
    log {{ source(s); parser(p); destination(d); }};
    """


async def test_lines_are_joined_and_the_last_ones_go_on_with_the_time(
    tmp_path: Path,
) -> None:
    append(tmp_path / "in", "a", " b", "c")
    async with Daemon(lines(tmp_path, 1), tmp_path):
        await wait_for(tmp_path / "out", "a\n b", "c")


async def test_lines_wait_on_over_a_restart(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path, "-v")
    async with daemon:
        await wait_for(tmp_path / "out", "a")
    assert any("contexts are kept" in event for event in daemon.events)
    async with daemon:
        append(tmp_path / "in", " 2", "c")
        await wait_for(tmp_path / "out", "a", "b\n 1\n 2")
    async with daemon:
        append(tmp_path / "in", "d")
        await wait_for(tmp_path / "out", "a", "b\n 1\n 2", "c")


async def test_lines_that_wait_at_a_crash_are_read_again(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path, "-v")
    await daemon.start()
    await wait_for(tmp_path / "out", "a")
    await asyncio.sleep(1.5)  # the position, as far as it has come, is saved
    await daemon.kill()
    (tmp_path / "out").unlink()
    async with daemon:
        append(tmp_path / "in", " 2", "c")
        found, out = "", tmp_path / "out"
        async with asyncio.timeout(30):
            while "2;\n" not in found:  # the file is there before its content
                await asyncio.sleep(0.02)
                found = out.read_text() if out.exists() else ""
        assert found.removeprefix("a;\n") == "b\n 1\n 2;\n"


async def test_lines_that_wait_after_a_restart_outlive_a_crash(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path, "-v")
    async with daemon:
        await wait_for(tmp_path / "out", "a")
    await daemon.start()
    await daemon.wait_for("contexts were restored")
    await asyncio.sleep(1.5)
    await daemon.kill()
    async with daemon:
        append(tmp_path / "in", " 2", "c")
        await wait_for(tmp_path / "out", "a", "b\n 1\n 2")


async def test_a_reload_goes_on_with_what_waits(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path, "-v")
    async with daemon:
        await wait_for(tmp_path / "out", "a")
        text = daemon.config.read_text() + "\n# changed\nlog { source(s); };\n"
        daemon.config.write_text(text)
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for("Configuration reload finished")
        append(tmp_path / "in", " 2", "c")
        await wait_for(tmp_path / "out", "a", "b\n 1\n 2")


async def test_a_reload_without_the_parser_gives_out_what_waits(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path, "-v")
    async with daemon:
        await wait_for(tmp_path / "out", "a")
        daemon.config.write_text(daemon.config.read_text().replace("parser(p);", ""))
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for("Configuration reload finished")
        await wait_for(tmp_path / "out", "a", "b")
        append(tmp_path / "in", "c")
        await wait_for(tmp_path / "out", "a", "b", "c")


async def test_a_long_file_is_read_while_a_line_waits(tmp_path: Path) -> None:
    texts = [str(number) for number in range(20_000)]
    append(tmp_path / "in", *texts)
    async with Daemon(lines(tmp_path, 3600), tmp_path, "-v") as daemon:
        await wait_for(tmp_path / "out", *texts[:-1])
        answer = await daemon.ctl("STATS", "PROMETHEUS")
    assert 'correlation_contexts{id="p#0@0"} 1' in answer


async def test_messages_of_contexts_go_to_internal(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b")
    config = f"""
    source s {{ file("{tmp_path}/in"); }};
    parser p {{ grouping-by(key("$HOST") timeout(1) inject-mode(internal)
        aggregate(value("MESSAGE" "$(context-length)") tags("made"))); }};
    log {{ source(s); parser(p); }};
    log {{ source {{ internal(); }}; filter {{ tags("made"); }};
        destination {{ file("{tmp_path}/out" template("$MSG;\\n")); }}; }};
    """
    async with Daemon(config, tmp_path):
        await wait_for(tmp_path / "out", "3")


async def test_contexts_of_a_pattern_database_outlive_a_restart(tmp_path: Path) -> None:
    (tmp_path / "db.xml").write_text(
        "<patterndb version='5'><ruleset><pattern>app</pattern><rules>"
        "<rule id='r' class='c' context-id='x' context-timeout='3600'>"
        "<patterns><pattern>m @NUMBER:n@</pattern></patterns><actions>"
        '<action condition=\'"$(context-length)" == "3"\'>'
        "<message inherit-properties='TRUE'><values><value name='MESSAGE'>"
        "${n}@1 ${n}@2 ${n}@3</value></values></message></action></actions>"
        "</rule></rules></ruleset></patterndb>"
    )
    config = f"""
    log {{ source {{ file("{tmp_path}/in"); }};
        parser {{ db-parser(file("{tmp_path}/db.xml")); }};
        destination {{ file("{tmp_path}/out" template("$MSG;\\n")); }}; }};
    """
    daemon = Daemon(config, tmp_path)
    append(tmp_path / "in", "m 1", "m 2")
    async with daemon:
        await wait_for(tmp_path / "out", "m 1", "m 2")
    async with daemon:
        append(tmp_path / "in", "m 3")
        await wait_for(tmp_path / "out", "m 1", "m 2", "3 2 1", "m 3")


async def test_a_reload_that_fails_goes_on_with_what_waits(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    daemon = Daemon(lines(tmp_path, 3600), tmp_path)
    async with daemon:
        await wait_for(tmp_path / "out", "a")
        good = daemon.config.read_text()
        bad = 'log { source { network(ip("192.0.2.1") port(5140)); }; };\n'
        daemon.config.write_text(good + bad)
        daemon.signal(signal.SIGHUP)
        await daemon.wait_for("reload")
        assert "FAIL" in await daemon.ctl("RELOAD")
        append(tmp_path / "in", " 2", "c")
        await wait_for(tmp_path / "out", "a", "b\n 1\n 2")


async def test_a_file_that_ends_leaves_nothing_waiting(tmp_path: Path) -> None:
    append(tmp_path / "in", "a", "b", " 1")
    text = lines(tmp_path, 3600).replace('in")', 'in" flags(exit-on-eof))')
    daemon = Daemon(text, tmp_path)
    await daemon.start()
    await daemon.wait_for("shutting down")
    assert await daemon.stop() == 0
    assert (tmp_path / "out").read_text() == "a;\nb\n 1;\n"


async def test_an_embedded_pipeline_gives_out_what_waits_when_it_stops(
    tmp_path: Path,
) -> None:
    text = f"""
    log {{ source {{ application(); }};
        parser {{ group-lines(key("k") timeout(3600)); }};
        destination {{ file("{tmp_path}/out" template("$MSG;\\n")); }}; }};
    """
    async with logferry.Pipeline(text, state_dir=tmp_path) as pipeline:
        waiting = [pipeline.push("a"), pipeline.push("b")]
        await asyncio.sleep(0)
        assert not any(future.done() for future in waiting)
    await asyncio.gather(*waiting)
    await wait_for(tmp_path / "out", "a\nb")
