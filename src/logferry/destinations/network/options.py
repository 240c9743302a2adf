"""
Options of the network destinations.

``failover()`` is the documents' own; every option that goes further
(``delivery-ack()``, ``connect-timeout()``, ``backoff()`` …) has a default that keeps
the meaning of old configurations.
"""

from __future__ import annotations

from typing import cast

from logferry.config.kinds import (
    Block,
    Enum,
    Integer,
    Port,
    Seconds,
    TextKind,
    Words,
    YesNo,
)
from logferry.config.schema import Option, Options, Scope
from logferry.config.versions import OLD_SYSLOG_PORT, SYSLOG_PORTS_DIFFER
from logferry.destinations.network.failover_options import (
    BackoffOptions,
    FailbackOptions,
    FailoverOptions,
    SpareOptions,
)
from logferry.destinations.options import WriterOptions
from logferry.runtime.socket_options import InetSocketOptions
from logferry.runtime.tls_options import TlsOptions

__all__ = [
    "BalancerDestinationOptions",
    "InetDestinationOptions",
    "NetworkDestinationOptions",
    "SyslogDestinationOptions",
    "TcpDestinationOptions",
    "UdpDestinationOptions",
]


class TestValidationOptions(Options):
    """``tls-test-validation( … )``."""

    title = "tls-test-validation"

    identity = Option(TextKind(), "", doc="The name to expect.")


class InetDestinationOptions(WriterOptions, InetSocketOptions):
    """Options of every destination with an IP address."""

    tls_test_validation = Option(
        Block(TestValidationOptions),
        None,
        doc="Part of the reference's own tests.",
        no_effect="the name is checked as peer-verify() says",
    )
    host = Option(
        TextKind("an address or a name"),
        "",
        doc="The primary server.",
        positional=True,
        required=True,
    )
    port = Option[int | str](
        Port(), -1, doc="The servers' port.", aliases=("destport",)
    )
    localip = Option(TextKind("an address"), "", doc="Connect from this address.")
    localport = Option[int | str](Port(), 0, doc="Connect from this port.")
    tls = Option(Block(TlsOptions), None, doc="Keys and certificates.")
    keep_alive = Option(YesNo(), default=True, doc="Keep the connection over a reload.")
    close_on_input = Option(
        YesNo(), default=True, doc="A server that sends something is left."
    )
    failover = Option(
        Block(FailoverOptions), None, doc="What happens when the server goes away."
    )
    backoff = Option(
        Block(BackoffOptions),
        None,
        doc="Try the next server at once when one fails, and wait only when all have "
        "failed, longer each time; without it time-reopen() passes before each try.",
    )
    failover_servers = Option(
        Words("a list of addresses or names"),
        (),
        doc="An old form of failover(servers()).",
    )
    spoof_source = Option(
        YesNo(), default=False, doc="Send with the sender's own address (UDP only)."
    )
    spoof_source_max_msglen = Option(
        Integer(minimum=1), 1024, doc="The longest message sent that way."
    )
    delivery_ack = Option(
        Enum(("kernel", "handoff")),
        "kernel",
        doc="When a record counts as delivered: when the peer's kernel acknowledged "
        "it (Linux, TCP and TLS), or when our own kernel took it.",
    )
    connect_timeout = Option(
        Seconds(minimum=0.001),
        10.0,
        doc="For name resolution, TCP connect and TLS handshake together.",
        unit="s",
    )
    delivery_timeout = Option(
        Seconds(),
        0.0,
        doc="A server that acknowledges nothing for so long while something is under "
        "way counts as dead; 0 leaves it to the kernel.",
        unit="s",
    )

    @property
    def protocol(self) -> str:
        """``tcp``, ``udp`` or ``tls``."""
        return "tcp" if self.tls is None else "tls"

    @property
    def spoofs(self) -> bool:
        """Tell whether records are sent with their senders' own addresses."""
        return self.spoof_source and self.protocol == "udp" and self.ip_protocol == 4

    @property
    def heads(self) -> tuple[str, ...]:
        """The servers that stand first: the primary, or all targets."""
        return (self.host,)

    def check(self, scope: Scope) -> None:
        """Report what cannot work together."""
        super().check(scope)
        if self.spoof_source and not self.spoofs:
            scope.diagnostics.warning(
                "spoof-source() has no effect: only UDP over IPv4 can do that",
                self.given.get("spoof_source", self.span),
                "write transport(udp)",
                rule="no-effect",
            )
        if self.protocol == "udp":
            self._check_udp(scope)
            return
        if self.protocol == "tls" and self.tls is None:
            scope.diagnostics.error(
                "transport(tls) needs a tls() block",
                self.span,
                "write tls(ca-file(…)), or tls(peer-verify(no)) to trust anybody",
            )
        failover = cast("FailoverOptions | None", self.failover)
        if failover is None:
            return
        if self.host in failover.servers:
            scope.diagnostics.warning(
                f"failover server '{self.host}' is the primary itself",
                failover.given.get("servers", self.span),
                "name another server",
                rule="failover-twice",
            )
        self._check_servers(failover, scope)
        self._check_probe(failover, scope)

    def _check_udp(self, scope: Scope) -> None:
        for name in ("failover", "failover_servers", "backoff"):
            if name in self.given:
                scope.diagnostics.error(
                    f"{name.replace('_', '-')}() is not available for UDP",
                    self.given[name],
                    "UDP has no connection, so nobody would notice that the "
                    "server is away; use transport(tcp) or transport(tls)",
                )
        if self.host.startswith(("srv:", "dns:")):
            scope.diagnostics.error(
                f"'{self.host}' is not available for UDP",
                self.given.get("host", self.span),
                "name a host; it is resolved at start",
            )
        for name in ("delivery_ack", "delivery_timeout", "connect_timeout"):
            if name in self.given:
                scope.diagnostics.warning(
                    f"{name.replace('_', '-')}() has no effect: UDP knows neither "
                    "connections nor acknowledgements",
                    self.given[name],
                    rule="no-effect",
                )

    def _check_servers(self, failover: FailoverOptions, scope: Scope) -> None:
        for server in failover.server:
            protocol = server.transport or ("tls" if server.tls else self.protocol)
            if protocol == "tls" and server.tls is None and self.tls is None:
                scope.diagnostics.error(
                    f"server '{server.host}' with transport(tls) needs a tls() block",
                    server.given.get("transport", server.span),
                    "write tls(ca-file(…)) into server() or the driver",
                )
            if protocol == "tcp" and "tls" in server.given:
                scope.diagnostics.warning(
                    "tls() has no effect with transport(tcp)",
                    server.given["tls"],
                    rule="no-effect",
                )

    def _check_probe(self, failover: FailoverOptions, scope: Scope) -> None:
        failback = cast("FailbackOptions | None", failover.failback)
        if failback is None or "probe" not in failback.given:
            return
        protocols = {self.protocol, *(item.transport for item in failover.server)}
        if protocols.isdisjoint({"tls"}) and not any(s.tls for s in failover.server):
            scope.diagnostics.warning(
                f"probe({failback.probe}) has no effect: without transport(tls) a "
                "probe is a TCP connection",
                failback.given["probe"],
                rule="no-effect",
            )


class NetworkDestinationOptions(InetDestinationOptions):
    """``network()``: legacy syslog on TCP, UDP or TLS."""

    title = "destination network"

    transport = Option(
        Enum(("tcp", "udp", "tls")), "tcp", doc="The protocol underneath."
    )

    @property
    def protocol(self) -> str:
        """``tcp``, ``udp`` or ``tls``."""
        return self.transport


class SyslogDestinationOptions(InetDestinationOptions):
    """``syslog()``: RFC 5424 with octet counting."""

    title = "destination syslog"

    transport = Option(
        Enum(("tcp", "udp", "tls")), "tcp", doc="The protocol underneath."
    )

    @property
    def protocol(self) -> str:
        """``tcp``, ``udp`` or ``tls``."""
        return self.transport

    def check(self, scope: Scope) -> None:
        """Give an older configuration the port it means."""
        super().check(scope)
        has_old_port = scope.version < SYSLOG_PORTS_DIFFER and self.protocol != "tcp"
        if has_old_port and "port" not in self.given:
            self._values["port"] = OLD_SYSLOG_PORT


class BalancerDestinationOptions(NetworkDestinationOptions):
    """``network-load-balancer()``: several targets that share one queue."""

    title = "destination network-load-balancer"

    targets = Option(
        Words("a list of addresses or names", minimum=1),
        (),
        doc="The servers over which messages are spread by load; what one cannot take "
        "goes to the others.",
        required=True,
    )
    failover = Option(
        Block(SpareOptions),
        None,
        doc="Servers that are used only while no target is connected; failover(no) is "
        "understood for compatibility.",
    )
    delivery_timeout = Option(
        Seconds(),
        30.0,
        doc="A target that acknowledges nothing for so long while something is under "
        "way counts as dead, and others get what it had; 0 leaves it to the kernel.",
        unit="s",
    )

    @property
    def host(self) -> str:  # type: ignore[override] # no option here
        """The first target."""
        return self.targets[0] if self.targets else ""

    @property
    def heads(self) -> tuple[str, ...]:
        """All targets."""
        return self.targets

    def check(self, scope: Scope) -> None:
        """Report what cannot work together."""
        if self.protocol == "udp":
            scope.diagnostics.error(
                "network-load-balancer() needs transport(tcp) or transport(tls)",
                self.given.get("transport", self.span),
                "nobody notices that a UDP server is away",
            )
            return
        super().check(scope)


class TcpDestinationOptions(InetDestinationOptions):
    """``tcp()`` and ``tcp6()``: the old names of ``network(transport(tcp))``."""

    title = "destination tcp"


class UdpDestinationOptions(InetDestinationOptions):
    """``udp()`` and ``udp6()``: the old names of ``network(transport(udp))``."""

    title = "destination udp"

    @property
    def protocol(self) -> str:
        """Return ``udp``."""
        return "udp"
