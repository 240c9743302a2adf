"""
Addresses and services by name, with the time for which they may be kept.

``getaddrinfo`` tells no time to live and knows no service records, so DNS is asked
directly (``dnspython``). A name that DNS does not know may still be in ``/etc/hosts``:
then the system is asked, and its answer kept for ``SYSTEM_TTL_S``.

Services are RFC 2782: a name such as ``_syslog._tcp.example.com`` has records of
priority, weight, port and target; a single record whose target is the root says that
the service is decidedly not available, which is an answer without servers.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from logferry.errors import ConnectFailed
from logferry.records import record
from logferry.runtime.lookups import addresses_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.asyncresolver import Resolver

__all__ = [
    "Addresses",
    "NameAbsent",
    "NameService",
    "Service",
    "Services",
    "has_route",
    "numeric_family",
    "split_server",
]

TTL_MIN_S = 1.0
"""A record without a time to live must not be asked for in a loop."""

TTL_MAX_S = 3600.0
"""A record that lives for a week is still looked up every hour."""

SYSTEM_TTL_S = 60.0

_DNS_PORT = 53
_LIFETIME_S = 5.0  # of one question, over all name servers


class NameAbsent(ConnectFailed):
    """The name service knows for certain that there is no such record."""


@record
class Addresses:
    """Numeric addresses, and for how many seconds they hold."""

    addresses: tuple[str, ...]
    ttl_s: float


@record
class Service:
    """One record of a service."""

    host: str
    port: int
    priority: int
    weight: int


@record
class Services:
    """The records of a service by priority, and for how many seconds they hold."""

    services: tuple[Service, ...]
    ttl_s: float


class NameService:
    """
    Asks for names.

    Args:
        servers: DNS servers as ``address`` or ``address:port`` (IPv6 addresses with a
            port in brackets); none means the system's.

    """

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = tuple(servers)
        self._resolver: Resolver | None = None

    async def addresses(self, name: str, family: socket.AddressFamily) -> Addresses:
        """
        Return the addresses of ``name``.

        Raises ``NameAbsent`` when there are none, ``ConnectFailed`` when nobody
        answers.
        """
        kind = "AAAA" if family == socket.AF_INET6 else "A"
        try:
            answer = await self._ask(name, kind)
        except ConnectFailed as error:
            if self._servers:
                raise
            try:
                return await _ask_system(name, family)
            except ConnectFailed:
                raise error from None
        return Addresses(tuple(sorted(item.address for item in answer)), _ttl_s(answer))

    async def services(self, name: str) -> Services:
        """
        Return the services called ``name``.

        Raises ``NameAbsent`` when there are none, ``ConnectFailed`` when nobody
        answers.
        """
        answer = await self._ask(name, "SRV")
        found = [
            Service(
                item.target.to_text(omit_final_dot=True),
                item.port,
                item.priority,
                max(1, item.weight),
            )
            for item in answer
            if item.target.to_text() != "."
        ]
        found.sort(key=lambda item: (item.priority, -item.weight, item.host, item.port))
        return Services(tuple(found), _ttl_s(answer))

    async def _ask(self, name: str, kind: str) -> Any:
        from dns.exception import DNSException  # late: most never need it
        from dns.resolver import NXDOMAIN, NoAnswer

        try:
            if self._resolver is None:
                self._resolver = _make_resolver(self._servers)
            return await self._resolver.resolve(
                name, kind, lifetime=_LIFETIME_S, search=True
            )
        except (DNSException, OSError) as error:
            is_certain = isinstance(error, (NXDOMAIN, NoAnswer))
            failure = NameAbsent if is_certain else ConnectFailed
            raise failure(f"cannot resolve '{name}' ({kind}): {error}") from error


def _make_resolver(servers: Sequence[str]) -> Resolver:
    from dns.asyncresolver import Resolver
    from dns.nameserver import Do53Nameserver

    resolver = Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [
            Do53Nameserver(address, port)
            for address, port in map(split_server, servers)
        ]
    return resolver


def split_server(text: str) -> tuple[str, int]:
    """Return address and port of a name server; raises ``ValueError``."""
    if numeric_family(text) is not None:
        return text, _DNS_PORT
    address, _, port = text.rpartition(":")
    address = address.strip("[]")
    if numeric_family(address) is None:
        raise ValueError(f"'{text}' is no address")
    return address, int(port)


def _ttl_s(answer: Any) -> float:
    return min(max(float(answer.rrset.ttl), TTL_MIN_S), TTL_MAX_S)


async def _ask_system(name: str, family: socket.AddressFamily) -> Addresses:
    try:
        found = await addresses_of(name, 0, family)
    except OSError as error:
        raise ConnectFailed(f"cannot resolve '{name}': {error}") from error
    addresses = {str(address[0]) for _, address in found}
    return Addresses(tuple(sorted(addresses)), SYSTEM_TTL_S)


def has_route(family: socket.AddressFamily) -> bool:
    """Tell whether this machine has a way to addresses of ``family`` beyond itself."""
    far_away = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((far_away, _DNS_PORT))  # UDP: nothing is sent
    except OSError:
        return False
    return True


def numeric_family(text: str) -> socket.AddressFamily | None:
    """Return the family of a numeric address, ``None`` for a name."""
    try:
        version = ipaddress.ip_address(text.partition("%")[0]).version
    except ValueError:
        return None
    return socket.AF_INET6 if version == 6 else socket.AF_INET
