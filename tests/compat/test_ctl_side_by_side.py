"""
Debian's syslog-ng-ctl and ours, to Debian's syslog-ng and to our daemon.

For every command that Debian's knows: all four pairs end with the same exit status, and
where the answer is no list of the daemon's own things, with the same text.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helpers import peers
from helpers.collector import Sender
from helpers.daemon import Daemon, free_port

pytestmark = [pytest.mark.integration, pytest.mark.peers]

HOST = "127.0.0.1"

SAME_TEXT = [
    ("verbose",),
    ("verbose", "--set=on"),
    ("verbose",),
    ("verbose", "-s", "off"),
    ("debug",),
    ("trace", "-s", "on"),
    ("trace",),
    ("trace", "--set=off"),
    ("query", "list", "source.s.*"),
    ("query", "get", "source.s.*"),
    ("query", "get", "source.*", "--sum"),
    ("query", "get", "--sum", "source.*"),
    ("query", "list", "no.such.counter"),
    ("query", "get", "no.such.counter"),
    ("query", "get", "no.such.counter", "--reset"),
    ("credentials", "status"),
    ("credentials", "add", "a.key", "a passphrase"),
    ("credentials", "add", "--id=b.key", "--secret=x"),
    ("credentials", "status"),
    ("config", "--verify"),
    ("config", "-v"),
    ("reopen",),
    ("reload",),
    ("query", "get", "source.s.*", "--reset"),
    ("query", "get", "source.s.*"),
    ("stats", "--reset"),
    ("stats", "-r"),
    ("stats", "--remove-orphans"),
    ("stats", "-o"),
]
OWN_TEXT = [
    ("stats",),
    ("config",),
    ("config", "--preprocessed"),
    ("config", "-p"),
    ("list-files",),
    ("export-config-graph",),
    ("show-license-info",),
    ("--help",),
    ("stats", "--help"),
]
REFUSED = [
    (),
    ("no-such-command",),
    ("stats", "--no-such-option"),
    ("query",),
    ("query", "no-such-verb", "*"),
    ("query", "get"),
    ("credentials",),
    ("stats", "--control=no-such-socket"),
]


class Beside:
    """Both daemons, each with both commands."""

    def __init__(self, theirs: Path, ours: str) -> None:
        self._sockets = {"theirs": os.path.relpath(theirs), "ours": ours}

    async def run(self, command: str, daemon: str, words: tuple[str, ...]):
        """Return exit status and output of one pair."""
        program = [sys.executable, "-m", "logferry.cli.syslog_ng_ctl"]
        environment = None
        if command == "theirs":
            program = [str(peers.require("usr/sbin/syslog-ng-ctl"))]
            environment = peers.environment()
        control = (
            []
            if not words or "--control" in words[-1]
            else [f"--control={self._sockets[daemon]}"]
        )
        process = await asyncio.create_subprocess_exec(
            *program,
            *words,
            *control,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, output.decode().strip()

    async def all(
        self, words: tuple[str, ...]
    ) -> dict[tuple[str, str], tuple[int, str]]:
        """Return what each pair says."""
        return {
            (command, daemon): await self.run(command, daemon, words)
            for daemon in ("theirs", "ours")
            for command in ("theirs", "ours")
        }


@pytest.fixture
async def beside(tmp_path: Path) -> AsyncIterator[Beside]:
    port, other = free_port(HOST), free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{tmp_path}/ours.log"); }};
log {{ source(s); destination(d); }};
"""
    source = f"network(ip({HOST}) port({other}))"
    async with (
        peers.SyslogNg(tmp_path, "peer", source) as peer,
        Daemon(text, tmp_path) as daemon,
        Sender(HOST, port) as one,
    ):
        scene = Beside(peer.control, daemon.control)
        async with asyncio.timeout(30):
            while (await scene.run("ours", "theirs", ("stats",)))[0]:
                await asyncio.sleep(0.1)
        async with Sender(HOST, other) as two:
            for sender in (one, two):
                await sender.send(3)
            await peer.wait_for_lines(3)
            async with asyncio.timeout(30):
                while (
                    "=3"
                    not in (
                        await scene.run("ours", "ours", ("query", "get", "source.s.*"))
                    )[1]
                ):
                    await asyncio.sleep(0.05)
            yield scene


async def test_all_four_pairs_say_the_same(beside: Beside) -> None:
    for words in SAME_TEXT:
        said = await beside.all(words)
        first = said["theirs", "theirs"]
        if words[-1] == "--reset" and "source.s.*" in words:
            # The first of two that reads a daemon finds its three messages.
            said = {pair: (status, text[-56:]) for pair, (status, text) in said.items()}
            first = said["theirs", "theirs"]
        assert set(said.values()) == {first}, (words, said)


async def test_all_four_pairs_end_with_the_same_status(beside: Beside) -> None:
    for words in OWN_TEXT:
        said = await beside.all(words)
        assert {status for status, _ in said.values()} == {0}, (words, said)
        if "--help" in words:
            continue
        assert all(text for _, text in said.values()), (words, said)
        if words != ("stats",):  # its numbers move
            for daemon in ("theirs", "ours"):  # both commands show what it says
                assert said["theirs", daemon] == said["ours", daemon]
    for words in REFUSED:
        said = await beside.all(words)
        assert {status for status, _ in said.values()} == {1}, (words, said)


async def test_a_stop_ends_both_the_same(tmp_path: Path) -> None:
    for command in ("theirs", "ours"):
        folder = tmp_path / command
        folder.mkdir()
        source = f"network(ip({HOST}) port({free_port(HOST)}))"
        text = f"source s {{ {source}; }}; log {{ source(s); }};"
        daemon = Daemon(text, folder)
        await daemon.start()
        scene = Beside(folder / "nothing", daemon.control)
        assert await scene.run(command, "ours", ("stop",)) == (0, "Shutdown initiated")
        await daemon.wait_for("shutting down")
        await daemon.stop()
        assert daemon.returncode == 0


async def test_a_broken_configuration_is_refused_with_status_1(tmp_path: Path) -> None:
    text = f"source s {{ network(ip({HOST}) port({free_port(HOST)})); }}; log {{ source(s); }};"
    async with Daemon(text, tmp_path) as daemon:
        daemon.config.write_text("garbage {")
        scene = Beside(tmp_path / "nothing", daemon.control)
        for command in ("theirs", "ours"):
            assert await scene.run(command, "ours", ("reload",)) == (
                1,
                "Config reload failed, reverted to previous config",
            )
