"""``pipe()``, ``program()``, ``stdin()`` and the generator in the real daemon."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from helpers.daemon import Daemon

pytestmark = pytest.mark.integration


async def lines_of(path: Path, count: int) -> list[bytes]:
    """Wait until a file holds ``count`` lines and return them."""
    async with asyncio.timeout(30):
        while True:
            lines = path.read_bytes().splitlines() if path.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


def site(folder: Path, source: str, template: str = "$TRANSPORT $PROGRAM $MSG") -> str:
    return f"""
    source s {{ {source} }};
    log {{
        source(s);
        destination {{ file("{folder}/out" template("{template}\\n")); }};
        flags(flow-control);
    }};
    """


async def test_a_missing_pipe_is_made_and_outlives_its_writers(
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "below" / "fifo"
    text = site(tmp_path, f'pipe("{fifo}" perm(0640) create-dirs(yes));')
    async with Daemon(text, tmp_path):
        mode = fifo.stat().st_mode
        assert stat.S_ISFIFO(mode)
        assert stat.S_IMODE(mode) == 0o640
        for number in range(3):
            with fifo.open("wb") as writer:
                writer.write(b"<13>Nov 21 12:00:00 app: %d\n" % number)
        lines = await lines_of(tmp_path / "out", 3)
    assert lines == [b"local+pipe app %d" % number for number in range(3)]


async def test_a_pipe_reads_padded_records(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    text = site(tmp_path, f'pipe("{fifo}" pad-size(32));', "$MSG")
    async with Daemon(text, tmp_path):
        with fifo.open("wb") as writer:
            writer.write(b"<13>app: one".ljust(32, b"\0"))
            writer.write(b"<13>app: two\n".ljust(32, b"\0"))
        assert await lines_of(tmp_path / "out", 2) == [b"one", b"two"]


async def test_what_is_no_pipe_stops_the_start_unless_it_is_optional(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    text = site(tmp_path, f'pipe("{tmp_path}/file" optional(yes));')
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for("not a FIFO")
    assert (tmp_path / "file").read_bytes() == b"precious"


async def test_the_output_of_a_program_is_read_and_it_is_started_again(
    tmp_path: Path,
) -> None:
    command = "echo '<13>Nov 21 12:00:00 host app: run'; exit 3"
    text = site(tmp_path, f'program("{command}");')
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for("Child program exited, restarting")
        lines = await lines_of(tmp_path / "out", 2)
    assert lines[:2] == [b"local+program app run"] * 2


async def test_a_command_that_is_not_found_is_not_started_again(
    tmp_path: Path,
) -> None:
    text = site(tmp_path, 'program("/no/such/command");')
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for("Child program exited with 127, not restarting")


async def test_a_program_ends_with_the_daemon_with_all_its_children(
    tmp_path: Path,
) -> None:
    pid_file = tmp_path / "pid"
    text = site(tmp_path, f'program("(sleep 1000 & echo $! > {pid_file}; wait)");')
    async with Daemon(text, tmp_path):
        (pid,) = await lines_of(pid_file, 1)
        assert Path(f"/proc/{int(pid)}").exists()
    async with asyncio.timeout(30):
        while Path(f"/proc/{int(pid)}").exists():
            stat_fields = Path(f"/proc/{int(pid)}/stat").read_text().split()
            if stat_fields[2] == "Z":  # nobody reaps it in a container without init
                break
            await asyncio.sleep(0.02)


async def test_a_program_may_be_kept_from_our_environment(tmp_path: Path) -> None:
    os.environ["LOGFERRY_TEST_SECRET"] = "seen"
    try:
        command = "echo app: [$LOGFERRY_TEST_SECRET]; sleep 1000"
        text = site(
            tmp_path,
            f"program('{command}' inherit-environment(no) flags(no-parse));",
            "$MSG",
        )
        async with Daemon(text, tmp_path):
            assert await lines_of(tmp_path / "out", 1) == [b"app: []"]
    finally:
        del os.environ["LOGFERRY_TEST_SECRET"]


async def test_generated_messages_have_the_text_and_values_that_were_asked_for(
    tmp_path: Path,
) -> None:
    source = (
        'example-msg-generator(num(3) freq(0.01) template("to $HOST from ${name}") '
        'values("name" => "me"));'
    )
    text = site(tmp_path, source, "$MSG|${name}|$LOGHOST")
    async with Daemon(text, tmp_path):
        lines = await lines_of(tmp_path / "out", 3)
    message, name, host = lines[0].split(b"|")
    assert message == b"to " + host + b" from me"
    assert name == b"me"
    assert len(lines) == 3


async def test_values_of_generated_messages_have_types_and_names_of_fields(
    tmp_path: Path,
) -> None:
    source = (
        "example-msg-generator(num(1) values("
        '"count" => int(5), "names" => list("a,b"), "ratio" => 0.5, "PROGRAM" => "me"));'
    )
    pairs = "$(format-json --key count --key names --key ratio)"
    async with Daemon(site(tmp_path, source, f"$PROGRAM {pairs}"), tmp_path):
        lines = await lines_of(tmp_path / "out", 1)
    assert lines == [b'me {"ratio":0.5,"names":["a","b"],"count":5}']


async def test_the_example_destination_writes_to_its_file(tmp_path: Path) -> None:
    text = f"""
    log {{
        source {{ example-msg-generator(num(1)); }};
        destination {{ example-destination(filename("{tmp_path}/out")); }};
    }};
    """
    async with Daemon(text, tmp_path):
        lines = await lines_of(tmp_path / "out", 1)
    assert lines == [b"thread_id=0 message=-- Generated message. --"]
