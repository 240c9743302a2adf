"""File sources where files are many, oddly named, moved about or cut."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from helpers.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

NAMES = [b"a\nb.log", b"\xff\xfe.log", "\u00fc.log".encode(), b"q\"'\\ $x.log"]


def named(folder: Path, name: bytes) -> Path:
    return folder / os.fsdecode(name)


def append(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"<13>app: {line}\n" for line in lines))


async def printed(path: Path, count: int) -> list[str]:
    """Wait until a file holds ``count`` lines and return them."""

    def lines() -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    async with asyncio.timeout(60):
        while len(lines()) < count:
            await asyncio.sleep(0.05)
    return lines()


def many(folder: Path, options: str = "") -> str:
    return f"""
    source s {{
        wildcard-file(base-dir("{folder}/logs") filename-pattern("*.log") {options});
    }};
    log {{
        source(s); destination {{ file("{folder}/out" template("$MSG\\n")); }};
        flags(flow-control);
    }};
    """


def one(folder: Path, options: str = "", template: str = "$MSG") -> str:
    return f"""
    source s {{ file("{folder}/logs/in.log" follow-freq(0.1) {options}); }};
    log {{
        source(s); destination {{ file("{folder}/out" template("{template}\\n")); }};
        flags(flow-control);
    }};
    """


async def test_names_need_not_be_text_and_are_remembered(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in NAMES:
        append(named(logs, name), "before")
    daemon = Daemon(many(tmp_path), tmp_path)
    async with daemon:
        await printed(tmp_path / "out", len(NAMES))
        await daemon.ctl("STATS")
    for name in NAMES:
        append(named(logs, name), "after")
    async with daemon:
        found = await printed(tmp_path / "out", 2 * len(NAMES))
    assert found == ["before"] * len(NAMES) + ["after"] * len(NAMES)
    assert daemon.returncode == 0


@pytest.mark.parametrize("make", [one, many])
async def test_a_directory_may_be_deleted_and_made_again(tmp_path: Path, make) -> None:
    logs = tmp_path / "logs"
    async with Daemon(make(tmp_path), tmp_path):
        for turn in range(3):
            logs.mkdir()
            append(logs / "in.log", f"{turn}a")
            await printed(tmp_path / "out", 2 * turn + 1)
            append(logs / "in.log", f"{turn}b")
            found = await printed(tmp_path / "out", 2 * turn + 2)
            shutil.rmtree(logs)
    assert found == ["0a", "0b", "1a", "1b", "2a", "2b"]


@pytest.mark.slow
async def test_ten_thousand_files_are_read_and_followed(tmp_path: Path) -> None:
    logs, count = tmp_path / "logs", 10_000
    logs.mkdir()
    for number in range(count):
        append(logs / f"{number:05}.log", f"first {number:05}")
    daemon = Daemon(many(tmp_path, f"max-files({count})"), tmp_path)
    async with daemon:
        await printed(tmp_path / "out", count)
        for number in range(count):
            append(logs / f"{number:05}.log", f"second {number:05}")
        await printed(tmp_path / "out", 2 * count)
    append(logs / "00777.log", "third 00777")
    async with daemon:
        found = await printed(tmp_path / "out", 2 * count + 1)
    expected = [f"{word} {n:05}" for word in ("first", "second") for n in range(count)]
    assert sorted(found) == sorted([*expected, "third 00777"])


MODES = [
    ("indented", "", "<13>app: {}\n", "  {}\n"),
    ("smart", "", "{}\n", "\tat {}(A.java:1)\n"),
    ("prefix-garbage", 'multi-line-prefix("^<")', "<13>app: {}\n", "more {}\n"),
    (
        "prefix-suffix",
        'multi-line-prefix("^<") multi-line-suffix("end")',
        "<13>app: {}\n",
        "more {} end\n",
    ),
]


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize(
    ("mode", "options", "begin", "more"), MODES, ids=[mode[0] for mode in MODES]
)
async def test_a_message_of_several_lines_is_whole_after_a_restart(
    tmp_path: Path, mode: str, options: str, begin: str, more: str, end: str
) -> None:
    """Its second half is written while nobody runs."""
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "in.log"
    exception = 'java.lang.RuntimeException: "x"' if mode == "smart" else ""
    text = one(
        tmp_path,
        f"multi-line-mode({mode}) {options} flags(no-parse)",
        '$(replace-delimiter \\"\\n\\t\\" \\"||\\" $MSG)',
    )
    message = [begin.format(f"{exception}{n}") + more.format(n) for n in range(4)]
    daemon = Daemon(text, tmp_path)
    path.write_text(message[0] + message[1] + begin.format(f"{exception}2"))
    async with daemon:
        await printed(tmp_path / "out", 1)
        await saved(tmp_path)
        if end == "kill":
            await daemon.kill()
    with path.open("a") as file:
        file.write(more.format(2) + message[3] + begin.format("last"))
    async with daemon:
        found = await printed(tmp_path / "out", 3)
    wanted = message[2].rstrip("\n").replace("\n", "|").replace("\t", "|")
    assert wanted in found
    assert len(found) == len(set(found))


async def saved(folder: Path) -> None:
    """Wait until the place in the file is in the persist file."""
    async with asyncio.timeout(30):
        while not (folder / "state" / "logferry.persist").exists():
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_copies_cuts_and_kills_lose_nothing(tmp_path: Path, seed: int) -> None:
    """``copytruncate`` at random moments: what was not read is in the copy."""
    chance = random.Random(seed)
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "in.log"
    written = 0
    daemon = Daemon(one(tmp_path), tmp_path)

    def write(count: int) -> None:
        nonlocal written
        append(path, *(f"number {n:06}" for n in range(written, written + count)))
        written += count

    write(10)
    await daemon.start()
    await printed(tmp_path / "out", 10)
    await saved(tmp_path)
    for rotation in range(8):
        for _ in range(chance.randrange(1, 6)):
            write(chance.randrange(1, 300))
            await asyncio.sleep(chance.random() * 0.05)
        is_killed_first = chance.random() < 0.6
        if is_killed_first:
            await daemon.kill()
            write(chance.randrange(1, 100))
        shutil.copyfile(path, f"{path}.{rotation}")
        os.truncate(path, 0)
        write(20)
        if not is_killed_first:
            await asyncio.sleep(chance.random() * 0.05)
            await daemon.kill()
        await daemon.start()
        # Cut twice before it was read once, a file could have two copies to look for.
        await read_all(tmp_path, written)
    await daemon.stop()
    assert sorted(await read_all(tmp_path, written)) == list(range(written))


async def read_all(folder: Path, count: int) -> set[int]:
    """Wait until all numbers are there; return what is."""

    def found() -> set[int]:
        lines = (folder / "out").read_text().splitlines()
        return {int(line.split()[1]) for line in lines if len(line) == 13}

    try:
        async with asyncio.timeout(20):
            while len(found()) < count:
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    return found()
