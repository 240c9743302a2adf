"""
The servers of one destination as configured: who, where, how to connect.

An :class:`Entry` is one server of the list, or a name that stands for several:
``srv:NAME`` for the servers of a service record, ``dns:NAME`` for every address of a
name. What these stand for at present is the business of ``members.py``.

Entries have names, by which servers are shown, drained and remembered: ``persist()``,
else the host, with its port where another entry has the same host.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field, replace
from typing import TYPE_CHECKING, cast

from logferry.policy.failover import ServerPlan
from logferry.records import record
from logferry.runtime.connect import Endpoint
from logferry.runtime.listeners import service_port
from logferry.runtime.tls import client_context
from logferry.runtime.tls_options import TlsOptions

if TYPE_CHECKING:
    import ssl

    from logferry.config.nodes import Spec
    from logferry.destinations.network.failover_options import (
        FailoverOptions,
        ServerOptions,
    )
    from logferry.destinations.network.options import InetDestinationOptions

__all__ = ["Endpoints", "Entry", "Member", "entries_of"]

_SERVICE_PREFIX = "srv:"
_ADDRESSES_PREFIX = "dns:"

_SYSLOG_PORTS = {"tcp": 601, "udp": 514, "tls": 6514}
_NETWORK_PORT = 514


@record
class Member:
    """A server that can be connected to: for the policy, and for the driver."""

    plan: ServerPlan
    endpoint: Endpoint


@record
class Entry:
    """
    One server of the configured list.

    Attributes:
        name: see the module.
        host: address or name, with its prefix.
        port: where it listens; service records know better.
        protocol: ``tcp``, ``udp`` or ``tls``.
        tier: see ``ServerPlan``.
        weight: see ``ServerPlan``.
        tls: the block that holds for it.

    """

    name: str
    host: str
    port: int
    protocol: str
    tier: int = 1
    weight: int = 1
    tls: TlsOptions | None = field(default=None, hash=False)

    @property
    def is_service(self) -> bool:
        """It stands for the servers of a service record."""
        return self.host.startswith(_SERVICE_PREFIX)

    @property
    def is_live(self) -> bool:
        """What it stands for may change while we run."""
        return self.is_service or self.host.startswith(_ADDRESSES_PREFIX)

    @property
    def query(self) -> str:
        """The host without its prefix."""
        return self.host.partition(":")[2] if self.is_live else self.host

    def plan(self) -> ServerPlan:
        """Return what the policy knows of it as it stands in the configuration."""
        return ServerPlan(self.name, self.tier, self.weight)


def entries_of(spec: Spec) -> tuple[Entry, ...]:
    """Return the servers of a destination, the primary first."""
    options = cast("InetDestinationOptions", spec.options)
    failover = cast("FailoverOptions | None", options.failover)
    names = options.failover_servers if failover is None else failover.servers
    port = _default_port(spec, options.protocol)
    common = Entry("", "", port, options.protocol, tls=_tls_of(options))
    heads = [replace(common, host=host) for host in options.heads]
    others = [replace(common, host=host) for host in names]
    for server in failover.server if failover is not None else ():
        entry = _entry_of(spec, common, server)
        if server.host in options.heads and entry.port == port:
            heads[options.heads.index(server.host)] = entry
        else:
            others.append(entry)
    entries = [*heads, *others]
    ports = Counter(host for host, _ in {(item.host, item.port) for item in entries})
    return tuple(
        item if item.name else replace(item, name=_name(item, ports[item.host]))
        for item in entries
    )


def _name(entry: Entry, port_count: int) -> str:
    return entry.host if port_count == 1 else f"{entry.host}:{entry.port}"


def _tls_of(options: InetDestinationOptions) -> TlsOptions | None:
    tls = cast("TlsOptions | None", options.tls)
    return tls or (TlsOptions() if options.protocol == "tls" else None)


def _entry_of(spec: Spec, common: Entry, server: ServerOptions) -> Entry:
    own_tls = cast("TlsOptions | None", server.tls)
    protocol = server.transport or ("tls" if own_tls else common.protocol)
    if server.port != -1:
        port = service_port(server.port)
    elif protocol == common.protocol:
        port = common.port
    else:
        port = _default_port(spec, protocol)
    return Entry(
        server.persist,
        server.host,
        port,
        protocol,
        server.tier,
        server.weight,
        own_tls or common.tls,
    )


def _default_port(spec: Spec, protocol: str) -> int:
    """Return the driver's ``port()``, or what its kind and ``protocol`` imply."""
    port = cast("InetDestinationOptions", spec.options).port
    if port == -1:
        return _SYSLOG_PORTS[protocol] if spec.kind == "syslog" else _NETWORK_PORT
    return service_port(port, "udp" if protocol == "udp" else "tcp")


class Endpoints:
    """
    Makes endpoints; each ``tls()`` block is read once.

    Raises ``TlsFailed`` when a file of a block cannot be used.
    """

    def __init__(
        self, options: InetDestinationOptions, entries: tuple[Entry, ...]
    ) -> None:
        self._options = options
        self._bind = None
        if options.localip or options.localport:
            self._bind = (options.localip, service_port(options.localport))
        self._contexts: dict[int, ssl.SSLContext] = {}
        for entry in entries:
            self._context(entry)

    def _context(self, entry: Entry) -> ssl.SSLContext | None:
        if entry.protocol != "tls":
            return None
        assert entry.tls is not None
        key = id(entry.tls)  # the entries keep the block alive
        if key not in self._contexts:
            self._contexts[key] = client_context(entry.tls)
        return self._contexts[key]

    def make(
        self, entry: Entry, host: str = "", port: int = 0, address: str = ""
    ) -> Endpoint:
        """Return how to connect to ``entry``, or to a member of it."""
        options = self._options
        context = self._context(entry)
        return Endpoint(
            host or entry.query,
            port or entry.port,
            options.connect_timeout,
            options,
            options.delivery_timeout,
            self._bind,
            context,
            entry.tls if context is not None else None,
            address,
        )
