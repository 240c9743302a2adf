"""Dead letters in the real daemon: kept over a restart, sent again, refused again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port
from helpers.web import Request, Response, WebServer
from logferry.cli.dead_letters import main as dead_letters
from logferry.daemon.dead_letters import LETTERS_FILE, read_letters

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CONFIG = """
source s {{ network(ip("127.0.0.1") port({input})); }};
destination d {{ http(url({urls}) batch-lines(5) persist-name("p") time-reopen(0.2)
    body("<$MSG>") disk-buffer(reliable(yes) capacity-bytes(10M))); }};
destination other {{ network("127.0.0.1" port({output})); }};
log {{ source(s); destination(d); }};
log {{ source(s); filter {{ message("never") }}; destination(other); }};
"""


def refuse_the_bad(request: Request) -> Response:
    return Response(400 if b"number 000003" in request.body else 200)


def letters(folder: Path) -> list[tuple[bytes, int]]:
    path = folder / "state" / LETTERS_FILE
    return [(item.payload, item.tries) for item in read_letters(path)]


async def run(*words: str) -> int:
    return await asyncio.to_thread(dead_letters, list(words))


async def settled(folder: Path, count: int) -> None:
    for _ in range(200):
        if len(letters(folder)) == count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(letters(folder))


async def test_a_letter_is_sent_again_and_stays_while_it_is_refused(tmp_path, capsys):
    async with (
        WebServer("127.0.0.1", refuse_the_bad) as first,
        WebServer("127.0.0.1", refuse_the_bad) as second,
        Collector("127.0.0.1", free_port("127.0.0.1")) as collector,
    ):
        port = free_port("127.0.0.1")
        text = CONFIG.format(
            input=port, output=collector.port, urls=f'"{first.url}" "{second.url}"'
        )
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(6)
            await daemon.wait_for("moved to the dead letters")
            await settled(tmp_path, 1)
        ((payload, tries),) = letters(tmp_path)
        assert payload == b"<number 000003>"
        state, control = str(tmp_path / "state"), daemon.control
        async with Daemon(text, tmp_path) as daemon:
            replay = ("replay", "--all", "--state-dir", state, "--control", control)
            assert await run(*replay) == 0
            assert "1 sent again, 0 kept" in capsys.readouterr().out
            await daemon.wait_for("moved to the dead letters")
            await asyncio.sleep(0.3)
            ((payload, more),) = letters(tmp_path)
            assert more > tries
            first.script = second.script = lambda _: Response()
            assert await run(*replay) == 0
            await settled(tmp_path, 0)
        assert b"<number 000003>" in b"".join(first.accepted + second.accepted)


async def test_a_letter_can_go_to_another_destination(tmp_path):
    async with (
        WebServer("127.0.0.1", refuse_the_bad) as server,
        WebServer("127.0.0.1", refuse_the_bad) as second,
        Collector("127.0.0.1", free_port("127.0.0.1")) as collector,
    ):
        port = free_port("127.0.0.1")
        text = CONFIG.format(
            input=port, output=collector.port, urls=f'"{server.url}" "{second.url}"'
        )
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(6)
            await daemon.wait_for("moved to the dead letters")
            await settled(tmp_path, 1)
            state = str(tmp_path / "state")
            words = ["replay", "1", "--to", "other", "--state-dir", state]
            assert await run(*words, "--control", daemon.control) == 0
            await collector.wait_for_lines(1)
            assert collector.lines == [b"<number 000003>"]
            await settled(tmp_path, 0)
            assert await run(*words, "--control", daemon.control) == 1


async def test_a_letter_goes_to_a_file_of_a_known_name_only(tmp_path, capsys):
    """What a letter of http() is routed by is no file name."""
    more = f"""
destination plain {{ file("{tmp_path}/plain.log"); }};
destination by_host {{ file("{tmp_path}/$HOST.log"); }};
log {{ source(s); filter {{ message("never") }}; destination(plain);
    destination(by_host); }};
"""
    async with (
        WebServer("127.0.0.1", refuse_the_bad) as server,
        WebServer("127.0.0.1", refuse_the_bad) as second,
    ):
        port = free_port("127.0.0.1")
        urls = f'"{server.url}" "{second.url}"'
        text = CONFIG.format(input=port, output=free_port("127.0.0.1"), urls=urls)
        async with (
            Daemon(text + more, tmp_path) as daemon,
            Sender("127.0.0.1", port) as sender,
        ):
            await sender.send(6)
            await daemon.wait_for("moved to the dead letters")
            await settled(tmp_path, 1)
            words = ["replay", "1", "--control", daemon.control, "--to"]
            assert await run(*words, "by_host") == 1
            assert "file names of messages" in capsys.readouterr().err
            assert await run(*words, "plain") == 0
            await settled(tmp_path, 0)
        assert (tmp_path / "plain.log").read_text() == "<number 000003>\n"


async def test_without_a_daemon_letters_are_shown_and_deleted_but_not_sent(
    tmp_path, capsys
):
    state = ["--state-dir", str(tmp_path)]
    assert await run("list", *state) == 0
    assert "no dead letters in" in capsys.readouterr().err
    assert await run("show", "7", *state) == 1
    assert await run("replay", "7", *state) == 1
    assert "no daemon answers on" in capsys.readouterr().err
