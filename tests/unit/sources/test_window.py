"""A hard window waits; a soft one only while something moves."""

from __future__ import annotations

from logferry.sources.window import PATIENCE_S, Window


class Site:
    """A window and its clock."""

    def __init__(self, *, is_hard: bool) -> None:
        self.now_s = 10.0
        self.window = Window(100, lambda: is_hard, lambda: self.now_s)


def test_a_full_hard_window_never_opens_by_itself() -> None:
    site = Site(is_hard=True)
    site.window.take(100)
    site.now_s += 1000
    assert not site.window.has_room
    site.window.give_back(1, is_progress=True)
    assert site.window.has_room


def test_a_full_soft_window_opens_when_nothing_moved_for_a_while() -> None:
    site = Site(is_hard=False)
    site.window.take(100)
    assert not site.window.has_room
    site.now_s += PATIENCE_S
    assert site.window.has_room


def test_progress_makes_a_soft_window_patient_again() -> None:
    site = Site(is_hard=False)
    site.window.take(150)
    site.now_s += PATIENCE_S
    site.window.give_back(10, is_progress=True)
    assert not site.window.has_room


def test_what_a_full_queue_drops_is_no_progress() -> None:
    site = Site(is_hard=False)
    site.window.take(150)
    site.now_s += PATIENCE_S
    site.window.give_back(10, is_progress=False)
    assert site.window.has_room
