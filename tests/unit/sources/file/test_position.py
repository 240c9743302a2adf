"""Offsets that follow the oldest chunk on its way."""

from __future__ import annotations

from logferry.sources.file.position import (
    Mark,
    Settlement,
    decode_marks,
    encode_marks,
)


def test_the_offset_follows_the_oldest_unsettled_chunk() -> None:
    settlement = Settlement(0)
    first, second, third = (settlement.begin(end) for end in (10, 20, 30))
    assert not settlement.settle(second)
    assert settlement.offset == 0
    assert settlement.settle(first)
    assert settlement.offset == 20
    assert not settlement.is_complete
    settlement.settle(third)
    assert settlement.offset == 30
    assert settlement.is_complete


def test_marks_survive_being_written_down() -> None:
    marks = [Mark.of(1, 2, 3, b"abc"), Mark.of(4, 5, 0, b"")]
    assert decode_marks(encode_marks(marks)) == marks


def test_what_is_no_mark_counts_as_nothing() -> None:
    for data in (None, b"", b"[]", b"\xff", b'{"version": 2, "files": []}'):
        assert decode_marks(data) == []


def test_a_mark_fits_its_file_after_the_device_got_another_number() -> None:
    mark = Mark.of(1, 2, 3, b"abcdef")
    assert mark.fits(9, 2, 6, b"abcdef")
    assert not mark.fits(1, 2, 6, b"xbcdef")
    assert not mark.fits(1, 3, 6, b"abcdef")
    assert not mark.fits(1, 2, 2, b"abcdef")
