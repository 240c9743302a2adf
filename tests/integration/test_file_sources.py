"""``file()`` and ``wildcard-file()`` in the real daemon."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

HOME = "127.0.0.1"


def line(number: int) -> bytes:
    return b"<13>Nov 21 12:00:00 host app: message %06d\n" % number


def append(path: Path, *numbers: int) -> None:
    with path.open("ab") as file:
        file.write(b"".join(line(number) for number in numbers))


def numbers_in(path: Path) -> list[int]:
    """Return the numbers of the messages in a file, in order."""
    if not path.exists():
        return []
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    return [int(text.split()[-1]) for text in complete.splitlines()]


async def wait_for(path: Path, count: int) -> list[int]:
    """Wait until a file holds ``count`` messages and return their numbers."""
    async with asyncio.timeout(30):
        while len(numbers_in(path)) < count:
            await asyncio.sleep(0.02)
    return numbers_in(path)


def site(folder: Path, options: str = "") -> str:
    return f"""
    source s {{ file("{folder}/in.log" {options}); }};
    log {{ source(s); destination {{ file("{folder}/out"); }}; flags(flow-control); }};
    """


async def test_a_file_is_read_and_followed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    append(source, 1, 2, 3)
    async with Daemon(site(tmp_path, "keep-hostname(yes)"), tmp_path):
        assert await wait_for(target, 3) == [1, 2, 3]
        append(source, 4)
        assert await wait_for(target, 4) == [1, 2, 3, 4]
    assert target.read_bytes().startswith(b"Nov 21 12:00:00 host app: message")


async def test_lines_of_a_file_have_our_name_unless_names_are_kept(
    tmp_path: Path,
) -> None:
    append(tmp_path / "in.log", 1)
    async with Daemon(site(tmp_path), tmp_path):
        await wait_for(tmp_path / "out", 1)
    name = socket.gethostname().partition(".")[0]
    line = (tmp_path / "out").read_text()
    assert line.startswith(f"Nov 21 12:00:00 {name} app: message")


async def test_rotation_by_rename_loses_and_doubles_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    append(source, 0)
    async with Daemon(site(tmp_path), tmp_path):
        await wait_for(target, 1)
        for turn in range(10):
            append(source, *range(turn * 100 + (not turn), turn * 100 + 60))
            source.rename(tmp_path / f"in.log.{turn}")
            append(source, *range(turn * 100 + 60, turn * 100 + 100))
            await wait_for(target, turn * 100 + 100)
    assert numbers_in(target) == list(range(1000))


async def test_truncation_in_place_is_noticed(tmp_path: Path) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    append(source, *range(50))
    async with Daemon(site(tmp_path), tmp_path):
        await wait_for(target, 50)
        source.write_bytes(line(50))
        await wait_for(target, 51)
        append(source, 51)
        await wait_for(target, 52)
    assert numbers_in(target) == list(range(52))


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    append(source, 0, 1)
    async with Daemon(site(tmp_path), tmp_path):
        await wait_for(target, 2)
    append(source, 2)
    source.rename(tmp_path / "in.log.1")
    append(source, 3)
    async with Daemon(site(tmp_path), tmp_path):
        await wait_for(target, 4)
    assert numbers_in(target) == [0, 1, 2, 3]


async def test_killed_it_reads_again_and_loses_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    daemon = Daemon(site(tmp_path), tmp_path)
    written = 0
    for _ in range(4):
        await daemon.start()
        for _ in range(20):
            append(source, *range(written, written + 500))
            written += 500
        await wait_for(target, written // 2)
        await daemon.kill()
    await daemon.start()
    async with asyncio.timeout(30):
        while len(set(numbers_in(target))) < written:
            await asyncio.sleep(0.05)
    await daemon.stop()
    assert set(numbers_in(target)) == set(range(written))


async def test_a_slower_destination_loses_nothing_without_flow_control(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    append(source, *range(100_000))
    text = site(tmp_path).replace("flags(flow-control);", "")
    async with Daemon(text, tmp_path):
        await wait_for(target, 100_000)
    assert numbers_in(target) == list(range(100_000))


async def test_indented_lines_belong_to_the_message_before_them(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "in.log", tmp_path / "out"
    options = 'multi-line-mode(indented) multi-line-timeout(0.2) flags("no-parse")'
    text = site(tmp_path, options).replace(
        '/out")',
        '/out" template("$(replace-delimiter \\"\\n\\t\\" \\"|\\" $MSG) 1\\n"))',
    )
    source.write_bytes(b"first\n  at a\n\tat b\nsecond\n")
    async with Daemon(text, tmp_path):
        await wait_for(target, 2)
    assert target.read_bytes() == b"first|  at a||at b 1\nsecond 1\n"


def wildcard_site(folder: Path, options: str = "") -> str:
    return f"""
    source s {{
        wildcard-file(base-dir("{folder}/logs") filename-pattern("*.log*") {options});
    }};
    log {{
        source(s);
        destination {{ file("{folder}/out" template("$FILE_NAME $MSG\n")); }};
        flags(flow-control);
    }};
    """


async def test_matching_files_are_read_as_they_come(tmp_path: Path) -> None:
    logs, target = tmp_path / "logs", tmp_path / "out"
    logs.mkdir()
    append(logs / "a.log", 1)
    append(logs / "a.txt", 2)
    async with Daemon(wildcard_site(tmp_path), tmp_path):
        assert await wait_for(target, 1) == [1]
        append(logs / "b.log", 3)
        assert await wait_for(target, 2) == [1, 3]
    first, second = target.read_bytes().splitlines()
    assert first.startswith(f"{logs}/a.log ".encode())
    assert second.startswith(f"{logs}/b.log ".encode())


async def test_directories_below_are_looked_into_on_request(tmp_path: Path) -> None:
    logs, target = tmp_path / "logs", tmp_path / "out"
    (logs / "one").mkdir(parents=True)
    append(logs / "one" / "a.log", 1)
    async with Daemon(wildcard_site(tmp_path, "recursive(yes)"), tmp_path):
        await wait_for(target, 1)
        (logs / "two").mkdir()
        append(logs / "two" / "b.log", 2)
        await wait_for(target, 2)
    assert numbers_in(target) == [1, 2]


async def test_a_rotated_file_that_still_matches_is_not_read_again(
    tmp_path: Path,
) -> None:
    logs, target = tmp_path / "logs", tmp_path / "out"
    logs.mkdir()
    append(logs / "a.log", 0)
    async with Daemon(wildcard_site(tmp_path), tmp_path):
        await wait_for(target, 1)
        for turn in range(1, 4):
            for old in range(turn - 1, 0, -1):
                (logs / f"a.log.{old}").rename(logs / f"a.log.{old + 1}")
            (logs / "a.log").rename(logs / "a.log.1")
            append(logs / "a.log", turn)
            await wait_for(target, turn + 1)
    (logs / "a.log").rename(logs / "a.log.0")
    append(logs / "a.log", 4)
    async with Daemon(wildcard_site(tmp_path), tmp_path):
        await wait_for(target, 5)
    assert numbers_in(target) == [0, 1, 2, 3, 4]


async def test_no_more_than_max_files_are_read(tmp_path: Path) -> None:
    logs, target = tmp_path / "logs", tmp_path / "out"
    logs.mkdir()
    for number in range(4):
        append(logs / f"{number}.log", number)
    text = wildcard_site(tmp_path, "max-files(3) monitor-method(poll) follow-freq(0.1)")
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for("Number of allowed monitored files is reached")
        await wait_for(target, 3)
    assert numbers_in(target) == [0, 1, 2]


async def test_a_fifo_is_read_as_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.log")
    async with Daemon(site(tmp_path), tmp_path):
        writer = await asyncio.to_thread((tmp_path / "in.log").open, "wb")
        with writer:
            writer.write(line(7))
        assert await wait_for(tmp_path / "out", 1) == [7]
        with (tmp_path / "in.log").open("wb") as another:
            another.write(line(8))
        assert await wait_for(tmp_path / "out", 2) == [7, 8]


async def test_two_sources_cannot_share_a_position(tmp_path: Path) -> None:
    text = site(tmp_path).replace("source s {", "source s { file('/a'); file('/a'); ")
    daemon = Daemon(text, tmp_path)
    with pytest.raises(AssertionError, match=r"'file_source\(/a\)' is also that of"):
        await daemon.start()
    await daemon.stop()


async def test_the_daemon_ends_with_the_file_on_request(tmp_path: Path) -> None:
    append(tmp_path / "in.log", *range(1000))
    config = tmp_path / "a.conf"
    config.write_text("@version: 4.27\n" + site(tmp_path, "flags(exit-on-eof)"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "logferry.cli.main", "run", "-f", str(config)),
        *("--state-dir", str(tmp_path / "state")),
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    assert numbers_in(tmp_path / "out") == list(range(1000))


async def test_reloads_that_change_the_source_lose_and_double_nothing(
    tmp_path: Path,
) -> None:
    """What is on its way when the driver is replaced is not read again."""
    source, port = tmp_path / "in.log", free_port(HOME)

    def text(turn: int) -> str:
        return f"""
        source s {{ file("{source}" tags("turn{turn}")); }};
        log {{
            source(s); destination {{ network("{HOME}" port({port})); }};
            flags(flow-control);
        }};
        """

    append(source, 0)
    async with Collector(HOME, port) as server, Daemon(text(0), tmp_path) as daemon:
        await server.wait_for_lines(1)
        written = 1
        for turn in range(1, 8):
            if turn % 2:
                server.freeze()
            else:
                server.thaw()
            append(source, *range(written, written + 20_000))
            written += 20_000
            await asyncio.sleep(0.05)
            daemon.config.write_text("@version: 4.27\n" + text(turn))
            daemon.signal(signal.SIGHUP)
            await daemon.wait_for("Configuration reload finished", count=turn)
        server.thaw()
        await server.wait_for_lines(written, 20)
        await daemon.stop()
        found = [int(line.split()[-1]) for line in server.lines]
    assert found == list(range(written))
