"""
The ``network()``, ``syslog()``, ``tcp()`` and ``udp()`` sources: listen and accept.

The window of each connection is ``log-iw-size()`` divided by ``max-connections()``,
at least 100. Connections over the limit are accepted and closed at once, so that the
client learns of it.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING, cast

from logferry.message.model import Origin
from logferry.runtime.listeners import Listener, bind_inet, service_port
from logferry.runtime.resolver import Resolver
from logferry.runtime.streams import describe_address
from logferry.runtime.tasks import Tasks
from logferry.runtime.tls import TlsPipe, server_context
from logferry.sources.base import SourceKind
from logferry.sources.network import events
from logferry.sources.network.connection import Connection
from logferry.sources.network.datagrams import DatagramReceiver, bind_address
from logferry.sources.network.options import (
    InetSourceOptions,
    NetworkSourceOptions,
    SyslogSourceOptions,
    TcpSourceOptions,
    UdpSourceOptions,
    transport_of,
)
from logferry.sources.options import naming_of, reception_of
from logferry.syslog.framing import make_framer
from logferry.telemetry.counters import Legacy

if TYPE_CHECKING:
    import ssl

    from logferry.config.nodes import Spec
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.runtime.tls_options import TlsOptions
    from logferry.sources.base import Intake
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "NetworkSource"]

_WINDOW_MIN = 100
_IDLE_CHECKS_PER_TIMEOUT = 4


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
        self._connections: set[Connection] = set()
        self._context: ssl.SSLContext | None = None
        self._unacked_count = 0
        self._count_connections()

    def _count_connections(self) -> None:
        metrics, options = self._environment.metrics, self._options
        labels = {
            "direction": "input",
            "driver": self._spec.kind,
            "id": self.id,
            "transport": self._transport.name,
            "address": options.localip or "0.0.0.0",
        }
        self._connected = metrics.gauge("socket_connections", labels)
        self._rejected = metrics.counter("socket_rejected_connections_total", labels)
        metrics.gauge("socket_max_connections", labels).value = options.max_connections
        self._processed = metrics.counter(
            "",
            legacy=Legacy(
                f"src.{self._spec.kind}", self.id, self._legacy_instance(), "processed"
            ),
        )

    def _legacy_instance(self) -> str:
        word = "udp" if self._transport.is_datagram else "tcp"
        return f"{word},{self._options.localip or '127.0.0.1'}"

    @property
    def _port(self) -> int:
        options = self._options
        if options.port == -1:
            return self._transport.port
        return service_port(
            options.port, "udp" if self._transport.is_datagram else "tcp"
        )

    async def start(self) -> None:
        """Listen. Raises ``TransportError`` when the address cannot be had."""
        options, loop = self._options, asyncio.get_running_loop()
        if options.tls is not None and self._transport.tls != "no":
            self._context = server_context(cast("TlsOptions", options.tls))
        is_datagram = self._transport.is_datagram
        sock = bind_inet(
            options.localip,
            self._port,
            socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM,
            options,
            shares_port=self._environment.worker_count > 1,
        )
        if is_datagram:
            self._local = bind_address(sock)
            self._receiver = DatagramReceiver(
                loop, sock, self._resolver, self._tasks, self._deliver_datagrams
            )
            return
        self._listener = Listener(
            loop, sock, options.listen_backlog, options, self._on_accepted
        )
        if options.idle_timeout:
            self._tasks.start(self._close_idle(), f"idle timeout of {self.id}")

    @property
    def address(self) -> tuple[str, int]:
        """The address and port it listens on."""
        if self._listener is not None:
            name = cast("tuple[str, int]", self._listener.address)
            return name[0], name[1]
        return self._local

    def _on_accepted(self, sock: socket.socket, address: object) -> None:
        options, log = self._options, self._environment.log
        client = describe_address(sock, address)
        local = describe_address(sock, sock.getsockname())
        if len(self._connections) >= options.max_connections:
            sock.close()
            self._rejected.add(1)
            log.emit(
                events.ConnectionRejected(
                    client,
                    local,
                    self.id.partition("#")[0],
                    str(self._spec.span),
                    options.max_connections,
                )
            )
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
        connection = Connection(
            asyncio.get_running_loop(),
            sock,
            framer,
            pipe,
            intake=self._intake,
            environment=self._environment,
            owner=self,
        )
        connection.client, connection.local = client, local
        self._connections.add(connection)
        self._connected.value = len(self._connections)
        log.emit(events.ConnectionAccepted(connection.descriptor, client, local))
        self._begin(connection, cast("tuple[str, int]", address), sock.getsockname())

    def _begin(
        self, connection: Connection, peer: tuple[str, int], local: tuple[str, int]
    ) -> None:
        start = partial(self._start_connection, connection, peer, local)
        name = self._resolver.known(peer[0])
        if name is not None:
            start(name)
            return

        async def resolve() -> None:
            start(await self._resolver.name(peer[0]))

        self._tasks.start(resolve(), f"name of {peer[0]}")

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
        return max(_WINDOW_MIN, options.log_iw_size // options.max_connections)

    def _deliver_datagrams(
        self, frames: list[bytes], sender: tuple[str, int], name: bytes
    ) -> None:
        origin = self._origin(sender, self._local, name, 17)
        receipt = self._intake.frames(frames, origin, self._on_settled)
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
        self._connections.discard(connection)
        self._connected.value = len(self._connections)
        self._environment.log.emit(
            events.ConnectionClosed(
                connection.descriptor, connection.client, connection.local
            )
        )

    def on_transport_error(self, reason: str, detail: str) -> None:
        """Count what a client did wrong."""
        labels = {"driver": self._spec.kind, "id": self.id, "reason": reason}
        if reason == "tls-handshake":
            labels["tls_error_string"] = detail
        self._environment.metrics.counter(
            "input_transport_errors_total", labels, dynamic=True
        ).add(1)

    async def _close_idle(self) -> None:
        timeout_s = self._options.idle_timeout
        while True:
            await asyncio.sleep(timeout_s / _IDLE_CHECKS_PER_TIMEOUT)
            oldest = self._environment.clock() - timeout_s
            for connection in tuple(self._connections):
                if connection.last_read_at < oldest:
                    connection.close()

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        for connection in tuple(self._connections):
            connection.close()
        await self._tasks.cancel()


def _reception(spec: Spec) -> Reception:
    options = cast("InetSourceOptions", spec.options)
    flags = {"expect-hostname"}
    if spec.kind == "syslog":
        flags.add("syslog-protocol")
    return reception_of(options, frozenset(flags))


KINDS = {
    name: SourceKind(options, _reception, NetworkSource, runs_everywhere=True)
    for name, options in {
        "network": NetworkSourceOptions,
        "syslog": SyslogSourceOptions,
        "tcp": TcpSourceOptions,
        "tcp6": TcpSourceOptions,
        "udp": UdpSourceOptions,
        "udp6": UdpSourceOptions,
    }.items()
}
