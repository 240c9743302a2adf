"""
The ``unix-stream()`` and ``unix-dgram()`` sources: messages of this machine.

A socket file that is in the way is replaced, as in the reference; what is no socket
stays, and is an error. systemd may pass the socket instead (``runtime/activation``).
A reload that changes other options of a source leaves it socket and connections: a
program that logs by ``syslog(3)`` would not connect again before its next message, and
lose that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.errors import TransportError
from logferry.message.model import Origin
from logferry.runtime.activation import activated_unix
from logferry.runtime.file_permissions import make_folders, set_permissions
from logferry.runtime.listeners import Listener
from logferry.runtime.socket_options import apply_socket_options
from logferry.runtime.streams import describe_address, describe_os_error
from logferry.runtime.tasks import Tasks
from logferry.sources.base import SourceKind
from logferry.sources.network.connection import Connection
from logferry.sources.network.connections import Connections
from logferry.sources.options import reception_of
from logferry.sources.unix.credentials import (
    Credentials,
    CredentialValues,
    peer_credentials,
)
from logferry.sources.unix.datagrams import LocalDatagramReceiver
from logferry.sources.unix.events import OptionalSocketFailed
from logferry.sources.unix.options import (
    SystemdSyslogOptions,
    UnixDgramOptions,
    UnixSourceOptions,
    UnixStreamOptions,
)
from logferry.syslog.framing import make_framer

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake, Source
    from logferry.sources.network.proxy_header import Endpoints
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "UnixDgramSource", "UnixStreamSource", "bind_unix"]

_WINDOW_MIN = 100


def bind_unix(
    path: str, kind: socket.SocketKind, options: UnixSourceOptions
) -> socket.socket:
    """
    Return a non-blocking socket bound to ``path``.

    Raises ``TransportError``.
    """
    activated = activated_unix(path, kind)
    if activated is not None:
        return activated
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        sock.setblocking(False)
        apply_socket_options(sock, options)
        if options.create_dirs:
            make_folders(Path(path).parent, options)
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                Path(path).unlink()
        sock.bind(path)
        set_permissions(path, options)
    except OSError as error:
        sock.close()
        raise TransportError(
            f"cannot listen on {path}: {describe_os_error(error)}"
        ) from error
    return sock


def inode_of(path: str) -> int:
    """Return what tells one socket file from another with the same name, or 0."""
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0


def is_bound_to(path: str, inode: int) -> bool:
    """Tell whether the socket file is still the one that was made."""
    return inode_of(path) == inode


def renew_permissions(options: UnixSourceOptions) -> None:
    """Give an inherited socket file the owner and mode it has to have now."""
    with contextlib.suppress(OSError):  # another user's since we changed ours
        set_permissions(options.path, options)


class _LocalSource:
    """What both kinds of sockets share."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._spec = spec
        self._options = cast("UnixSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._values = CredentialValues(environment.clock)
        self._origins: dict[tuple[tuple[str, bytes], ...], Origin] = {}

    @property
    def _wants_credentials(self) -> bool:
        flags = self._options.flags
        return self._options.so_passcred and "ignore-aux-data" not in flags

    def _origin(self, credentials: Credentials | None) -> Origin:
        values = () if credentials is None else self._values.of(credentials)
        origin = self._origins.get(values)
        if origin is None:
            self._origins.clear()  # one sender at a time is the common case
            origin = self._origins[values] = Origin(
                source=self.id.encode(),
                transport=b"local+" + self._spec.kind.encode(),
                host=self._environment.host_name.encode(),
                local=True,
                values=values,
            )
        return origin

    def _may_inherit(self, old: _LocalSource) -> bool:
        """Tell whether the socket of ``old`` is the one that we are to have."""
        return (
            self._spec.kind == old._spec.kind
            and self._options.path == old._options.path
            and self._wants_credentials == old._wants_credentials
        )

    def _bind(self, kind: socket.SocketKind) -> socket.socket | None:
        """Return the socket, or nothing where it is optional."""
        path = self._options.path
        try:
            return bind_unix(path, kind, self._options)
        except TransportError as error:
            if not self._options.optional:
                raise
            self._environment.log.emit(OptionalSocketFailed(path, str(error)))
            return None


class UnixStreamSource(_LocalSource):
    """The running ``unix-stream()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        super().__init__(spec, environment, intake)
        self._stream_options = cast("UnixStreamOptions", spec.options)
        self._listener: Listener | None = None
        self._inode = 0
        self._credentials: dict[Connection, Credentials | None] = {}
        self._tasks = Tasks(environment.log)
        labels = {
            "address": self._options.path,
            "direction": "input",
            "driver": spec.kind,
            "id": spec.id,
            "transport": spec.kind,
        }
        metrics = environment.metrics
        connections_max = metrics.gauge("socket_max_connections", labels)
        connections_max.value = self._stream_options.max_connections
        self._connections = Connections(
            spec,
            environment,
            self._stream_options.max_connections,
            open_count=metrics.gauge("socket_connections", labels),
            rejected=metrics.counter("socket_rejected_connections_total", labels),
        )

    def inherit(self, old: Source) -> bool:
        """Take over the socket and the connections of a source with the same path."""
        if not isinstance(old, UnixStreamSource) or not self._may_inherit(old):
            return False
        if old._listener is None or not is_bound_to(old._options.path, old._inode):
            return False  # somebody removed it: a new one is needed
        self._listener, old._listener = old._listener, None
        self._inode = old._inode
        self._listener.hand_over(
            self._stream_options.listen_backlog, self._options, self._on_accepted
        )
        if self._options.keep_alive:
            self._credentials.update(old._credentials)
            for connection in old._connections.hand_over():
                self._connections.add(connection)
                connection.adopt(self._intake, self)
                self._begin(connection)
        return True

    def on_reload(self) -> None:
        """Close the connections when they are not to be kept."""
        if not self._options.keep_alive:
            self._connections.close()

    async def start(self) -> None:
        """Listen. Raises ``TransportError`` when the socket cannot be made."""
        sock = None
        if self._listener is not None:
            renew_permissions(self._options)
        else:
            sock = self._bind(socket.SOCK_STREAM)
        if sock is not None:
            self._inode = inode_of(self._options.path)
            self._listener = Listener(
                asyncio.get_running_loop(),
                sock,
                self._stream_options.listen_backlog,
                self._options,
                self._on_accepted,
            )
        if self._options.idle_timeout:
            closing = self._connections.close_idle(self._options.idle_timeout)
            self._tasks.start(closing, f"idle timeout of {self.id}")

    def _on_accepted(self, sock: socket.socket, address: object) -> None:
        options = self._stream_options
        client = describe_address(sock, address)
        local = describe_address(sock, options.path)
        if not self._connections.has_room(client, local):
            sock.close()
            return
        framer = make_framer(
            "line", options.log_msg_size, keep_empty="empty-lines" in options.flags
        )
        connection = Connection(
            asyncio.get_running_loop(),
            sock,
            framer,
            None,
            intake=self._intake,
            environment=self._environment,
            owner=self,
        )
        self._connections.welcome(connection, client, local)
        self._credentials[connection] = (
            peer_credentials(sock) if self._wants_credentials else None
        )
        self._begin(connection)

    def _begin(self, connection: Connection) -> None:
        """Read from ``connection`` in our name."""
        origin = self._origin(self._credentials.get(connection))
        connection.start(origin, self._window())

    def _window(self) -> int:
        options = self._stream_options
        return max(_WINDOW_MIN, options.log_iw_size // options.max_connections)

    def on_connection_closed(self, connection: Connection) -> None:
        """Forget the connection."""
        self._credentials.pop(connection, None)
        self._connections.remove(connection)

    def on_window_full(self) -> None:
        """Nothing to count: the connection says that it is suspended."""

    def on_proxied(self, connection: Connection, endpoints: Endpoints) -> None:
        """Never called: nothing stands between local programs and us."""

    def on_transport_error(self, reason: str, detail: str) -> None:
        """Count what a client did wrong; text on a local socket cannot be wrong."""
        del detail
        labels = {"driver": self._spec.kind, "id": self.id, "reason": reason}
        self._environment.metrics.counter(
            "input_transport_errors_total", labels, dynamic=True
        ).add(1)

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._connections.close()
        await self._tasks.cancel()


class UnixDgramSource(_LocalSource):
    """The running ``unix-dgram()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        super().__init__(spec, environment, intake)
        self._receiver: LocalDatagramReceiver | None = None
        self._inode = 0
        self._unsettled_count = 0

    def inherit(self, old: Source) -> bool:
        """Take over the socket of a source with the same path."""
        if not isinstance(old, UnixDgramSource) or not self._may_inherit(old):
            return False
        if old._receiver is None or not is_bound_to(old._options.path, old._inode):
            return False
        self._receiver, old._receiver = old._receiver, None
        self._inode = old._inode
        self._receiver.hand_over(self._options.log_msg_size, self._deliver)
        return True

    async def start(self) -> None:
        """Bind. Raises ``TransportError`` when the socket cannot be made."""
        if self._receiver is not None:
            renew_permissions(self._options)
            return
        sock = self._bind(socket.SOCK_DGRAM)
        if sock is None:
            return
        if self._wants_credentials:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._inode = inode_of(self._options.path)
        self._receiver = LocalDatagramReceiver(
            asyncio.get_running_loop(),
            sock,
            self._options.log_msg_size,
            self._deliver,
            wants_credentials=self._wants_credentials,
        )

    def _deliver(self, frames: list[bytes], credentials: Credentials | None) -> None:
        origin = self._origin(credentials)
        receipt = self._intake.frames(frames, origin, self._on_settled)
        self._unsettled_count += receipt.message_count
        if self._unsettled_count >= self._options.log_iw_size:
            assert self._receiver is not None
            self._receiver.pause()

    def _on_settled(self, receipt: Receipt) -> None:
        self._unsettled_count -= receipt.message_count
        if (
            self._receiver is not None
            and self._unsettled_count < self._options.log_iw_size
        ):
            self._receiver.resume()

    async def stop(self) -> None:
        """Stop reading and close the socket."""
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None


def _reception(spec: Spec) -> Reception:
    options = cast("UnixSourceOptions", spec.options)
    reception = reception_of(options, frozenset(), local=True)
    has_values = options.so_passcred and "ignore-aux-data" not in options.flags
    return replace(reception, has_sender_values=has_values)


KINDS = {
    "unix-stream": SourceKind(UnixStreamOptions, _reception, UnixStreamSource),
    "unix-dgram": SourceKind(UnixDgramOptions, _reception, UnixDgramSource),
    "systemd-syslog": SourceKind(SystemdSyslogOptions, _reception, UnixDgramSource),
}
