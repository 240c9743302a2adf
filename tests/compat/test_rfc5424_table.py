"""Row by row: how the reference reads the syslog protocol (observed behaviour)."""

from __future__ import annotations

import pytest

from logferry.message.model import Message, Origin, UnixNanos
from logferry.syslog.encode import encode_sdata
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception

NOW = UnixNanos(1_795_238_424_000_000_000)
FLAGS = frozenset({"syslog-protocol", "expect-hostname"})


def parse(frame: bytes, *flags: str) -> Message:
    reception = Reception(flags=FLAGS | set(flags), keep_hostname=True)
    return Parser(reception, "me", 77, "UTC").parse(frame, Origin(host=b"peer"), NOW)


def test_all_fields_are_read() -> None:
    message = parse(
        b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 8710 ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="App"] \xef\xbb\xbfAn event'
    )
    assert message.pri == 165
    assert message.stamp.unix_ns == 1_065_910_455_003_000_000
    assert message.stamp.offset_s == 0
    assert message.host == b"mymachine.example.com"
    assert message.program == b"evntslog"
    assert message.pid == b"8710"
    assert message.msgid == b"ID47"
    assert message.values == {
        ".SDATA.exampleSDID@32473.iut": b"3",
        ".SDATA.exampleSDID@32473.eventSource": b"App",
    }
    assert message.message == b"An event"
    assert message.utf8


def test_dashes_are_empty_fields_and_the_time_is_that_of_arrival() -> None:
    message = parse(b"<13>1 - - - - - - text")
    assert message.stamp.unix_ns == NOW
    assert message.host == b"peer"
    assert (message.program, message.pid, message.msgid) == (b"", b"", b"")
    assert message.message == b"text"


def test_nanoseconds_are_cut_to_microseconds() -> None:
    message = parse(b"<13>1 2003-10-11T22:14:15.123456789Z h a - - - x")
    assert message.stamp.unix_ns % 1_000_000_000 == 123_456_000


def test_fields_that_are_too_long_are_cut() -> None:
    message = parse(
        b"<13>1 - h " + b"A" * 60 + b" " + b"1" * 200 + b" " + b"M" * 40 + b" - x"
    )
    assert len(message.program) == 48
    assert len(message.pid) == 128
    assert len(message.msgid) == 32


def test_unquoted_values_are_accepted() -> None:
    assert parse(b"<13>1 - h a - - [x y=z] m").values == {".SDATA.x.y": b"z"}


def test_of_duplicate_parameters_the_last_one_wins() -> None:
    assert parse(b'<13>1 - h a - - [x y="1" y="2"] m').values == {".SDATA.x.y": b"2"}


def test_escapes_in_values_are_resolved_and_put_back() -> None:
    message = parse(rb'<13>1 - h a - - [x y="a\"b\\c\]d"] m')
    assert message.values == {".SDATA.x.y": b'a"b\\c]d'}
    assert encode_sdata(message.values) == rb'[x y="a\"b\\c\]d"]'


def test_the_message_may_be_missing() -> None:
    assert parse(b"<13>1 - h a - - -").message == b""


def test_legacy_frames_fall_back() -> None:
    message = parse(b"<34>Oct 11 22:14:15 mymachine su: x")
    assert (message.program, message.message) == (b"su", b"x")


def test_another_version_falls_back() -> None:
    assert parse(b"<13>2 x").program == b"2"


@pytest.mark.parametrize(
    ("frame", "shown", "tags"),
    [
        (
            b"<13>1 - h a -",
            b"<13>1 - h a >@<-",
            "missing_timestamp rfc5424_missing_msgid",
        ),
        (
            b'<13>1 - h a - - [x y="z"]text',
            b'<13>1 - h a - - [x y="z">@<]text',
            "missing_timestamp missing_message",
        ),
        (
            b'<13>1 - h a - - [x y="z" m',
            b'<13>1 - h a - - [x y="z" >@<m',
            "missing_timestamp rfc5424_invalid_sdata",
        ),
        (b"<13>1 notatime h", b"<13>1>@< notatime h", "missing_timestamp"),
        (
            b"<13>1 2020-01-01T00:00:00+02 h",
            b"<13>1 2020-01-01T00:00:0>@<0+02 h",
            "rfc5424_missing_hostname",
        ),
        (
            b"<13>1 2020-01-01T00:00:00Z [h a",
            b"<13>1 2020-01-01T00:00:00Z >@<[h a",
            "invalid_hostname rfc5424_missing_app_name",
        ),
        (b"<13>1", b"<13>>@<1", ""),
    ],
)
def test_what_cannot_be_read_becomes_a_message_that_says_so(
    frame: bytes, shown: bytes, tags: str
) -> None:
    message = parse(frame)
    assert message.pri == 43
    assert message.host == b"me"
    assert message.program == b"syslog-ng"
    assert message.pid == b"77"
    assert message.message == b"Error processing log message: " + shown
    assert (message.msgformat, message.tags) == (b"syslog:error", [])
    kept = parse(frame, "no-piggyback-errors")
    assert kept.message == frame
    names = [f"syslog.{tag}" for tag in tags.split()] or ["message.parse_error"]
    assert kept.tags == [name.encode() for name in names]


def test_without_piggyback_errors_what_was_read_is_kept() -> None:
    message = parse(b'<14>1 - h a 1 m [x y="z" m', "no-piggyback-errors")
    assert (message.pri, message.host, message.program) == (14, b"h", b"a")
    assert message.values == {".SDATA.x.y": b"z"}


def test_an_error_has_the_name_of_its_sender_unless_names_are_kept() -> None:
    parser = Parser(Reception(flags=FLAGS), "me", 77, "UTC")
    assert parser.parse(b"<13>1 x", Origin(host=b"peer"), NOW).host == b"peer"


@pytest.mark.parametrize(
    "frame",
    [
        b"<13>1 - h a - m",
        b"<13>1 - h a - m ",
        b"<13>1 - h a - m  no structured data",
        b"<13>01 - h a - m - ",
    ],
)
def test_what_may_be_missing(frame: bytes) -> None:
    message = parse(frame)
    is_whole = frame != b"<13>1 - h a - m"
    assert (message.msgformat == b"syslog:rfc5424") == is_whole
    assert b"syslog.missing_timestamp" in message.tags or not is_whole


@pytest.mark.parametrize("name", [b"\xc3\xa9", b'a"', b""])
def test_names_in_structured_data_are_of_ascii(name: bytes) -> None:
    frame = b'<13>1 - h a - m [x %b="1"] text' % name
    assert parse(frame).msgformat == b"syslog:error"
