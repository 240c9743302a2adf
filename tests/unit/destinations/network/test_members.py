"""Members: names that are looked up, kept, and looked up again."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry
from logferry.destinations.network.members import RETRY_S, Members
from logferry.destinations.network.roster import Endpoints, entries_of
from logferry.errors import ConnectFailed
from logferry.policy.failover import ServerPlan
from logferry.runtime.environment import Environment
from logferry.runtime.name_service import Addresses, NameAbsent, Service, Services
from logferry.telemetry.events import Event


class Names:
    """A name service of paper."""

    def __init__(self) -> None:
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.records: tuple[Service, ...] = ()
        self.ttl_s = 30.0
        self.asked: list[str] = []
        self.silent: set[socket.AddressFamily] = set()

    async def addresses(self, name: str, family: socket.AddressFamily) -> Addresses:
        if family == socket.AF_INET:
            self.asked.append(name)
        if family in self.silent:
            raise ConnectFailed(f"nobody answers about '{name}'")
        found = [
            address
            for address in self.hosts.get(name, ())
            if (":" in address) == (family == socket.AF_INET6)
        ]
        if not found:
            raise NameAbsent(f"cannot resolve '{name}'")
        return Addresses(tuple(found), self.ttl_s)

    async def services(self, name: str) -> Services:
        self.asked.append(name)
        if not self.records:
            raise ConnectFailed(f"cannot resolve '{name}'")
        return Services(self.records, self.ttl_s)


class Stage:
    def __init__(self, driver: str) -> None:
        text = (
            f"@version: 4.27\ndestination d {{ {driver}; }};\n"
            "log { destination(d); };\n"
        )
        configuration, _ = load_configuration(
            Path("c.conf"), default_registry(), {}, text
        )
        spec = configuration.destinations["d"].drivers[0]
        self.now = 100.0
        self.events: list[Event] = []
        self.names = Names()
        environment = Environment(clock=lambda: self.now, log=self)  # type: ignore[arg-type,return-value]
        entries = entries_of(spec)
        self.members = Members(
            entries,
            Endpoints(spec.options, entries),  # type: ignore[arg-type]
            self.names,  # type: ignore[arg-type]
            lambda: (socket.AF_INET, socket.AF_INET6),
            environment,
            owner="d#0",
        )

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def said(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def shown(self) -> list[str]:
        return [plan.name for plan in self.members.plans()]


async def test_plain_hosts_are_members_as_they_are_and_never_looked_up():
    stage = Stage('network("a" port(5) failover(servers("b")))')
    assert not stage.members.is_live
    await stage.members.look_up()
    assert stage.names.asked == []
    assert stage.members.plans() == (ServerPlan("a"), ServerPlan("b"))
    endpoint = stage.members.endpoint("b")
    assert (endpoint.host, endpoint.port, endpoint.address) == ("b", 5, "")


async def test_every_address_is_a_member_checked_against_the_name():
    stage = Stage('network("dns:logs" port(5) failover(servers("b")))')
    stage.names.hosts["logs"] = ("192.0.2.1", "192.0.2.2")
    await stage.members.look_up()
    assert stage.shown() == ["logs@192.0.2.1", "logs@192.0.2.2", "b"]
    endpoint = stage.members.endpoint("logs@192.0.2.2")
    assert (endpoint.host, endpoint.port, endpoint.address) == ("logs", 5, "192.0.2.2")


async def test_addresses_of_both_families_are_members():
    stage = Stage('network("dns:logs" port(5))')
    stage.names.hosts["logs"] = ("2001:db8::1", "192.0.2.1")
    await stage.members.look_up()
    assert stage.shown() == ["logs@192.0.2.1", "logs@2001:db8::1"]


async def test_a_family_that_nobody_knows_anything_about_keeps_its_members():
    stage = Stage('network("dns:logs" port(5))')
    stage.names.hosts["logs"] = ("2001:db8::1", "192.0.2.1")
    await stage.members.look_up()
    stage.names.silent = {socket.AF_INET}
    stage.names.hosts["logs"] = ("2001:db8::2",)
    stage.now += 31
    await stage.members.look_up()
    assert stage.shown() == ["logs@192.0.2.1", "logs@2001:db8::2"]
    stage.names.silent = set()
    stage.now += 31
    await stage.members.look_up()
    assert stage.shown() == ["logs@2001:db8::2"]  # now it is known that it is gone


async def test_services_bring_port_weight_and_priority():
    stage = Stage('network("srv:_s._tcp.x" port(5))')
    stage.names.records = (Service("one", 10, 1, 7), Service("two", 20, 2, 3))
    stage.names.hosts = {"one": ("192.0.2.1",), "two": ("192.0.2.2",)}
    await stage.members.look_up()
    assert stage.members.plans() == (
        ServerPlan("one:10@192.0.2.1", 1, 7, 1),
        ServerPlan("two:20@192.0.2.2", 1, 3, 2),
    )
    assert stage.members.endpoint("two:20@192.0.2.2").port == 20


async def test_service_with_one_host_nobody_knows_has_the_others():
    stage = Stage('network("srv:_s._tcp.x")')
    stage.names.records = (Service("one", 10, 1, 1), Service("two", 20, 2, 1))
    stage.names.hosts = {"two": ("192.0.2.2",)}
    await stage.members.look_up()
    assert stage.shown() == ["two:20@192.0.2.2"]


async def test_before_the_first_answer_an_entry_is_a_member_that_says_why_it_fails():
    stage = Stage('network("dns:logs" failover(servers("b")))')
    assert stage.shown() == ["dns:logs", "b"]
    with pytest.raises(ConnectFailed, match="not looked up yet"):
        stage.members.endpoint("dns:logs")
    await stage.members.look_up()
    with pytest.raises(ConnectFailed, match="cannot resolve 'logs'"):
        stage.members.endpoint("dns:logs")
    assert stage.said() == ["NameUnresolved"]


async def test_names_are_looked_up_again_when_their_time_to_live_is_over():
    stage = Stage('network("dns:logs")')
    stage.names.hosts["logs"] = ("192.0.2.1",)
    await stage.members.look_up()
    stage.now += 29
    await stage.members.look_up()
    assert len(stage.names.asked) == 1
    stage.names.hosts["logs"] = ("192.0.2.9",)
    stage.now += 1
    await stage.members.look_up()
    assert stage.shown() == ["logs@192.0.2.9"]
    assert stage.said() == ["MembersChanged", "MembersChanged"]
    with pytest.raises(ConnectFailed, match="no member any more"):
        stage.members.endpoint("logs@192.0.2.1")


async def test_same_answer_is_no_news():
    stage = Stage('network("dns:logs")')
    stage.names.hosts["logs"] = ("192.0.2.1",)
    for _ in range(3):
        await stage.members.look_up()
        stage.now += 30
    assert stage.said() == ["MembersChanged"]


async def test_last_answer_is_kept_while_nobody_can_answer_and_asked_for_soon():
    stage = Stage('network("dns:logs")')
    stage.names.hosts["logs"] = ("192.0.2.1",)
    await stage.members.look_up()
    stage.names.hosts.clear()
    stage.now += 30
    await stage.members.look_up()
    assert stage.shown() == ["logs@192.0.2.1"]
    assert stage.members.endpoint("logs@192.0.2.1").address == "192.0.2.1"
    asked_count = len(stage.names.asked)
    stage.now += RETRY_S
    await stage.members.look_up()
    assert len(stage.names.asked) == asked_count + 1
