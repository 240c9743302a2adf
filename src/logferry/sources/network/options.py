"""
Options of the network sources, and what each ``transport()`` stands for.

Ports are the reference's: 514 for ``network()``, ``tcp()`` and ``udp()`` whatever the
transport; ``syslog()`` has 601 for TCP, 514 for UDP and 6514 for TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from logferry.config.kinds import Block, Enum, Integer, Port, Seconds, TextKind, YesNo
from logferry.config.schema import FromGlobal, Option, Options, Scope
from logferry.config.versions import OLD_SYSLOG_PORT, SYSLOG_PORTS_DIFFER
from logferry.runtime.socket_options import InetSocketOptions
from logferry.runtime.tls_options import TlsOptions
from logferry.sources.options import ReaderOptions

__all__ = [
    "NetworkSourceOptions",
    "SyslogSourceOptions",
    "TcpSourceOptions",
    "Transport",
    "UdpSourceOptions",
    "transport_of",
    "transport_word",
]

_TRANSPORTS = (
    "tcp",
    "udp",
    "tls",
    "auto",
    "text-with-nuls",
    "nul-terminated",
    "proxied-tcp",
    "proxied-tls",
    "proxied-tls-passthrough",
    "proxied-udp",
)


class ReuseportOptions(Options):
    """``ebpf(reuseport( … ))``."""

    title = "reuseport"

    sockets = Option(Integer(minimum=1), 1, doc="How many sockets share the port.")


class EbpfOptions(Options):
    """``ebpf( … )``: a program for the kernel."""

    title = "ebpf"

    reuseport = Option(Block(ReuseportOptions), None, doc="Datagrams at random.")


class InetSourceOptions(ReaderOptions, InetSocketOptions):
    """Options of every source that listens on an IP address."""

    localip = Option(
        TextKind("an address"), "", doc="Listen on this address.", aliases=("ip",)
    )
    port = Option[int | str](
        Port(),
        -1,
        doc="Listen on this port; 0 lets the kernel choose.",
        aliases=("localport", "destport"),
    )
    tls = Option(Block(TlsOptions), None, doc="Keys and certificates.")
    max_connections = Option(
        Integer(minimum=1), 10, doc="Connections at a time; more are closed at once."
    )
    listen_backlog = Option(
        Integer(minimum=1), 255, doc="Connections that wait to be accepted."
    )
    keep_alive = Option(YesNo(), default=True, doc="Keep connections over a reload.")
    log_iw_size = Option(
        Integer(minimum=1),
        1000,
        doc="How many messages of all connections together may be unacknowledged; "
        "divided by max-connections(), at least min-iw-size-per-reader() each.",
        unit="messages",
    )
    min_iw_size_per_reader = Option(
        Integer(minimum=1),
        FromGlobal("min_iw_size_per_reader"),
        doc="The least window of a connection.",
        unit="messages",
    )
    dynamic_window_size = Option(
        Integer(minimum=0),
        0,
        doc="An extra window that busy connections share.",
        unit="messages",
    )
    dynamic_window_stats_freq = Option(
        Seconds(), 1.0, doc="How often connections are looked at.", unit="s"
    )
    dynamic_window_realloc_ticks = Option(
        Integer(minimum=0), 5, doc="Looks between two new divisions of the window."
    )
    ebpf = Option(
        Block(EbpfOptions),
        None,
        doc="How the kernel spreads datagrams over sockets.",
        no_effect="it spreads them by sender; use so-reuseport(yes) and --processes",
    )


class NetworkSourceOptions(InetSourceOptions):
    """``network()``: legacy syslog on TCP, UDP or TLS."""

    title = "source network"

    transport = Option(Enum(_TRANSPORTS), "tcp", doc="The protocol underneath.")


class SyslogSourceOptions(InetSourceOptions):
    """``syslog()``: RFC 5424 with octet counting."""

    title = "source syslog"

    transport = Option(Enum(_TRANSPORTS), "tcp", doc="The protocol underneath.")

    def check(self, scope: Scope) -> None:
        """Give an older configuration the port it means."""
        super().check(scope)
        has_old_port = scope.version < SYSLOG_PORTS_DIFFER and self.transport in {
            "udp",
            "tls",
        }
        if has_old_port and "port" not in self.given:
            self._values["port"] = OLD_SYSLOG_PORT


class TcpSourceOptions(InetSourceOptions):
    """``tcp()`` and ``tcp6()``: the old names of ``network(transport(tcp))``."""

    title = "source tcp"


class UdpSourceOptions(InetSourceOptions):
    """``udp()`` and ``udp6()``: the old names of ``network(transport(udp))``."""

    title = "source udp"


@dataclass(frozen=True, slots=True)
class Transport:
    """
    What a ``transport()`` means.

    Attributes:
        framing: ``line``, ``line-with-nuls``, ``nul``, ``octet-count``, ``auto`` or
            ``datagram``.
        name: the value of ``$TRANSPORT``.
        tls: ``no``, ``yes`` or ``auto`` (told by the first byte).
        proxied: a PROXY protocol header comes first; with ``inside-tls`` it comes
            after the handshake.

    """

    framing: str
    name: str
    port: int
    tls: str = "no"
    proxied: str = "no"

    @property
    def is_datagram(self) -> bool:
        """Tell whether it is UDP."""
        return self.framing == "datagram"


def transport_word(kind: str, options: InetSourceOptions) -> str:
    """Return the name of the transport as ``transport()`` has it."""
    if kind in {"tcp", "tcp6"}:
        return "tls" if options.tls is not None else "tcp"
    if kind in {"udp", "udp6"}:
        return "udp"
    assert isinstance(options, NetworkSourceOptions | SyslogSourceOptions)
    return options.transport


def transport_of(kind: str, options: InetSourceOptions) -> Transport:
    """Return what driver ``kind`` with its ``transport()`` stands for."""
    word = transport_word(kind, options)
    if kind == "syslog":
        return _SYSLOG[word]
    return _NETWORK[word]


_NETWORK = {
    "tcp": Transport("line", "bsdsyslog+tcp", 514),
    "tls": Transport("line", "bsdsyslog+tls", 514, tls="yes"),
    "udp": Transport("datagram", "bsdsyslog+udp", 514),
    "auto": Transport("auto", "bsdsyslog+auto", 514, tls="auto"),
    "text-with-nuls": Transport("line-with-nuls", "bsdsyslog+text-with-nuls", 514),
    "nul-terminated": Transport("nul", "bsdsyslog+nul-terminated", 514),
    "proxied-tcp": Transport("line", "bsdsyslog+proxied-tcp", 514, proxied="yes"),
    "proxied-tls": Transport(
        "line", "bsdsyslog+proxied-tls", 514, tls="yes", proxied="inside-tls"
    ),
    "proxied-tls-passthrough": Transport(
        "line",
        "bsdsyslog+proxied-tls-passthrough",
        514,
        tls="yes",
        proxied="yes",
    ),
    "proxied-udp": Transport("datagram", "bsdsyslog+proxied-udp", 514, proxied="yes"),
}
_SYSLOG = {
    "tcp": Transport("octet-count", "rfc6587", 601),
    "tls": Transport("octet-count", "rfc5425", 6514, tls="yes"),
    "udp": Transport("datagram", "rfc5426", 514),
    "auto": Transport("auto", "rfc5424+auto", 601, tls="auto"),
    "text-with-nuls": Transport("line-with-nuls", "rfc5424+text-with-nuls", 601),
    "nul-terminated": Transport("nul", "rfc5424+nul-terminated", 601),
    "proxied-tcp": Transport("octet-count", "rfc6587", 601, proxied="yes"),
    "proxied-tls": Transport(
        "octet-count", "rfc5425", 6514, tls="yes", proxied="inside-tls"
    ),
    "proxied-tls-passthrough": Transport(
        "octet-count", "rfc5425", 6514, tls="yes", proxied="yes"
    ),
    "proxied-udp": Transport("datagram", "rfc5426", 514, proxied="yes"),
}
