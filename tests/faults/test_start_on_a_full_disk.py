"""
A start on a disk that takes nothing: the daemon runs, and gets well by itself.

The disk is a small tmpfs; mounting it needs root.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from helpers.metrics import parse_prometheus
from logferry.queues.files import owner_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.integration]

SIZE_MIB = 24
INODES = 40

CONFIG = """
options {{ use-dns(no); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(100)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.2)
    disk-buffer(reliable(yes) capacity-bytes(1G))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of a few megabytes and few files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={SIZE_MIB}m,nr_inodes={INODES}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() or subprocess.call(command):
        pytest.skip("cannot mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class Trouble:
    """What can be wrong with a disk, and its end."""

    def __init__(self, disk: Path, kind: str) -> None:
        self._disk = disk
        self._kind = kind

    def begin(self) -> None:
        match self._kind:
            case "no room":
                with contextlib.suppress(OSError):
                    self._fill()
            case "no inodes":
                with contextlib.suppress(OSError):
                    for number in range(INODES):
                        (self._disk / f"ballast-{number}").touch()
            case "read-only":
                self._mount("remount,ro")

    def end(self) -> None:
        if self._kind == "read-only":
            self._mount("remount,rw")
        for path in self._disk.glob("ballast*"):
            path.unlink()

    def _fill(self) -> None:
        with (self._disk / "ballast").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, str(self._disk)], check=True)


def config(ports: tuple[int, int]) -> str:
    return CONFIG.format(input=ports[0], output=ports[1])


async def trouble_of(daemon: Daemon) -> set[float]:
    """Return what the metrics tell of the disks."""
    samples = parse_prometheus(await daemon.ctl("STATS", "PROMETHEUS"))
    return {item.value for item in samples if item.name == "disk_queue_trouble"}


async def stored(disk: Path, count: int) -> None:
    """Wait until a queue file holds ``count`` records."""
    path = disk / "syslog-ng-00000.rqf"
    async with asyncio.timeout(30):
        while (found := owner_of(path)) is None or found[1].count != count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("kind", ["no room", "no inodes", "read-only"])
async def test_what_is_queued_is_delivered_and_the_intake_waits(
    tmp_path, disk, kind, end
) -> None:
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    arguments = ("--state-dir", str(disk))
    trouble = Trouble(disk, kind)
    daemon = Daemon(config(ports), tmp_path, *arguments)
    await daemon.start()
    async with Sender("127.0.0.1", ports[0]) as sender:
        await sender.send(1000)
        await stored(disk, 1000)
    await (daemon.stop() if end == "stop" else daemon.kill())
    trouble.begin()
    # What was killed has its log still, and needs no further file.
    is_in_trouble = kind != "no inodes" or end != "kill"
    async with Daemon(config(ports), tmp_path, *arguments) as daemon:
        if is_in_trouble:
            await daemon.wait_for("Disk-buffer cannot be used now")
        assert (await trouble_of(daemon) != {0}) is is_in_trouble
        async with (
            Collector("127.0.0.1", ports[1]) as collector,
            Sender("127.0.0.1", ports[0]) as sender,
        ):
            await collector.wait_for_lines(1000)
            sender.sent = 1000
            await sender.send(1000)
            await collector.wait_for_lines(2000)
            assert numbers(collector.lines) == list(range(2000))
        trouble.end()
        if is_in_trouble:
            await daemon.wait_for("Disk-buffer can be used again")
        assert await trouble_of(daemon) == {0}
        async with Sender("127.0.0.1", ports[0]) as sender:
            sender.sent = 2000
            await sender.send(1000)
            await stored(disk, 1000)
    assert daemon.returncode == 0
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(config(ports), tmp_path, *arguments),
    ):
        await collector.wait_for_lines(1000)
        assert numbers(collector.lines) == list(range(2000, 3000))


@pytest.mark.parametrize("kind", ["no room", "no inodes"])
async def test_a_first_start_delivers_and_makes_its_files_later(
    tmp_path, disk, kind
) -> None:
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    arguments = ("--state-dir", str(disk), "--control", str(disk / "ctl"))
    trouble = Trouble(disk, kind)
    trouble.begin()
    daemon = Daemon(config(ports), tmp_path, *arguments)
    daemon.control = str(disk / "ctl")
    async with daemon:
        async with (
            Collector("127.0.0.1", ports[1]) as collector,
            Sender("127.0.0.1", ports[0]) as sender,
        ):
            await sender.send(1000)
            await collector.wait_for_lines(1000)
            assert numbers(collector.lines) == list(range(1000))
            await daemon.wait_for("Disk-buffer cannot be used now")
        trouble.end()
        await daemon.wait_for("Disk-buffer can be used again")
        async with Sender("127.0.0.1", ports[0]) as sender:
            sender.sent = 1000
            await sender.send(1000)
            await stored(disk, 1000)
    assert daemon.returncode == 0
    assert (disk / "logferry.persist").exists()


async def test_another_daemon_is_kept_out_of_a_folder_without_room_for_a_lock(
    tmp_path, disk
) -> None:
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    arguments = ("--state-dir", str(disk))
    trouble = Trouble(disk, "no inodes")
    trouble.begin()
    async with Daemon(config(ports), tmp_path, *arguments):
        for _ in range(2):
            code, errors = await run(tmp_path / "logferry.conf", disk)
            assert code == 2
            assert "another daemon" in errors
            trouble.end()


async def run(config: Path, disk: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "logferry.cli.main", "run", "-f", str(config)),
        *("--state-dir", str(disk), "--control", str(config) + ".ctl"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


async def test_a_disk_that_goes_and_one_that_comes_lose_nothing(tmp_path, disk) -> None:
    """What is queued moves into the folder that is there now, twice."""
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = config(ports).replace("reliable(yes)", f'reliable(yes) dir("{disk}")')
    renewed = "was deleted or replaced while it was in use; wrote"
    async with Daemon(text, tmp_path) as daemon:
        async with Sender("127.0.0.1", ports[0]) as sender:
            await sender.send(1000)
            await stored(disk, 1000)
            subprocess.run(["umount", "-l", str(disk)], check=True)
            await sender.send(100)
            await daemon.wait_for(renewed)
            await stored(disk, 1100)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs"]
            subprocess.run([*mount, str(disk)], check=True)
            await sender.send(100)
            await daemon.wait_for(renewed, count=2)
            await stored(disk, 1200)
        async with Collector("127.0.0.1", ports[1]) as collector:
            await collector.wait_for_lines(1200)
            assert numbers(collector.lines) == list(range(1200))
    assert daemon.returncode == 0
