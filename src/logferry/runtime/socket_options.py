"""
Socket options of network drivers, and how they are put on a socket.

Names and defaults are the reference's *code* defaults: keepalive is on, after 60 s,
6 probes 10 s apart (its documentation says otherwise).
"""

from __future__ import annotations

import contextlib
import socket

from logferry.config.kinds import Integer, TextKind, YesNo
from logferry.config.schema import Option, Options

__all__ = ["InetSocketOptions", "SocketOptions", "apply_socket_options"]


class SocketOptions(Options):
    """Options that every kind of socket has."""

    so_rcvbuf = Option(
        Integer(minimum=0),
        0,
        doc="Size of the kernel's receive buffer; 0 leaves it to the system.",
        unit="bytes",
    )
    so_sndbuf = Option(
        Integer(minimum=0),
        0,
        doc="Size of the kernel's send buffer; 0 leaves it to the system.",
        unit="bytes",
    )
    so_broadcast = Option(
        YesNo(), default=False, doc="Allow sending to broadcast addresses."
    )
    so_keepalive = Option(
        YesNo(),
        default=True,
        doc="Let the kernel probe idle connections, so that a dead peer is noticed.",
        obsolete=("tcp-keep-alive", "tcp-keepalive"),
    )
    so_reuseport = Option(
        YesNo(), default=False, doc="Let several processes listen on the same port."
    )


class InetSocketOptions(SocketOptions):
    """Options of sockets that have an IP address."""

    ip_protocol = Option(
        Integer(minimum=4, maximum=6), 4, doc="Internet protocol version: 4 or 6."
    )
    ip_ttl = Option(
        Integer(minimum=0, maximum=255), 0, doc="Time to live; 0 is the system's."
    )
    ip_tos = Option(
        Integer(minimum=0, maximum=255), 0, doc="Type of service; 0 is the system's."
    )
    ip_freebind = Option(
        YesNo(), default=False, doc="Bind to an address that does not exist yet."
    )
    interface = Option(
        TextKind("an interface name"), "", doc="Use only this network interface."
    )
    tcp_keepalive_time = Option(
        Integer(minimum=0),
        60,
        doc="Idle time before the first keepalive probe; 0 is the system's.",
        unit="s",
    )
    tcp_keepalive_intvl = Option(
        Integer(minimum=0),
        10,
        doc="Time between keepalive probes; 0 is the system's.",
        unit="s",
    )
    tcp_keepalive_probes = Option(
        Integer(minimum=0),
        6,
        doc="Unanswered keepalive probes until the peer counts as dead.",
    )

    @property
    def family(self) -> socket.AddressFamily:
        """The address family that ``ip-protocol()`` names."""
        return socket.AF_INET6 if self.ip_protocol == 6 else socket.AF_INET


def apply_socket_options(sock: socket.socket, options: SocketOptions) -> None:
    """Put ``options`` on ``sock``; what the system refuses is left as it was."""
    set_option = sock.setsockopt
    if options.so_rcvbuf:
        set_option(socket.SOL_SOCKET, socket.SO_RCVBUF, options.so_rcvbuf)
    if options.so_sndbuf:
        set_option(socket.SOL_SOCKET, socket.SO_SNDBUF, options.so_sndbuf)
    if options.so_broadcast:
        set_option(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if options.so_reuseport:
        set_option(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if isinstance(options, InetSocketOptions):
        _apply_ip(sock, options)
        if sock.type == socket.SOCK_STREAM:
            _apply_tcp(sock, options)


def _apply_ip(sock: socket.socket, options: InetSocketOptions) -> None:
    if options.interface and hasattr(socket, "SO_BINDTODEVICE"):
        name = options.interface.encode() + b"\0"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
    if sock.family == socket.AF_INET6:
        if options.ip_ttl:
            sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, options.ip_ttl
            )
        return
    if options.ip_ttl:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, options.ip_ttl)
    if options.ip_tos:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, options.ip_tos)
    if options.ip_freebind:
        # Linux, ip(7): the constant has no name in the socket module.
        sock.setsockopt(socket.IPPROTO_IP, 15, 1)


def _apply_tcp(sock: socket.socket, options: InetSocketOptions) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, options.so_keepalive)
    if not options.so_keepalive:
        return
    for name, value in (
        ("TCP_KEEPIDLE", options.tcp_keepalive_time),
        ("TCP_KEEPINTVL", options.tcp_keepalive_intvl),
        ("TCP_KEEPCNT", options.tcp_keepalive_probes),
    ):
        if value and hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
