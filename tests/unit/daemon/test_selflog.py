"""The console log: form, levels, listeners, floods."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import ClassVar

import pytest

from logferry.daemon.selflog import SelfLog, Verbosity
from logferry.telemetry.events import Event, Level


@dataclass(frozen=True, slots=True)
class Happened(Event):
    text: ClassVar[str] = "Something happened"

    what: str


@dataclass(frozen=True, slots=True)
class Detail(Event):
    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "A detail"


@dataclass(frozen=True, slots=True)
class Important(Event):
    text: ClassVar[str] = "Important"
    is_limited: ClassVar[bool] = False


class Clock:
    now_ns = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def text_of(reader: int) -> str:
    try:
        return os.read(reader, 1 << 20).decode()
    except BlockingIOError:
        return ""


def test_a_line_has_the_time_the_text_and_the_tags(pipe):
    reader, writer = pipe
    SelfLog(Clock(), writer).emit(Happened("a 'quoted'\nthing"))
    assert re.fullmatch(
        r"\[2023-11-1\dT\d\d:\d\d:\d\d\.000000\] Something happened; "
        r"what='a \\'quoted\\'\\nthing'\n",
        text_of(reader),
    )


def test_the_journal_gets_a_level_and_no_time(pipe):
    reader, writer = pipe
    SelfLog(Clock(), writer, is_journal=True).emit(Happened("x"))
    assert text_of(reader) == "<5>Something happened; what='x'\n"


@pytest.mark.parametrize(
    ("verbosity", "number", "is_said"),
    [
        (Verbosity.DEFAULT, 0, False),
        (Verbosity.VERBOSE, 1, False),
        (Verbosity.DEBUG, 2, True),
        (Verbosity.TRACE, 3, True),
    ],
)
def test_levels_are_the_references(pipe, verbosity, number, is_said):
    reader, writer = pipe
    log = SelfLog(Clock(), writer, verbosity)
    log.emit(Detail())
    assert bool(text_of(reader)) is is_said
    assert log.verbosity.number == number


def test_a_flood_of_one_kind_is_counted_instead_of_written(pipe):
    reader, writer = pipe
    clock = Clock()
    log = SelfLog(clock, writer)
    for number in range(1500):
        log.emit(Happened(str(number)))
    log.emit(Important())
    text = text_of(reader)
    assert text.count("Something happened") == 1000
    assert "Important" in text
    clock.now_ns += 11 * 1_000_000_000
    log.emit(Happened("later"))
    text = text_of(reader)
    assert "Something happened; left_out='500'" in text
    assert "what='later'" in text


def test_what_scripts_wait_for_is_never_left_out(pipe):
    reader, writer = pipe
    log = SelfLog(Clock(), writer)
    count = 0
    for _ in range(1200):
        log.emit(Important())
        count += text_of(reader).count("Important")
    assert count == 1200


def test_a_closed_descriptor_ends_nothing():
    log = SelfLog(Clock(), 999_999)
    log.emit(Happened("x"))
    assert [event for _, event in log.recent] == [Happened("x")]


def test_a_listener_hears_what_nobody_heard_before():
    log = SelfLog(Clock(), None)
    log.emit(Happened("early"))
    heard: list[Event] = []
    log.subscribe(heard.append)
    log.emit(Happened("late"))
    log.unsubscribe(heard.append)
    log.emit(Happened("alone"))
    assert heard == [Happened("early"), Happened("late")]
    again: list[Event] = []
    log.subscribe(again.append)
    assert again == [Happened("alone")]


def test_a_stderr_that_nobody_reads_never_blocks(pipe):
    reader, writer = pipe
    log = SelfLog(Clock(), writer)
    for _ in range(900):  # far more than a pipe holds
        log.emit(Happened("x" * 10_000))
    assert len(text_of(reader)) >= 4096
    log.emit(Happened("again"))  # there is room again
    assert "again" in text_of(reader)


def test_a_copy_gets_the_same_lines_as_long_as_it_is_there(pipe):
    reader, writer = pipe
    log = SelfLog(Clock(), None)
    log.add_copy(writer)
    log.emit(Happened("one"))
    log.remove_copy(writer)
    log.emit(Happened("two"))
    assert "what='one'" in text_of(reader)
    assert text_of(reader) == ""
