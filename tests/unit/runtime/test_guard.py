"""A fault in a compiled program costs one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from helpers.http_scene import EventList
from helpers.programs import NOW, ORIGIN, compiled
from logferry.message.model import Message, Stamp
from logferry.runtime.guard import GuardedProgram, ProcessingFailed
from logferry.telemetry.counters import Counter

if TYPE_CHECKING:
    from logferry.pipeline.program import Outputs, Program

CONFIG = """
source s { input(flags(no-parse)); };
log { source(s); destination { output(template("$MSG\\n")); }; };
"""


class Faulty:
    """A program that cannot stand the word "bad"."""

    def __init__(self) -> None:
        self._program = compiled(CONFIG).program

    def __getattr__(self, name: str) -> object:
        return getattr(self._program, name)

    def frames(self, frames: list[bytes], origin, now) -> Outputs:
        if any(b"bad" in frame for frame in frames):
            raise KeyError("bad")
        return self._program.frames(frames, origin, now)

    def lines(self, chunk: bytes, origin, now) -> tuple[int, Outputs]:
        if b"bad" in chunk:
            raise ValueError(chunk)
        return self._program.lines(chunk, origin, now)

    def messages(self, messages: list[Message], now) -> Outputs:
        if any(b"bad" in message.message for message in messages):
            raise RuntimeError
        return self._program.messages(messages, now)


def message(text: bytes) -> Message:
    made = Message(ORIGIN, Stamp(NOW, 0), Stamp(NOW, 0))
    made.message = text
    return made


@pytest.mark.parametrize("entry", ["lines", "frames", "messages"])
def test_a_message_that_the_program_fails_on_ends_alone_and_is_told(entry: str) -> None:
    log, faults = EventList(), Counter()
    program = GuardedProgram(cast("Program", Faulty()), "s#0", log, faults)
    texts = [b"one", b"a bad \xff one", b"two"]
    if entry == "lines":
        chunk = b"".join(text + b"\n" for text in texts)
        count, outputs = program.lines(chunk, ORIGIN, NOW)
        assert count == len(texts)
    elif entry == "frames":
        outputs = program.frames(texts, ORIGIN, NOW)
    else:
        outputs = program.messages([message(text) for text in texts], NOW)
    (batches,) = outputs
    assert b"".join(batch.data for batch in batches) == b"one\ntwo\n"
    assert sum(batch.count for batch in batches) == 2
    assert faults.value == 1
    (event,) = log.events
    assert isinstance(event, ProcessingFailed)
    assert (event.source, event.message) == ("s#0", "a bad \\xff one")


def test_what_does_not_fail_is_run_once() -> None:
    program = GuardedProgram(compiled(CONFIG).program, "s#0", EventList(), Counter())
    count, ((batch,),) = program.lines(b"one\ntwo\n", ORIGIN, NOW)
    assert (count, batch.count) == (2, 2)
