"""What each multi-line mode makes of text."""

from __future__ import annotations

import re

import pytest

from logferry.syslog.multi_line import (
    GarbageRule,
    IndentedFramer,
    RecordFramer,
    RuleFramer,
    SmartRule,
    SuffixRule,
)

_begin = re.compile(rb"^\[").search
_garbage = re.compile(rb" -- ").search
_suffix = re.compile(rb"\]$").search


def smart(text: bytes) -> list[bytes]:
    framer = RuleFramer(SmartRule(), 10_000)
    return framer.feed(text) + framer.finish()


def test_indented_lines_and_empty_ones_go_on() -> None:
    framer = IndentedFramer(1000)
    assert framer.feed(b"one\n  two\n\n\tthree\nnext") == [b"one\n  two\n\n\tthree"]
    assert framer.rest == b"next"
    assert framer.finish() == [b"next"]


def test_a_prefix_begins_a_message() -> None:
    framer = RuleFramer(GarbageRule(_begin, None), 1000)
    assert framer.feed(b"[1] a\nb\n[2] c\n") == [b"[1] a\nb"]
    assert framer.finish() == [b"[2] c"]


def test_garbage_is_cut_off_up_to_the_end_of_its_line() -> None:
    framer = RuleFramer(GarbageRule(_begin, _garbage), 1000)
    frames = framer.feed(b"[1] a\nb -- noise\n[2] c -- noise\n -- noise\n[3]\n")
    assert frames == [b"[1] a\nb", b"[2] c"]
    assert framer.finish() == [b"[3]"]


def test_a_suffix_ends_a_message_and_belongs_to_it() -> None:
    framer = RuleFramer(SuffixRule(_begin, _suffix), 1000)
    assert framer.feed(b"[a\nb]\n[c]\n[d\n[e\nf]\n") == [
        b"[a\nb]",
        b"[c]",
        b"[d",
        b"[e\nf]",
    ]


def test_a_message_without_end_is_cut_at_the_limit() -> None:
    framer = RuleFramer(GarbageRule(_begin, None), 4)
    assert framer.feed(b"[abcdefghi") == [b"[abc", b"defg"]
    assert framer.finish() == [b"hi"]


def test_padded_records_lose_their_padding() -> None:
    framer = RecordFramer(6)
    assert framer.feed(b"one\0\0\0two\n\0\0fo") == [b"one", b"two"]
    assert framer.feed(b"ur\n\n\0\0\0\0\0\0") == [b"four"]
    assert framer.rest == b""


def test_smart_gives_out_plain_lines_at_once() -> None:
    framer = RuleFramer(SmartRule(), 1000)
    assert framer.feed(b"one\ntwo\n") == [b"one", b"two"]


@pytest.mark.parametrize(
    "trace",
    [
        (
            b"Traceback (most recent call last):\n"
            b'  File "a.py", line 1, in f\n    g()\nValueError: no'
        ),
        (
            b"Exception in thread main java.lang.IllegalStateException: no\n"
            b"\tat a.b.C.d(C.java:12)\nCaused by: java.io.IOException: x\n"
            b"\tat a.b.E.f(E.java:3)\n\t... 12 more"
        ),
        (
            b"ReferenceError: x is not defined\n    at f (file.js:1:2)\n"
            b"    at eval (eval at foo (x.js:1:1))"
        ),
        (
            b"panic: oh no\n\ngoroutine 1 [running]:\nmain.main()\n"
            b"\t/tmp/a.go:5 +0x18\nexit status 2"
        ),
        b"a.rb:2:in `f': no (RuntimeError)\n\tfrom a.rb:5:in `<main>'",
        (
            b"PHP Fatal error:  Uncaught Exception: no in a.php:2\nStack trace:\n"
            b"#0 a.php(5): f()\n#1 {main}\n  thrown in a.php on line 2"
        ),
        b"Unhandled exception:\nInvalid argument(s): no\n#0      main (file:///a.dart)",
    ],
)
def test_smart_joins_a_back_trace_and_nothing_else(trace: bytes) -> None:
    assert smart(b"before\n" + trace + b"\nafter it\n") == [
        b"before",
        trace,
        b"after it",
    ]
