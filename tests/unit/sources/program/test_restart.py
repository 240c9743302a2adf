"""``program()``: when a command that ended is started again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from logferry.runtime.environment import Environment
from logferry.sources.program import source as module
from logferry.sources.program.events import ProgramEnded, ProgramNotStarted
from logferry.sources.program.source import ProgramSource, restart_delay_s
from logferry.telemetry.events import NullLog


class Log(NullLog):
    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)


class Options:
    command = "x"
    flags = frozenset()


class Spec:
    id = "s#0"
    options = Options()


def test_failures_in_a_row_make_the_wait_longer_up_to_a_limit() -> None:
    delays = [restart_delay_s(failures) for failures in range(9)]
    assert delays == [1, 1, 2, 4, 8, 16, 30, 30, 30]


async def delays_of(monkeypatch, runs) -> tuple[list[float], list[object]]:
    """Return the waits between ``runs``: (status or error, seconds it took)."""
    now = [0.0]
    delays: list[float] = []
    left = list(runs)
    log = Log()
    over = asyncio.Event()

    async def run(self) -> int:
        if not left:
            over.set()
            await asyncio.Event().wait()
        result, took_s = left.pop(0)
        now[0] += took_s
        if isinstance(result, OSError):
            raise result
        return result

    async def sleep(delay_s: float) -> None:
        delays.append(delay_s)

    monkeypatch.setattr(ProgramSource, "_run", run)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    source = ProgramSource(Spec(), Environment(log=log, clock=lambda: now[0]), None)
    await source.start()
    await over.wait()
    await source.stop()
    return delays, log.events


async def test_a_command_that_keeps_failing_is_started_less_and_less_often(
    monkeypatch,
) -> None:
    delays, events = await delays_of(monkeypatch, [(3, 0.1)] * 4)
    assert delays == [1, 2, 4, 8]
    assert {type(event) for event in events} == {ProgramEnded}


async def test_one_that_ran_for_a_while_or_ended_well_is_started_soon(
    monkeypatch,
) -> None:
    runs = [(3, 0.1), (3, 0.1), (3, 11.0), (3, 0.1), (0, 0.1), (3, 0.1)]
    delays, _ = await delays_of(monkeypatch, runs)
    assert delays == [1, 2, 1, 1, 1, 1]


async def test_without_room_for_a_process_it_is_tried_again(monkeypatch) -> None:
    error = OSError(11, "Resource temporarily unavailable")
    delays, events = await delays_of(monkeypatch, [(error, 0.0), (error, 0.0)])
    assert delays == [1, 2]
    assert [type(event) for event in events] == [ProgramNotStarted] * 2


async def test_a_command_that_cannot_be_started_leaves_no_descriptor(
    monkeypatch,
) -> None:
    async def refuse(*words, **more):
        raise OSError(11, "Resource temporarily unavailable")

    class Reader:
        def __init__(self, descriptor) -> None:
            self.descriptor = descriptor

        def close(self) -> None:
            os.close(self.descriptor)

    monkeypatch.setattr(module.asyncio, "create_subprocess_exec", refuse)
    monkeypatch.setattr(
        ProgramSource, "_make_reader", lambda _, descriptor: Reader(descriptor)
    )
    Options.inherit_environment = True
    source = ProgramSource(Spec(), Environment(), None)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        try:
            await source._run()
        except OSError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before
