"""Multi-line messages are the same however the bytes come."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logferry.syslog.multi_line import (
    GarbageRule,
    IndentedFramer,
    RecordFramer,
    RuleFramer,
    SmartRule,
    SuffixRule,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.sources.multi_line import TextFramer

_begin = re.compile(rb"^BEGIN").search
_end = re.compile(rb"END").search
_ample = 1 << 20

FRAMERS: dict[str, Callable[[int], TextFramer]] = {
    "indented": IndentedFramer,
    "garbage": lambda size: RuleFramer(GarbageRule(_begin, _end), size),
    "suffix": lambda size: RuleFramer(SuffixRule(_begin, _end), size),
    "prefix": lambda size: RuleFramer(GarbageRule(_begin, None), size),
    "smart": lambda size: RuleFramer(SmartRule(), size),
    "records": lambda size: RecordFramer(min(size, 7)),
}

_lines = st.sampled_from(
    [
        b"",
        b"BEGIN one",
        b"  indented",
        b"\ttabbed",
        b"plain text",
        b"some END rest",
        b"END",
        b"crlf\r",
        b"Traceback (most recent call last):",
        b'  File "x.py", line 1',
        b"ValueError: no",
        b"java.lang.IllegalStateException: no",
        b"\tat a.b.C(D.java:1)",
        b"Caused by: java.io.IOException",
    ]
)
_texts = st.lists(_lines, max_size=12).map(b"\n".join)


@st.composite
def chunked_texts(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Draw a text and one of its divisions."""
    text = draw(_texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *cuts, len(text)]
    pairs = zip(edges, edges[1:], strict=False)
    return text, [text[start:end] for start, end in pairs]


@pytest.mark.parametrize("name", FRAMERS)
@given(chunked_texts())
def test_messages_do_not_depend_on_chunks(
    name: str, case: tuple[bytes, list[bytes]]
) -> None:
    text, chunks = case
    whole, parts = FRAMERS[name](_ample), FRAMERS[name](_ample)
    expected = [*whole.feed(text), *whole.finish()]
    found: list[bytes] = []
    for chunk in chunks:
        found += parts.feed(chunk)  # type: ignore[arg-type] # multi-line: lists
    found += parts.finish()  # type: ignore[arg-type] # multi-line: lists
    assert found == expected


@pytest.mark.parametrize("name", FRAMERS)
@given(chunked_texts())
def test_reading_again_from_the_rest_changes_nothing(
    name: str, case: tuple[bytes, list[bytes]]
) -> None:
    """A position is the place behind the last message that was returned."""
    text, chunks = case
    whole, framer = FRAMERS[name](_ample), FRAMERS[name](_ample)
    expected = [*whole.feed(text), *whole.finish()]
    found: list[bytes] = []
    position = 0
    for chunk in chunks:
        found += framer.feed(chunk)  # type: ignore[arg-type] # multi-line: lists
        position += len(chunk)
        restart = position - len(framer.rest)
        framer = FRAMERS[name](_ample)
        found += framer.feed(text[restart:position])  # type: ignore[arg-type]
    found += framer.finish()  # type: ignore[arg-type] # multi-line: lists
    assert found == expected


@pytest.mark.parametrize("name", ["indented", "garbage", "suffix", "prefix", "smart"])
@given(chunked_texts(), st.integers(1, 30))
def test_no_message_is_longer_than_the_limit(
    name: str, case: tuple[bytes, list[bytes]], size_max: int
) -> None:
    _, chunks = case
    framer = FRAMERS[name](size_max)
    for chunk in chunks:
        assert all(0 < len(frame) <= size_max for frame in framer.feed(chunk))
        assert len(framer.rest) <= size_max
    assert all(0 < len(frame) <= size_max for frame in framer.finish())


@given(chunked_texts(), st.integers(1, 30))
def test_cutting_loses_no_text(case: tuple[bytes, list[bytes]], size_max: int) -> None:
    text, chunks = case
    framer = IndentedFramer(size_max)
    found = b""
    for chunk in chunks:
        found += b"".join(framer.feed(chunk))
    found += b"".join(framer.finish())
    line_ends = re.compile(rb"[\r\n]+")
    assert line_ends.sub(b"", found) == line_ends.sub(b"", text)
