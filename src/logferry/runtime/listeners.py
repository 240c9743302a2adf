"""
Listening sockets: bind, accept, hand over.

Accepting is done from the event loop's reader callback, several at a time, so that a
flood of connections does not cost a wake-up each. A listener can be taken over by a
new owner (reload), so that no connection is refused meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from logferry.errors import TransportError
from logferry.runtime.socket_options import InetSocketOptions, apply_socket_options
from logferry.runtime.streams import describe_os_error

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from logferry.runtime.socket_options import SocketOptions

__all__ = ["Listener", "bind_inet", "service_port"]

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""accept(2): this process or the system has no room for a connection."""

_PAUSE_S = 0.25

_ACCEPTS_PER_TURN = 64
"""Connections accepted before other work of the event loop has its turn."""


def service_port(port: int | str, protocol: str = "tcp") -> int:
    """Return a port number; raises ``TransportError`` for an unknown service."""
    if isinstance(port, int):
        return port
    try:
        return socket.getservbyname(port, protocol)
    except OSError as error:
        raise TransportError(f"unknown service '{port}'") from error


def bind_inet(
    address: str,
    port: int,
    kind: socket.SocketKind,
    options: InetSocketOptions,
    *,
    shares_port: bool = False,
) -> socket.socket:
    """
    Return a non-blocking socket bound to ``address`` and ``port``.

    An empty address is every address. With ``shares_port`` other worker processes
    bind the same port, and the kernel spreads what comes. Raises ``TransportError``.
    """
    family = options.family
    host = address or ("::" if family == socket.AF_INET6 else "0.0.0.0")
    sock = None
    try:
        resolved = socket.getaddrinfo(host, port, family, kind, 0, socket.AI_PASSIVE)
        sock = socket.socket(family, kind)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        apply_socket_options(sock, options)
        if shares_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(resolved[0][4])
    except OSError as error:
        if sock is not None:
            sock.close()
        raise TransportError(
            f"cannot listen on {host} port {port}: {describe_os_error(error)}"
        ) from error
    return sock


class Listener:
    """
    Accepts connections on a bound stream socket.

    Args:
        loop: the event loop.
        sock: bound, not yet listening.
        backlog: connections that wait in the kernel.
        options: put on every accepted socket.
        on_accepted: takes each connection with the peer's address.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        backlog: int,
        options: SocketOptions,
        on_accepted: Callable[[socket.socket, object], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._options = options
        self._on_accepted = on_accepted
        self._resuming: asyncio.TimerHandle | None = None
        sock.listen(backlog)
        loop.add_reader(sock, self._on_readable)

    @property
    def address(self) -> object:
        """The address that the socket is bound to, in the form of its family."""
        return self._sock.getsockname()

    def hand_over(
        self,
        backlog: int,
        options: SocketOptions,
        on_accepted: Callable[[socket.socket, object], None],
    ) -> None:
        """Accept for another owner from now on; nobody is refused meanwhile."""
        self._sock.listen(backlog)
        self._options = options
        self._on_accepted = on_accepted

    def _on_readable(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, address = self._sock.accept()
            except OSError as error:
                # Nothing left, or the connection is gone again, or no descriptor is
                # free: the kernel keeps what waits, and we come back.
                if error.errno in _EXHAUSTED:
                    self._pause()
                return
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                apply_socket_options(sock, self._options)
            self._on_accepted(sock, address)

    def _pause(self) -> None:
        """Leave the socket alone for a while: it would be readable all the time."""
        self._loop.remove_reader(self._sock)
        self._resuming = self._loop.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._loop.add_reader(self._sock, self._on_readable)

    def close(self) -> None:
        """Stop listening."""
        if self._resuming is not None:
            self._resuming.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()
