"""Rows: what goes in comes out, and nothing that was changed does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logferry.errors import CorruptRecord
from logferry.queues.rows import Row, decode_ranges, encode_ranges, merge_ranges

ROW = Row(7, 3, b"key", [1, 3, 6], b"abbccc")


@given(st.lists(st.binary(max_size=20), min_size=1), st.binary(max_size=10))
def test_a_row_comes_back_as_it_was(records, key) -> None:
    ends, total = [], 0
    for record in records:
        total += len(record)
        ends.append(total)
    row = Row(5, len(records), key, ends, b"".join(records))
    again = Row.decode(row.encode())
    assert again == row
    assert again.batch().records() == records


def test_lines_need_no_ends() -> None:
    row = Row(0, 2, b"", None, b"a\nbb\n")
    assert Row.decode(row.encode()).batch().records() == [b"a\n", b"bb\n"]


@pytest.mark.parametrize(
    "change",
    [
        {0: 8},
        {1: 2},
        {2: 1},
        {3: b"kex"},
        {4: b"\x01\0\0\0\x02\0\0\0\x06\0\0\0"},
        {4: None},
        {5: b"abbccd"},
        {5: None},
        {5: "abbccc"},
        {1: "three"},
        {0: -1},
        {1: 0},
    ],
)
def test_a_changed_column_is_found(change) -> None:
    columns = list(ROW.encode())
    for index, value in change.items():
        columns[index] = value
    with pytest.raises(CorruptRecord):
        Row.decode(tuple(columns))


@pytest.mark.parametrize(
    ("gone", "parts"),
    [
        ([], [(0, [b"a", b"bb", b"ccc"])]),
        ([(0, 1)], [(1, [b"bb", b"ccc"])]),
        ([(1, 2)], [(0, [b"a"]), (2, [b"ccc"])]),
        ([(2, 3)], [(0, [b"a", b"bb"])]),
        ([(0, 3)], []),
    ],
)
def test_parts_leave_out_what_is_gone(gone, parts) -> None:
    row = Row(0, 3, b"", [1, 3, 6], b"abbccc", gone)
    assert [(start, batch.records()) for start, batch in row.parts()] == parts


def test_ranges_are_joined() -> None:
    assert merge_ranges([(5, 7), (0, 2), (2, 3), (6, 9)]) == [(0, 3), (5, 9)]


def test_ranges_come_back() -> None:
    ranges = [(0, 3), (5, 9)]
    assert decode_ranges(encode_ranges(ranges), 9) == ranges


@pytest.mark.parametrize("data", [None, b"", b"abc", b"\0" * 12, "text", 5])
def test_damaged_ranges_are_none(data) -> None:
    assert decode_ranges(data, 9) == []


def test_ranges_beyond_the_row_are_none() -> None:
    assert decode_ranges(encode_ranges([(0, 10)]), 9) == []
