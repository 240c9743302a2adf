"""
The ``network()``, ``syslog()``, ``tcp()`` and ``udp()`` sources: listen and accept.

The window of each connection is ``log-iw-size()`` divided by ``max-connections()``,
at least 100, or 1 with an extra window. Connections over the limit are accepted and
closed at once, so that the client learns of it.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING, cast

from logferry.errors import FramingError, TlsFailed
from logferry.message.model import Origin
from logferry.runtime.activation import activated_inet
from logferry.runtime.credentials import is_locked
from logferry.runtime.listeners import Listener, bind_inet, service_port
from logferry.runtime.resolver import Resolver
from logferry.runtime.streams import describe_address
from logferry.runtime.tasks import Tasks
from logferry.runtime.tls import TlsPipe, server_context
from logferry.sources.base import SourceKind
from logferry.sources.network import events
from logferry.sources.network.accounts import SourceAccounts
from logferry.sources.network.connection import Connection
from logferry.sources.network.connections import Connections
from logferry.sources.network.datagrams import (
    DatagramReceiver,
    ProxiedSender,
    Sender,
    Unwrap,
    bind_address,
)
from logferry.sources.network.dynamic_window import DynamicWindow
from logferry.sources.network.opening import Opening
from logferry.sources.network.options import (
    InetSourceOptions,
    NetworkSourceOptions,
    SyslogSourceOptions,
    TcpSourceOptions,
    UdpSourceOptions,
    transport_of,
    transport_word,
)
from logferry.sources.network.proxy_header import Endpoints, parse_proxy_header
from logferry.sources.options import naming_of, reception_of
from logferry.syslog.framing import make_framer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from logferry.config.nodes import Spec
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.runtime.tls_options import TlsOptions
    from logferry.sources.base import Intake, Source
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "NetworkSource"]

_SHOWN_BYTES = 60


class NetworkSource:
    """One running source with an IP address."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._spec = spec
        self._options = cast("InetSourceOptions", spec.options)
        self._transport = transport_of(spec.kind, self._options)
        self._environment = environment
        self._intake = intake
        self._tasks = Tasks(environment.log)
        self._resolver = Resolver(naming_of(self._options), environment.clock)
        self._listener: Listener | None = None
        self._receiver: DatagramReceiver | None = None
        self._context: ssl.SSLContext | None = None
        self._unacked_count = 0
        self._local = ("", 0)
        address = f"{self._options.localip or '0.0.0.0'}:{self._port}"
        self._accounts = SourceAccounts(
            environment.metrics,
            (spec.kind, spec.id),
            transport_word(spec.kind, self._options),
            address,
            connections=lambda: self._connections,
            memory=lambda: self._receiver.memory if self._receiver else None,
        )
        self._accounts.connections_max.value = self._options.max_connections
        self._connections = Connections(
            spec,
            environment,
            self._options.max_connections,
            open_count=self._accounts.connected,
            rejected=self._accounts.rejected,
        )

    @property
    def _port(self) -> int:
        options = self._options
        if options.port == -1:
            return self._transport.port
        return service_port(
            options.port, "udp" if self._transport.is_datagram else "tcp"
        )

    def inherit(self, old: Source) -> bool:
        """Take over the sockets of a source with the same address and transport."""
        if not isinstance(old, NetworkSource) or not self._has_address_of(old):
            return False
        # Before a connection is accepted for us: it must not be taken for plain.
        try:
            self._context = _context_of(self._spec, self._environment)
        except TlsFailed:
            return False  # start() says why
        self._listener, old._listener = old._listener, None
        self._receiver, old._receiver = old._receiver, None
        if self._listener is not None:
            self._listener.hand_over(
                self._options.listen_backlog, self._options, self._on_accepted
            )
        if self._receiver is not None:
            self._local = old._local
            self._receiver.hand_over(
                self._resolver,
                self._tasks,
                self._deliver_datagrams,
                self._unwrap_by(),
            )
        if self._options.keep_alive and self._has_tls_of(old):
            for connection in old._connections.hand_over():
                self._adopt(connection)
        return True

    def _has_address_of(self, old: NetworkSource) -> bool:
        ours, theirs = self._options, old._options
        return (
            (old._listener is not None or old._receiver is not None)
            and self._spec.kind == old._spec.kind
            and self._transport == old._transport
            and self._port == old._port
            and (ours.localip, ours.family) == (theirs.localip, theirs.family)
        )

    def _has_tls_of(self, old: NetworkSource) -> bool:
        """Tell whether the rules are the same, whatever the files hold by now."""
        ours = cast("TlsOptions | None", self._options.tls)
        theirs = cast("TlsOptions | None", old._options.tls)
        if ours is None or theirs is None:
            return ours is theirs
        return ours.has_values_of(theirs)

    def _adopt(self, connection: Connection) -> None:
        """Go on with a connection that another source accepted."""
        self._connections.add(connection)
        peer, local = connection.endpoints()
        connection.adopt(self._intake, self)
        self._account_for(connection, peer[0])
        self._begin(connection, peer, local)

    def on_reload(self) -> None:
        """Close the connections when they are not to be kept."""
        if not self._options.keep_alive:
            self._connections.close()

    async def start(self) -> None:
        """Listen. Raises ``TransportError`` when the address cannot be had."""
        options, loop = self._options, asyncio.get_running_loop()
        if not self._unlock():
            return
        self._accounts.open()
        if not self._transport.is_datagram:
            self._warn_of_window()
        if options.idle_timeout and not self._transport.is_datagram:
            closing = self._connections.close_idle(options.idle_timeout)
            self._tasks.start(closing, f"idle timeout of {self.id}")
        if options.dynamic_window_size and not self._transport.is_datagram:
            self._tasks.start(self._divide_window(), f"window of {self.id}")
        if self._listener is not None or self._receiver is not None:
            return  # inherited
        is_datagram = self._transport.is_datagram
        kind = socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM
        sock = activated_inet(
            options.localip, self._port, kind, options.family
        ) or bind_inet(
            options.localip,
            self._port,
            kind,
            options,
            shares_port=self._environment.worker_count > 1,
        )
        if is_datagram:
            self._local = bind_address(sock)
            self._receiver = DatagramReceiver(
                loop,
                sock,
                self._resolver,
                self._tasks,
                self._deliver_datagrams,
                self._unwrap_by(),
            )
            return
        self._listener = Listener(
            loop, sock, options.listen_backlog, options, self._on_accepted
        )

    def _unlock(self) -> bool:
        """Make the TLS context; false while its key waits for a passphrase."""
        if self._context is not None:
            return True  # made when the listener was inherited
        tls = cast("TlsOptions", self._options.tls)
        credentials = self._environment.credentials
        try:
            self._context = _context_of(self._spec, self._environment)
        except TlsFailed:
            if not is_locked(tls.key_file):
                raise
            credentials.note(tls.key_file, is_good=False)
            self._environment.log.emit(events.KeyLocked(tls.key_file, self.id))
            credentials.wait_for(tls.key_file, self._on_passphrase)
            return False
        if self._context is not None:
            credentials.note(tls.key_file, is_good=True)
        return True

    def _on_passphrase(self) -> None:
        self._tasks.start(self.start(), f"opening of {self.id}")

    @property
    def address(self) -> tuple[str, int]:
        """The address and port it listens on."""
        if self._listener is not None:
            name = cast("tuple[str, int]", self._listener.address)
            return name[0], name[1]
        return self._local

    def _on_accepted(self, sock: socket.socket, address: object) -> None:
        options = self._options
        client = describe_address(sock, address)
        local = describe_address(sock, sock.getsockname())
        if not self._connections.has_room(client, local):
            sock.close()
            return
        framer = make_framer(
            self._transport.framing,
            options.log_msg_size,
            trim=options.trim_large_messages,
            keep_empty="empty-lines" in options.flags,
        )
        pipe = None
        if self._context is not None:
            pipe = TlsPipe(self._context, server_side=True)
        opening, inner_opening = self._openings()
        connection = Connection(
            asyncio.get_running_loop(),
            sock,
            framer,
            pipe,
            intake=self._intake,
            environment=self._environment,
            owner=self,
            opening=opening,
            inner_opening=inner_opening,
        )
        self._connections.welcome(connection, client, local)
        peer = cast("tuple[str, int]", address)
        self._account_for(connection, peer[0])
        self._begin(connection, peer, sock.getsockname())

    def _account_for(self, connection: Connection, address: str) -> None:
        account = connection.account = self._accounts.client(address)
        account.connection_count += 1

    def _openings(self) -> tuple[Opening | None, Opening | None]:
        """Return what connections begin with, outside and inside TLS."""
        transport = self._transport
        is_outside = transport.proxied == "yes"
        detects_tls = transport.tls == "auto" and self._context is not None
        outer = inner = None
        if is_outside or detects_tls:
            outer = Opening(is_proxied=is_outside, detects_tls=detects_tls)
        if transport.proxied == "inside-tls":
            inner = Opening(is_proxied=True, detects_tls=False)
        return outer, inner

    def on_proxied(self, connection: Connection, endpoints: Endpoints) -> None:
        """Find the name of the client that a proxy speaks for."""
        source = (endpoints.source_ip, endpoints.source_port)
        target = (endpoints.target_ip, endpoints.target_port)
        self._name(
            source[0],
            lambda name: connection.go_on_as(self._origin(source, target, name, 6)),
        )

    def _begin(
        self, connection: Connection, peer: tuple[str, int], local: tuple[str, int]
    ) -> None:
        self._name(peer[0], partial(self._start_connection, connection, peer, local))

    def _name(self, address: str, use: Callable[[bytes], None]) -> None:
        """Call ``use`` with the name of ``address``, now or when it is known."""
        name = self._resolver.known(address)
        if name is not None:
            use(name)
            return

        async def resolve() -> None:
            use(await self._resolver.name(address))

        self._tasks.start(resolve(), f"name of {address}")

    def _start_connection(
        self,
        connection: Connection,
        peer: tuple[str, int],
        local: tuple[str, int],
        name: bytes,
    ) -> None:
        origin = self._origin(peer, local, name, 6)
        connection.start(origin, self._window())

    def _origin(
        self, peer: tuple[str, int], local: tuple[str, int], name: bytes, proto: int
    ) -> Origin:
        return Origin(
            source=self.id.encode(),
            transport=self._transport.name.encode(),
            host=name,
            peer_ip=peer[0].encode(),
            peer_port=peer[1],
            local_ip=local[0].encode(),
            local_port=local[1],
            ip_proto=proto,
        )

    def _window(self) -> int:
        options = self._options
        share = options.log_iw_size // options.max_connections
        if options.dynamic_window_size:
            return max(1, share)  # the rest comes from the extra window
        return max(options.min_iw_size_per_reader, share)

    def _warn_of_window(self) -> None:
        """Say so when ``log-iw-size()`` is not what each connection gets a share of."""
        options = self._options
        share = options.log_iw_size // options.max_connections
        if share < self._window():
            self._environment.log.emit(
                events.WindowTooSmall(
                    self.id,
                    options.log_iw_size,
                    options.max_connections,
                    share,
                    self._window(),
                )
            )

    def _unwrap_by(self) -> Unwrap | None:
        return self._unwrap if self._transport.proxied == "yes" else None

    def _unwrap(self, data: bytes, sender: Sender) -> tuple[bytes, Sender] | None:
        """Take the PROXY protocol header off a datagram; ``None`` when it is wrong."""
        try:
            header = parse_proxy_header(data)
        except FramingError:
            header = None
        if header is None or header.version == 1:  # text is for streams only
            shown = data[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
            self._environment.log.emit(
                events.InvalidProxyHeader(shown, sender[0], self._local[0])
            )
            self.on_transport_error("proxy-header", shown)
            return None
        ends = header.endpoints
        if ends is not None:
            sender = ProxiedSender(
                ends.source_ip, ends.source_port, ends.target_ip, ends.target_port
            )
        return data[header.size :], sender

    def _deliver_datagrams(
        self, frames: list[bytes], sender: Sender, name: bytes
    ) -> None:
        local = self._local
        if isinstance(sender, ProxiedSender):
            local = sender.target_ip, sender.target_port
        origin = self._origin((sender[0], sender[1]), local, name, 17)
        receipt = self._intake.frames(frames, origin, self._on_settled)
        self._accounts.client(sender[0]).count_frames(frames)
        self._unacked_count += receipt.message_count
        if self._unacked_count >= self._options.log_iw_size:
            assert self._receiver is not None
            self._receiver.pause()

    def _on_settled(self, receipt: Receipt) -> None:
        self._unacked_count -= receipt.message_count
        if self._receiver is not None and (
            self._unacked_count < self._options.log_iw_size
        ):
            self._receiver.resume()

    def on_connection_closed(self, connection: Connection) -> None:
        """Forget the connection."""
        if connection.account is not None:
            connection.account.connection_count -= 1
        self._connections.remove(connection)

    def on_transport_error(self, reason: str, detail: str) -> None:
        """Count what a client did wrong."""
        if reason == "tls-handshake":
            # OpenSSL's symbol and its text; Python tells only one of the two.
            symbol = detail.upper().replace(" ", "_")
            self._accounts.on_error(reason, tls_error=symbol, tls_error_string=detail)
        else:
            self._accounts.on_error(reason)

    def on_window_full(self) -> None:
        """Count that a connection has to wait."""
        self._accounts.window_full.add(1)

    async def _divide_window(self) -> None:
        """Share the dynamic window among busy connections."""
        options = self._options
        dynamic = DynamicWindow(
            options.dynamic_window_size, options.dynamic_window_realloc_ticks
        )
        while True:
            await asyncio.sleep(options.dynamic_window_stats_freq)
            shares = dynamic.look(tuple(self._connections))
            for connection, share in (shares or {}).items():
                connection.window = self._window() + share

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        self._connections.close()
        self._context = None  # a start reads the files anew
        if self._options.tls is not None:
            key = cast("TlsOptions", self._options.tls).key_file
            self._environment.credentials.forget_waiting(key, self._on_passphrase)
        await self._tasks.cancel()
        self._accounts.close()


def _context_of(spec: Spec, environment: Environment) -> ssl.SSLContext | None:
    """Return the TLS context, if there is TLS. Raises ``TlsFailed``."""
    options = cast("InetSourceOptions", spec.options)
    if options.tls is None or transport_of(spec.kind, options).tls == "no":
        return None
    tls = cast("TlsOptions", options.tls)
    return server_context(tls, environment.credentials.secret(tls.key_file))


def _check(spec: Spec, environment: Environment) -> None:
    """Raise ``TlsFailed`` for files that cannot be used; a locked key may wait."""
    try:
        _context_of(spec, environment)
    except TlsFailed:
        options = cast("InetSourceOptions", spec.options)
        if not is_locked(cast("TlsOptions", options.tls).key_file):
            raise


def _reception(spec: Spec) -> Reception:
    options = cast("InetSourceOptions", spec.options)
    flags = {"expect-hostname"}
    if spec.kind == "syslog":
        flags.add("syslog-protocol")
    return reception_of(options, frozenset(flags))


KINDS = {
    name: SourceKind(
        options, _reception, NetworkSource, runs_everywhere=True, check=_check
    )
    for name, options in {
        "network": NetworkSourceOptions,
        "syslog": SyslogSourceOptions,
        "tcp": TcpSourceOptions,
        "tcp6": TcpSourceOptions,
        "udp": UdpSourceOptions,
        "udp6": UdpSourceOptions,
    }.items()
}
