"""Repeated messages become one line."""

from __future__ import annotations

from logferry.message.model import Message, Origin, Stamp, UnixNanos
from logferry.pipeline.suppression import Suppressor

SECOND = 10**9
START = 1_795_262_400 * SECOND


def message(text: bytes, program: bytes = b"app", host: bytes = b"h") -> Message:
    stamp = Stamp(UnixNanos(0), 0)
    made = Message(Origin(), stamp, stamp)
    made.pri, made.host, made.program, made.message = 34, host, program, text
    return made


def at(seconds: float) -> UnixNanos:
    return UnixNanos(START + round(seconds * SECOND))


def test_repetitions_are_held_back_and_counted_when_another_comes() -> None:
    suppressor = Suppressor(10, b"own", 7)
    first, other = message(b"a text of more than 20 bytes"), message(b"other")
    assert suppressor.take(first, at(0)) == (first,)
    for second in range(1, 4):
        assert suppressor.take(message(first.message), at(second)) == ()
    summary, last = suppressor.take(other, at(5))
    assert last is other
    assert (summary.host, summary.program, summary.pid) == (b"h", b"app", b"7")
    assert summary.pri == 34
    assert summary.stamp.unix_ns == at(5)
    assert summary.message == (
        b"Last message 'a text of more than ' repeated 3 times, "
        b"suppressed by syslog-ng on own"
    )


def test_the_same_text_of_another_host_or_program_is_another_message() -> None:
    suppressor = Suppressor(10, b"own", 7)
    messages = [
        message(b"x"),
        message(b"x", program=b"b"),
        message(b"x", program=b"b", host=b"i"),
    ]
    for item in messages:
        assert suppressor.take(item, at(0)) == (item,)


def test_a_summary_is_due_when_the_time_is_over() -> None:
    suppressor = Suppressor(10, b"own", 7)
    suppressor.take(message(b"x"), at(0))
    suppressor.take(message(b"x"), at(9))
    assert suppressor.due(at(9.9)) is None
    summary = suppressor.due(at(10))
    assert summary is not None
    assert b"repeated 1 times" in summary.message
    assert suppressor.due(at(20)) is None


def test_after_the_time_the_same_message_is_written_again() -> None:
    suppressor = Suppressor(10, b"own", 7)
    suppressor.take(message(b"x"), at(0))
    again = message(b"x")
    assert suppressor.take(again, at(10)) == (again,)


def test_nothing_held_back_gives_no_summary() -> None:
    suppressor = Suppressor(10, b"own", 7)
    assert suppressor.finish(at(0)) is None
    suppressor.take(message(b"x"), at(0))
    assert suppressor.finish(at(1)) is None


def test_a_clock_that_was_put_back_does_not_prolong_the_time() -> None:
    suppressor = Suppressor(10, b"own", 7)
    first = message(b"x")
    assert suppressor.take(first, at(0)) == (first,)
    assert suppressor.take(message(b"x"), at(1)) == ()
    assert suppressor.due(at(-86_400)) is not None
    again = message(b"x")
    assert suppressor.take(again, at(-86_400)) == (again,)
    assert suppressor.take(message(b"x"), at(-86_399)) == ()
    last = suppressor.take(message(b"x"), at(-2 * 86_400))
    assert [item.message[:4] for item in last] == [b"Last", b"x"]
