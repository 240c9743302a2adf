from __future__ import annotations

import pytest

from logferry.destinations.drain_marks import DrainMarks
from logferry.runtime.stores import MemoryState


def test_marks_outlive_their_object():
    state = MemoryState()
    marks = DrainMarks(state, "d")
    marks.add("b")
    marks.add("a")
    again = DrainMarks(state, "d")
    assert again.names == ("a", "b")
    assert "a" in again
    again.discard("a")
    again.discard("unknown")
    assert DrainMarks(state, "d").names == ("b",)
    assert DrainMarks(state, "another").names == ()


def test_nothing_is_kept_when_nothing_is_drained():
    state = MemoryState()
    marks = DrainMarks(state, "d")
    marks.add("a")
    marks.discard("a")
    assert state.get("d.drained") is None


@pytest.mark.parametrize("stored", [b"", b"{", b"\xff", b"[1, null]", b"[]"])
def test_what_somebody_else_wrote_is_no_reason_to_fail(stored: bytes):
    state = MemoryState()
    state.put("d.drained", stored)
    assert DrainMarks(state, "d").names == ()
