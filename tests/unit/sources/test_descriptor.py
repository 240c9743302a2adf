"""Text from a descriptor, with a window."""

from __future__ import annotations

import asyncio
import os

import pytest

from helpers.intake import FakeIntake
from logferry.message.model import Origin
from logferry.sources.descriptor import DescriptorReader
from logferry.syslog.framing import LineFramer


class Pipe:
    """A pipe, its reader, and what became of it."""

    def __init__(self, intake: FakeIntake, limit: int = 100) -> None:
        reading, self.writing = os.pipe()
        os.set_blocking(reading, False)
        self.ended = asyncio.Event()
        self.reader = DescriptorReader(
            asyncio.get_running_loop(),
            reading,
            LineFramer(1000),
            origin=Origin(),
            intake=intake,
            limit=limit,
            flush_s=0.0,
            on_end=lambda error: self.ended.set(),
        )
        self.reader.start()


async def test_lines_are_delivered_and_the_rest_at_the_end() -> None:
    intake = FakeIntake()
    pipe = Pipe(intake)
    os.write(pipe.writing, b"one\ntwo\nthr")
    os.close(pipe.writing)
    async with asyncio.timeout(5):
        await pipe.ended.wait()
    assert intake.taken == [b"one", b"two", b"thr"]


async def test_a_full_window_stops_reading_until_something_is_settled() -> None:
    intake = FakeIntake(settles=False)
    pipe = Pipe(intake, limit=2)
    os.write(pipe.writing, b"one\ntwo\n")
    async with asyncio.timeout(5):
        while len(intake.taken) < 2:
            await asyncio.sleep(0)
    os.write(pipe.writing, b"three\n")
    for _ in range(10):
        await asyncio.sleep(0)
    assert intake.taken == [b"one", b"two"]
    intake.settle()
    async with asyncio.timeout(5):
        while len(intake.taken) < 3:
            await asyncio.sleep(0)
    os.close(pipe.writing)
    pipe.reader.close()
    assert pipe.reader.unsettled_count == 1


async def test_what_cannot_be_waited_for_is_an_error(tmp_path: object) -> None:
    with open(f"{tmp_path}/file", "wb+") as file:
        reader = DescriptorReader(
            asyncio.get_running_loop(),
            os.dup(file.fileno()),
            LineFramer(1000),
            origin=Origin(),
            intake=FakeIntake(),
            limit=1,
            flush_s=0.0,
            on_end=lambda error: None,
        )
        with pytest.raises(OSError, match="not permitted"):
            reader.start()
        reader.close()
