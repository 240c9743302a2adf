"""Names asked from a DNS server of our own."""

from __future__ import annotations

import errno
import socket

import pytest

from helpers.name_server import NameServer
from logferry.errors import ConnectFailed
from logferry.runtime import name_service
from logferry.runtime.name_service import (
    TTL_MAX_S,
    TTL_MIN_S,
    NameService,
    Service,
    numeric_family,
    split_server,
)


async def test_addresses_come_sorted_with_their_time_to_live():
    async with NameServer() as server:
        server.zone["logs.example", "A"] = (42, ["192.0.2.2", "192.0.2.1"])
        names = NameService([server.address])
        answer = await names.addresses("logs.example", socket.AF_INET)
    assert answer.addresses == ("192.0.2.1", "192.0.2.2")
    assert answer.ttl_s == 42


async def test_ip_protocol_6_asks_for_aaaa():
    async with NameServer() as server:
        server.zone["logs.example", "AAAA"] = (42, ["2001:db8::1"])
        names = NameService([server.address])
        answer = await names.addresses("logs.example", socket.AF_INET6)
    assert answer.addresses == ("2001:db8::1",)


@pytest.mark.parametrize(("ttl", "expected"), [(0, TTL_MIN_S), (999_999, TTL_MAX_S)])
async def test_time_to_live_is_bounded(ttl: int, expected: float):
    async with NameServer() as server:
        server.zone["logs.example", "A"] = (ttl, ["192.0.2.1"])
        answer = await NameService([server.address]).addresses(
            "logs.example", socket.AF_INET
        )
    assert answer.ttl_s == expected


async def test_services_come_by_priority_then_weight():
    async with NameServer() as server:
        server.zone["_s._tcp.example", "SRV"] = (
            60,
            ["20 0 1 c.example.", "10 5 2 b.example.", "10 9 3 a.example."],
        )
        answer = await NameService([server.address]).services("_s._tcp.example")
    assert answer.services == (
        Service("a.example", 3, 10, 9),
        Service("b.example", 2, 10, 5),
        Service("c.example", 1, 20, 1),
    )


async def test_root_as_only_target_means_decidedly_no_service():
    async with NameServer() as server:
        server.zone["_s._tcp.example", "SRV"] = (60, ["0 0 0 ."])
        answer = await NameService([server.address]).services("_s._tcp.example")
    assert answer.services == ()


async def test_unknown_name_is_a_failure_that_names_it():
    async with NameServer() as server:
        names = NameService([server.address])
        with pytest.raises(ConnectFailed, match=r"'gone\.example'"):
            await names.addresses("gone.example", socket.AF_INET)
        with pytest.raises(ConnectFailed, match=r"'gone\.example'"):
            await names.services("gone.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:8600", ("192.0.2.1", 8600)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:8600", ("2001:db8::1", 8600)),
    ],
)
def test_name_servers_have_an_address_and_maybe_a_port(
    text: str, expected: tuple[str, int]
):
    assert split_server(text) == expected


@pytest.mark.parametrize("text", ["dns.example", "dns.example:53", "", "1.2.3.4:x"])
def test_name_server_without_a_numeric_address_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        split_server(text)


def test_numeric_addresses_are_told_from_names():
    assert numeric_family("192.0.2.1") is socket.AF_INET
    assert numeric_family("fe80::1%eth0") is socket.AF_INET6
    assert numeric_family("logs.example") is None


def test_a_family_without_a_route_is_known(monkeypatch: pytest.MonkeyPatch):
    class Unreachable(socket.socket):
        def connect(self, address: object) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(errno.ENETUNREACH, "connect")

    monkeypatch.setattr(socket, "socket", Unreachable)
    assert name_service.has_route(socket.AF_INET)
    assert not name_service.has_route(socket.AF_INET6)
