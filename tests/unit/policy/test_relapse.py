"""The hold time learns from relapses."""

from __future__ import annotations

from logferry.policy.relapse import RELAPSE_S, HoldTime


def relapse(hold: HoldTime, stay_s: float = 1) -> None:
    hold.on_returned(1000)
    hold.on_lost(1000 + stay_s)


def test_each_relapse_doubles_the_hold_time_up_to_the_maximum():
    hold = HoldTime(10, 35)
    seen = []
    for _ in range(3):
        relapse(hold)
        seen.append(hold.current_s)
    assert seen == [20, 35, 35]


def test_longer_stay_sets_the_hold_time_back():
    hold = HoldTime(10, 100)
    relapse(hold)
    relapse(hold, RELAPSE_S)
    assert hold.current_s == 10


def test_stay_shorter_than_the_hold_time_is_a_relapse_however_long_it_is():
    hold = HoldTime(500, 5000)
    relapse(hold, 499)
    assert hold.current_s == 1000


def test_losing_another_server_than_the_one_returned_to_is_no_relapse():
    hold = HoldTime(10, 100)
    hold.on_lost(1)
    hold.on_returned(10)
    hold.on_left()
    hold.on_lost(11)
    assert hold.current_s == 10
