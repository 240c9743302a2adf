"""The table of ``ctl pool``."""

from __future__ import annotations

from logferry.daemon.pool_table import render_pools


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


def test_without_pools_it_says_so():
    assert render_pools([]) == "No destination has servers"
