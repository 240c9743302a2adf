"""Records in batches: where a line ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logferry.message.batch import RecordBatch, end_of_line


@given(st.lists(st.integers(0, 60) | st.integers(0, 3000), min_size=1), st.data())
def test_the_end_of_a_line_is_found_whatever_the_lengths(
    lengths: list[int], data: st.DataObject
):
    lines = [b"x" * length + b"\n" for length in lengths]
    number = data.draw(st.integers(1, len(lines)))
    found = end_of_line(b"".join(lines), number, len(lines))
    assert found == sum(map(len, lines[:number]))


def test_a_guess_that_is_far_off_is_no_error():
    lines = [b"\n"] * 500 + [b"x" * 5000 + b"\n"] * 500
    for number in (1, 499, 500, 501, 999, 1000):
        found = end_of_line(b"".join(lines), number, len(lines))
        assert found == sum(map(len, lines[:number]))


def test_a_batch_of_lines_is_split_where_a_line_ends():
    batch = RecordBatch(b"one\ntwo\nthree\n", 3)
    head, tail = batch.split(2)
    assert (head.data, head.count) == (b"one\ntwo\n", 2)
    assert (tail.data, tail.count) == (b"three\n", 1)
