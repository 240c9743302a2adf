"""Who gets the extra window."""

from __future__ import annotations

from dataclasses import dataclass

from logferry.sources.network.dynamic_window import DynamicWindow


@dataclass(eq=False)
class Client:
    unacked_count: int
    window: int = 100


def test_busy_connections_share_the_extra_window() -> None:
    idle, busy, busier = Client(0), Client(100), Client(150)
    assert DynamicWindow(1000, 1).look([idle, busy, busier]) == {
        idle: 0,
        busy: 500,
        busier: 500,
    }


def test_all_share_it_when_none_is_busy() -> None:
    first, second = Client(0), Client(1)
    assert DynamicWindow(1000, 1).look([first, second]) == {first: 500, second: 500}


def test_it_is_divided_every_so_many_looks_and_remembers_them() -> None:
    window = DynamicWindow(90, 3)
    client, other = Client(100), Client(0)
    assert window.look([client, other]) is None
    client.unacked_count = 0
    assert window.look([client, other]) is None
    assert window.look([client, other]) == {client: 90, other: 0}


def test_nobody_shares_nothing() -> None:
    assert DynamicWindow(90, 1).look([]) == {}
