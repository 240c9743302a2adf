"""Options that every writing destination has, in the real daemon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Sender
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

HOME = "127.0.0.1"


async def content_of(path: Path, size: int) -> bytes:
    """Wait until a file has ``size`` bytes and return them."""
    async with asyncio.timeout(30):
        while not path.exists() or path.stat().st_size < size:
            await asyncio.sleep(0.02)
    return path.read_bytes()


def site(folder: Path, port: int, options: str) -> str:
    return f"""
    options {{ keep-hostname(yes); }};
    source s {{ network(localip("{HOME}") port({port})); }};
    destination d {{ file("{folder}/out" {options}); }};
    log {{ source(s); destination(d); }};
    """


LINE = b"<13>Nov 21 12:00:00 h app: same text\n"


async def test_repeated_messages_become_one_line_with_their_number(
    tmp_path: Path,
) -> None:
    port = free_port(HOME)
    text = site(tmp_path, port, 'suppress(60) template("$HOST $PROGRAM $MSG\\n")')
    async with Daemon(text, tmp_path), Sender(HOME, port) as sender:
        await sender.send_raw(LINE * 4)
        await content_of(tmp_path / "out", 10)
        await sender.send_raw(LINE.replace(b"same", b"another"))
        await content_of(tmp_path / "out", 60)
        await sender.send_raw(LINE.replace(b"same", b"another"))
        await content_of(tmp_path / "out", 60)
    lines = (tmp_path / "out").read_bytes().splitlines()
    assert lines[0] == b"h app same text"
    assert lines[1].startswith(
        b"h app Last message 'same text' repeated 3 times, suppressed by syslog-ng on "
    )
    assert lines[2] == b"h app another text"


async def test_held_back_messages_are_counted_when_the_time_is_over(
    tmp_path: Path,
) -> None:
    port = free_port(HOME)
    text = site(tmp_path, port, 'suppress(1) template("$MSG\\n")')
    async with Daemon(text, tmp_path), Sender(HOME, port) as sender:
        await sender.send_raw(LINE * 2)
        content = await content_of(tmp_path / "out", 40)
    assert b"repeated 1 times" in content


async def test_a_silent_destination_gets_marks(tmp_path: Path) -> None:
    options = 'mark-mode(dst-idle) mark-freq(1) template("$PRI $MSG\\n")'
    async with Daemon(site(tmp_path, free_port(HOME), options), tmp_path):
        content = await content_of(tmp_path / "out", 20)
    assert content.splitlines()[0] == b"46 -- MARK --"


async def test_records_are_padded_and_cut_to_their_size(tmp_path: Path) -> None:
    port = free_port(HOME)
    text = site(tmp_path, port, 'pad-size(12) template("$MSG\\n")')
    async with Daemon(text, tmp_path), Sender(HOME, port) as sender:
        await sender.send_raw(LINE + LINE.replace(b"same", b"a much longer"))
        content = await content_of(tmp_path / "out", 24)
    assert content == b"same text\n\0\0a much longe"


async def test_a_file_takes_no_more_than_throttle_allows(tmp_path: Path) -> None:
    port = free_port(HOME)
    text = site(tmp_path, port, 'throttle(100) template("$MSG\n")')
    started = asyncio.get_running_loop().time()
    async with Daemon(text, tmp_path), Sender(HOME, port) as sender:
        await sender.send_raw(LINE * 200)
        await content_of(tmp_path / "out", 10 * 200)
        assert asyncio.get_running_loop().time() - started >= 1.0


async def test_an_optional_file_fails_in_silence(tmp_path: Path) -> None:
    port = free_port(HOME)
    text = f"""
    source s {{ network(localip("{HOME}") port({port})); }};
    log {{ source(s); destination {{
        file("{tmp_path}/no/such/folder/out" optional(yes));
        file("{tmp_path}/out");
    }}; }};
    """
    async with Daemon(text, tmp_path) as daemon, Sender(HOME, port) as sender:
        await sender.send_raw(LINE)
        await content_of(tmp_path / "out", 10)
        assert not any("I/O error" in event for event in daemon.events)
