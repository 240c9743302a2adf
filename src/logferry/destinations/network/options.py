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
from logferry.destinations.options import WriterOptions
from logferry.runtime.socket_options import InetSocketOptions
from logferry.runtime.tls_options import TlsOptions

__all__ = [
    "FailbackOptions",
    "FailoverOptions",
    "NetworkDestinationOptions",
    "SyslogDestinationOptions",
    "TcpDestinationOptions",
    "UdpDestinationOptions",
]


class FailbackOptions(Options):
    """How the primary server is given its place back."""

    title = "failback"

    tcp_probe_interval = Option(
        Seconds(minimum=0.001),
        60.0,
        doc="Time from the start of one probe of the primary to the next.",
        unit="s",
        may_be_empty=True,
    )
    successful_probes_required = Option(
        Integer(minimum=1),
        3,
        doc="Successful probes in a row after which the primary is used again.",
        may_be_empty=True,
    )


class FailoverOptions(Options):
    """Servers to go to when the primary is away."""

    title = "failover"

    servers = Option(
        Words("a list of addresses or names"),
        (),
        doc="Failover servers in the order of their use; they share the port and "
        "all options of the primary.",
        required=True,
    )
    failback = Option(
        Block(FailbackOptions),
        None,
        doc="Go back to the primary when its probes succeed; absent means no return.",
    )


class InetDestinationOptions(WriterOptions, InetSocketOptions):
    """Options of every destination with an IP address."""

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

    def check(self, scope: Scope) -> None:
        """Report what cannot work together."""
        if self.protocol == "udp":
            for name in ("failover", "failover_servers"):
                if name in self.given:
                    scope.diagnostics.error(
                        f"{name.replace('_', '-')}() is not available for UDP",
                        self.given[name],
                        "UDP has no connection, so nobody would notice that the "
                        "server is away; use transport(tcp) or transport(tls)",
                    )
        elif self.protocol == "tls" and self.tls is None:
            scope.diagnostics.error(
                "transport(tls) needs a tls() block",
                self.span,
                "write tls(ca-file(…)), or tls(peer-verify(no)) to trust anybody",
            )
        failover = cast("FailoverOptions | None", self.failover)
        if failover is not None and self.host in failover.servers:
            scope.diagnostics.warning(
                f"failover server '{self.host}' is the primary itself",
                failover.given.get("servers", self.span),
                "name another server",
                rule="failover-same-server",
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
