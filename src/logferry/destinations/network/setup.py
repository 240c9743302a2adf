"""
What a network destination's options come to: entries, endpoints, plan, names.

Everything that depends only on the configuration is worked out here, once.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

from logferry.destinations.network.events import HandoffOnly
from logferry.destinations.network.members import Members
from logferry.destinations.network.roster import Endpoints, entries_of
from logferry.policy.backoff import Backoff
from logferry.policy.failover import FailoverPlan, Strategy
from logferry.policy.prober import ProbePlan
from logferry.runtime import kernel_ack
from logferry.runtime.name_service import NameService, has_route

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.network.failover_options import (
        BackoffOptions,
        FailbackOptions,
        FailoverOptions,
    )
    from logferry.destinations.network.options import InetDestinationOptions
    from logferry.destinations.network.roster import Entry
    from logferry.runtime.connect import Endpoint
    from logferry.runtime.environment import Environment
    from logferry.telemetry.events import EventLog

__all__ = ["Setup", "protocol_of"]


def protocol_of(spec: Spec) -> str:
    """Return ``tcp``, ``udp`` or ``tls``."""
    return cast("InetDestinationOptions", spec.options).protocol


class Setup:
    """The unchanging facts of one destination driver."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.id = spec.id
        self.options = self._options = cast("InetDestinationOptions", spec.options)
        self.protocol = protocol_of(spec)
        self.entries: tuple[Entry, ...] = entries_of(spec)
        self.host = self.entries[0].host
        self.port = self.entries[0].port
        self.time_reopen = f"{self._options.time_reopen:g}"
        self.local = f"AF_INET({self._options.localip or '0.0.0.0'}:0)"

    @property
    def queue_name(self) -> str:
        """The stable name of the queue: the reference's own."""
        name = self._options.persist_name
        if not name and self._spec.kind == "network-load-balancer":
            name = f"balanced,{','.join(self._options.heads)}:{self.port}"
        if not name:
            kind = "dgram" if self.protocol == "udp" else "stream"
            name = f"{kind},{self.host}:{self.port}"
        return f"afsocket_dd_qfile({name})"

    @property
    def _failover(self) -> FailoverOptions | None:
        return cast("FailoverOptions | None", self._options.failover)

    @property
    def is_remembering(self) -> bool:
        """Tell whether the server in use is kept over a restart (``remember()``)."""
        if self._spec.kind == "network-load-balancer":  # it uses all of them
            return False
        return self._failover is not None and self._failover.remember

    def endpoint(self) -> Endpoint:
        """
        Return where and how to connect to the primary.

        Raises ``TlsFailed`` when a file of ``tls()`` cannot be used.
        """
        return Endpoints(self._options, self.entries).make(self.entries[0])

    def members(self, environment: Environment) -> Members:
        """
        Return who can be connected to.

        Raises ``TlsFailed`` when a file of a ``tls()`` block cannot be used.
        """
        failover = self._failover
        return Members(
            self.entries,
            Endpoints(self._options, self.entries),
            NameService(failover.name_servers if failover is not None else ()),
            self._families,
            environment,
            owner=self._spec.id,
        )

    def _families(self) -> tuple[socket.AddressFamily, ...]:
        """
        Return the families of ``ip-protocol()``.

        Where it says nothing, those that this machine has a route to: an address that
        cannot be reached would cost a turn of the list each time.
        """
        if "ip_protocol" in self._options.given or self._spec.kind.endswith("6"):
            return (self._options.family,)
        both = (socket.AF_INET, socket.AF_INET6)
        return tuple(filter(has_route, both)) or both

    def plan(self) -> FailoverPlan:
        """Return what the failover policy needs to know."""
        plain = FailoverPlan(
            servers=tuple(entry.plan() for entry in self.entries),
            reopen_delay_s=self._options.time_reopen,
            backoff=self._backoff(),
            location=str(self._spec.span),
        )
        failover = self._failover
        if failover is None:
            return plain
        failback = cast("FailbackOptions | None", failover.failback)
        return FailoverPlan(
            plain.servers,
            plain.reopen_delay_s,
            _probes(failback) if failback is not None else None,
            returns_to_best=failback is not None and failback.to == "best",
            backoff=plain.backoff,
            hold_time_s=failback.hold_time if failback is not None else 0.0,
            hold_time_max_s=failback.hold_time_max if failback is not None else 0.0,
            strategy=Strategy(failover.strategy),
            location=plain.location,
        )

    def _backoff(self) -> Backoff | None:
        backoff = cast("BackoffOptions | None", self._options.backoff)
        if backoff is None:
            return None
        return Backoff(backoff.initial, backoff.max, backoff.multiplier, backoff.jitter)

    def is_kernel_acked(self, log: EventLog) -> bool:
        """Tell whether deliveries wait for the peer's kernel."""
        if self._options.delivery_ack != "kernel":
            return False
        if not kernel_ack.is_supported():
            log.emit(HandoffOnly(self._spec.id))
            return False
        return True


def _probes(failback: FailbackOptions) -> ProbePlan:
    return ProbePlan(
        failback.tcp_probe_interval,
        failback.successful_probes_required,
        failback.jitter,
        is_bare=failback.probe == "tcp",
    )
