"""
What a network destination's options come to: endpoints, plan, names.

Everything that depends only on the configuration is worked out here, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.destinations.network.events import HandoffOnly
from logferry.policy.failover import FailoverPlan
from logferry.policy.prober import ProbePlan
from logferry.runtime import kernel_ack
from logferry.runtime.connect import Endpoint
from logferry.runtime.listeners import service_port
from logferry.runtime.tls import client_context
from logferry.runtime.tls_options import TlsOptions

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.network.options import (
        FailbackOptions,
        FailoverOptions,
        InetDestinationOptions,
    )
    from logferry.telemetry.events import EventLog

__all__ = ["Setup", "protocol_of"]

_SYSLOG_PORTS = {"tcp": 601, "udp": 514, "tls": 6514}
_NETWORK_PORT = 514


def protocol_of(spec: Spec) -> str:
    """Return ``tcp``, ``udp`` or ``tls``."""
    return cast("InetDestinationOptions", spec.options).protocol


class Setup:
    """The unchanging facts of one destination driver."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._options = cast("InetDestinationOptions", spec.options)
        self.protocol = protocol_of(spec)
        self.port = self._port()
        self.hosts = (self._options.host, *self._failover_hosts())
        self.time_reopen = f"{self._options.time_reopen:g}"
        self.local = f"AF_INET({self._options.localip or '0.0.0.0'}:0)"
        self._endpoints = self._make_endpoints()

    def _port(self) -> int:
        port = self._options.port
        if port == -1:
            is_syslog = self._spec.kind == "syslog"
            return _SYSLOG_PORTS[self.protocol] if is_syslog else _NETWORK_PORT
        return service_port(port, "udp" if self.protocol == "udp" else "tcp")

    def _failover_hosts(self) -> tuple[str, ...]:
        failover = cast("FailoverOptions | None", self._options.failover)
        if failover is not None:
            return failover.servers
        return self._options.failover_servers

    def _make_endpoints(self) -> tuple[Endpoint, ...]:
        options = self._options
        tls = cast("TlsOptions | None", options.tls)
        if self.protocol == "tls" and tls is None:
            tls = TlsOptions()
        context = client_context(tls) if self.protocol == "tls" and tls else None
        bind = None
        if options.localip or options.localport:
            bind = (options.localip, service_port(options.localport))
        return tuple(
            Endpoint(
                host,
                self.port,
                options.connect_timeout,
                options,
                options.delivery_timeout,
                bind,
                context,
                tls if context is not None else None,
            )
            for host in self.hosts
        )

    def endpoint(self, position: int) -> Endpoint:
        """Return where and how to connect to the server at ``position``."""
        return self._endpoints[position]

    def describe(self, position: int) -> str:
        """Return the server's configured name and port for log lines."""
        return f"AF_INET({self.hosts[position]}:{self.port})"

    def plan(self) -> FailoverPlan:
        """Return what the failover policy needs to know."""
        failover = cast("FailoverOptions | None", self._options.failover)
        probes = None
        if failover is not None and failover.failback is not None:
            failback = cast("FailbackOptions", failover.failback)
            probes = ProbePlan(
                failback.tcp_probe_interval, failback.successful_probes_required
            )
        return FailoverPlan(
            servers=self.hosts,
            reopen_delay_s=self._options.time_reopen,
            probes=probes,
            location=str(self._spec.span),
        )

    def is_kernel_acked(self, log: EventLog) -> bool:
        """Tell whether deliveries wait for the peer's kernel."""
        if self._options.delivery_ack != "kernel":
            return False
        if not kernel_ack.is_supported():
            log.emit(HandoffOnly(self._spec.id))
            return False
        return True
