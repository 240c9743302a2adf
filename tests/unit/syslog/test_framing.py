from __future__ import annotations

import pytest

from logferry.errors import FramingError
from logferry.syslog.framing import (
    AutoFramer,
    LineFramer,
    OctetCountFramer,
    SeparatorFramer,
    make_framer,
)


def test_lines_come_when_their_newline_comes() -> None:
    framer = LineFramer(100)
    assert framer.feed(b"one\ntw") == b"one\n"
    assert framer.feed(b"o\n") == b"two\n"
    assert framer.finish() == b""


def test_the_rest_without_newline_comes_at_the_end() -> None:
    framer = LineFramer(100)
    assert framer.feed(b"one\nrest\r") == b"one\n"
    assert framer.finish() == b"rest\n"


def test_a_nul_ends_a_text_record() -> None:
    framer = LineFramer(100)
    assert framer.feed(b"hello\0x\n") == b"hello\nx\n"


def test_carriage_returns_before_the_newline_are_stripped() -> None:
    framer = LineFramer(100)
    assert framer.feed(b"a\r\nb\r\r\nc\rd\n") == b"a\nb\nc\rd\n"


def test_a_line_over_the_limit_is_cut_into_pieces_of_the_limit() -> None:
    framer = LineFramer(4)
    assert framer.feed(b"abcdefghij\nxy\n") == b"abcd\nefgh\nij\nxy\n"


def test_a_line_without_end_never_keeps_more_than_the_limit() -> None:
    framer = LineFramer(1000)
    kept = 0
    for _ in range(100):
        chunk = framer.feed(b"x" * 777)
        kept += len(chunk) - chunk.count(b"\n")
        assert len(framer.rest) < 1000
    assert kept + len(framer.rest) == 77_700


def test_reading_into_a_buffer_gives_the_same_as_feeding() -> None:
    framer = LineFramer(100)
    buffer = bytearray(64)
    buffer[:9] = b"one\ntwo\0t"
    assert framer.feed_buffer(buffer, 9) == b"one\ntwo\n"
    assert framer.rest == b"t"
    buffer[: len(framer.rest)] = framer.rest
    buffer[1:6] = b"hree\n"
    assert framer.feed_buffer(buffer, 6) == b"three\n"


def test_text_with_nuls_keeps_them() -> None:
    framer = make_framer("line-with-nuls", 100)
    assert framer.feed(b"a\0b\nc\n") == [b"a\0b", b"c"]


def test_nul_terminated_text_keeps_newlines() -> None:
    framer = make_framer("nul", 100)
    assert framer.feed(b"a\nb\0c") == [b"a\nb"]
    assert framer.finish() == [b"c"]


def test_empty_lines_are_kept_only_when_asked() -> None:
    assert SeparatorFramer(b"\n", 100).feed(b"a\n\nb\n") == [b"a", b"b"]
    framer = make_framer("line", 100, keep_empty=True)
    assert framer.feed(b"a\n\nb\n") == [b"a", b"", b"b"]


def test_octet_counted_frames_may_hold_anything() -> None:
    framer = OctetCountFramer(100)
    assert framer.feed(b"3 a\nb5 \0\0\0\0") == [b"a\nb"]
    assert framer.feed(b"\0") == [b"\0" * 5]


def test_the_newline_that_ends_a_frame_is_stripped() -> None:
    assert OctetCountFramer(100).feed(b"4 abc\n3 xyz") == [b"abc", b"xyz"]


def test_a_frame_of_length_zero_is_ignored() -> None:
    assert OctetCountFramer(100).feed(b"0 3 abc") == [b"abc"]


@pytest.mark.parametrize(
    "data", [b"abc def", b"12345678901 x", b"-1 x", b"<13>text", b" 3 abc"]
)
def test_what_is_no_length_is_an_error_with_its_first_bytes(data: bytes) -> None:
    framer = OctetCountFramer(100)
    with pytest.raises(FramingError) as caught:
        framer.feed(data)
    assert caught.value.header == data[:10]


def test_frames_before_a_wrong_length_are_delivered() -> None:
    framer = OctetCountFramer(100)
    with pytest.raises(FramingError) as caught:
        framer.feed(b"5 <13>ab7 <13>cdef")
    assert framer.take() == [b"<13>a"]
    assert caught.value.header == b"b7 <13>cde"
    assert framer.take() == []


def test_a_frame_over_the_limit_is_an_error() -> None:
    framer = OctetCountFramer(40)
    with pytest.raises(FramingError, match="larger than log_msg_size"):
        framer.feed(b"60 " + b"x" * 60)


def test_a_frame_over_the_limit_is_cut_when_trimming() -> None:
    framer = OctetCountFramer(4, trims=True)
    assert framer.feed(b"10 abcdefghij3 xyz") == [b"abcd", b"xyz"]
    assert framer.feed(b"10 abcdef") == [b"abcd"]
    assert framer.feed(b"ghij2 ok") == [b"ok"]


def test_auto_tells_by_the_first_byte() -> None:
    assert AutoFramer(100).feed(b"3 abc") == [b"abc"]
    assert AutoFramer(100).feed(b"<13>abc\n") == b"<13>abc\n"
    framer = AutoFramer(100)
    assert framer.feed(b"") == b""
    assert framer.finish() == b""
