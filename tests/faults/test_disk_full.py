"""
Full disks: intake waits, deliveries and removals go on, nothing accepted is lost.

The disk is a small tmpfs; mounting it needs root.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.integration]

SIZE_MIB = 24
PADDING = 400

CONFIG = """
options {{ use-dns(no); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(10000)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.2)
    disk-buffer(reliable(yes) capacity-bytes(1G) dir("{dir}"))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.call(command):
        pytest.skip("cannot mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class BigSender(Sender):
    """Sends messages of half a kilobyte, and goes on by itself."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self._task: asyncio.Task[None] | None = None

    def start(self, count: int) -> None:
        self._task = asyncio.create_task(self._send_all(count))

    async def _send_all(self, count: int) -> None:
        while self.sent < count:
            block = range(self.sent, min(count, self.sent + 500))
            await self.send_raw(
                b"".join(
                    b"<13>Nov 21 12:00:00 h app: %b number %06d\n" % (b"x" * PADDING, n)
                    for n in block
                )
            )
            self.sent += len(block)

    async def done(self) -> None:
        assert self._task is not None
        async with asyncio.timeout(60):
            await self._task


async def test_a_full_disk_stops_the_intake_and_nothing_else(tmp_path, disk) -> None:
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = CONFIG.format(input=ports[0], output=ports[1], dir=disk)
    count = 100_000  # twice what the disk holds
    async with Daemon(text, tmp_path) as daemon, BigSender(ports[0]) as sender:
        sender.start(count)
        await daemon.wait_for("Disk-buffer cannot be used now", 60)
        async with Collector("127.0.0.1", ports[1]) as collector:
            await collector.wait_for_lines(count, 60)
            await sender.done()
            assert numbers(collector.lines) == list(range(count))
    assert daemon.returncode == 0


async def test_what_was_accepted_before_a_full_disk_survives_a_crash(
    tmp_path, disk
) -> None:
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = CONFIG.format(input=ports[0], output=ports[1], dir=disk)
    daemon = Daemon(text, tmp_path)
    await daemon.start()
    async with BigSender(ports[0]) as sender:
        sender.start(100_000)
        await daemon.wait_for("Disk-buffer cannot be used now", 60)
        await daemon.kill()
        sender._task.cancel()
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(text, tmp_path) as daemon,
    ):
        await daemon.wait_for("operation='load'")
        stored = int(daemon.events[0].rpartition("number_of_messages='")[2].strip("'"))
        assert stored * PADDING > SIZE_MIB * 1024 * 1024 // 3
        await collector.wait_for_lines(stored, 30)
        assert numbers(collector.lines) == list(range(stored))


async def test_a_disk_filled_by_others_holds_nothing_up(tmp_path, disk) -> None:
    """Not one block is free: deliveries go on from memory and disk, later all is well."""
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    text = CONFIG.format(input=ports[0], output=ports[1], dir=disk)
    async with Daemon(text, tmp_path) as daemon, BigSender(ports[0]) as sender:
        sender.start(10_000)
        await sender.done()
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(65536)):
                    pass
            except OSError:
                pass
        async with Collector("127.0.0.1", ports[1]) as collector:
            await collector.wait_for_lines(10_000, 30)
            sender.start(30_000)
            await collector.wait_for_lines(30_000, 60)
            ballast.unlink()
            sender.start(40_000)
            await collector.wait_for_lines(40_000, 30)
            assert numbers(collector.lines) == list(range(40_000))
        sender.start(50_000)
        await sender.done()
        await daemon.wait_for("Disk-buffer can be used again", 20)
