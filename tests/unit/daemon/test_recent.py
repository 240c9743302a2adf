"""What the daemon remembers of what it said."""

from __future__ import annotations

from typing import ClassVar

from logferry.daemon.recent import Recent
from logferry.message.model import UnixNanos
from logferry.records import record
from logferry.telemetry.events import Event, Level


@record
class Came(Event):
    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "Somebody came"

    number: int


@record
class Switched(Event):
    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Switched"

    number: int


def test_the_latest_are_remembered_whatever_they_are():
    recent = Recent()
    for number in range(1000):
        recent.add(UnixNanos(number), Came(number))
    assert [event.number for _, event in recent] == list(range(1000))


def test_many_clients_do_not_push_a_switch_out():
    recent = Recent()
    recent.add(UnixNanos(7), Switched(1))
    for number in range(100_000):
        recent.add(UnixNanos(number), Came(number))
    found = list(recent)
    assert found[0] == (7, Switched(1))
    assert len(found) == 1 + 50 + 1000
    numbers = [event.number for _, event in found[1:]]
    assert numbers == list(range(100_000 - 1050, 100_000))


def test_the_order_is_that_of_coming_also_when_the_clock_is_set_back():
    recent = Recent()
    for number in range(1002):
        recent.add(UnixNanos(-number), Switched(number))
    assert [event.number for _, event in recent] == list(range(1002))
