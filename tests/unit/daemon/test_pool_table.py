"""The table of ``ctl pool``."""

from __future__ import annotations

import pytest

from logferry.daemon.pool_table import duration, render_pools


def row(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "is_current": False, **more}


def test_servers_stand_in_columns_and_the_one_in_use_is_marked():
    pool = {
        "destination": "d#0",
        "state": "up",
        "reason": "EOF occurred",
        "queued": 3,
        "servers": [
            row("a", state="failed", since_s=12.34, why="EOF occurred", tier=1),
            row("bbbb", state="up", since_s=1.0, why="", tier=2) | {"is_current": True},
        ],
    }
    assert render_pools([pool]).split("\n") == [
        "d#0: up, EOF occurred; 3 queued",
        "    server  tier  state   since   why",
        "    a       1     failed  12.3 s  EOF occurred",
        "  * bbbb    2     up      1.0 s",
    ]


def test_columns_that_say_nothing_are_left_out():
    pool = {
        "destination": "d",
        "state": "up",
        "reason": "r",
        "servers": [row("a", tier=1, note="x"), row("b", tier=1, note="")],
    }
    assert render_pools([pool]).split("\n")[1:] == [
        "    server  note",
        "    a       x",
        "    b",
    ]


def test_the_wait_for_the_next_server_is_told():
    pool = {
        "destination": "d",
        "state": "waiting",
        "reason": "refused",
        "queued": 0,
        "next_try_s": 2.25,
        "servers": [row("a")],
    }
    assert render_pools([pool]).startswith(
        "d: waiting, refused; 0 queued; next server in 2.2 s"
    )


def test_the_head_says_whether_messages_arrive_and_why_they_go_where_they_go():
    pool = {
        "destination": "d",
        "state": "up",
        "reason": "Connection refused (111)",
        "current": "b",
        "queued": 3,
        "in_flight": 12,
        "delivered_ago_s": 0.25,
        "last_switch": {
            "from": "a",
            "to": "b",
            "reason": "Connection refused (111)",
            "gap_s": 0.001,
            "resent": 134,
            "ago_s": 4000.0,
        },
        "servers": [row("a", state="failed", since_s=100_000.0), row("b", state="up")],
    }
    assert render_pools([pool]).split("\n")[:4] == [
        "d: up; 3 queued, 12 under way, last delivery 0.2 s ago",
        (
            "    switched 1 h 6 min ago from a to b: Connection refused (111); "
            "134 sent again"
        ),
        "    server  state   since",
        "    a       failed  1 d 3 h",
    ]


def test_nothing_delivered_yet_is_told():
    pool = {
        "destination": "d",
        "state": "waiting",
        "reason": "refused",
        "queued": 9,
        "delivered_ago_s": None,
        "last_switch": None,
        "servers": [row("a")],
    }
    head = render_pools([pool]).split("\n")[0]
    assert head == "d: waiting, refused; 9 queued, nothing delivered yet"


def test_a_server_that_is_not_connected_is_not_marked_as_in_use():
    rows = [row("a", state="failed") | {"is_current": True}]
    pool = {"destination": "d", "state": "waiting", "reason": "x", "servers": rows}
    assert "*" not in render_pools([pool])


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1 min 0 s"), (86_399, "23 h 59 min")],
)
def test_durations_are_for_people(seconds: float, shown: str):
    assert duration(seconds) == shown


def test_without_pools_it_says_so():
    assert render_pools([]) == "No destination has servers"
