"""
Opening connections: resolve, connect, handshake, all under one deadline.

A server counts as connected only after the TLS handshake, and its certificate is
checked against its own name. Every address a name resolves to is tried, in the order
of the resolver, until one answers.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logferry.errors import ConnectFailed, TimedOut, TlsFailed
from logferry.runtime.socket_options import InetSocketOptions, apply_socket_options
from logferry.runtime.streams import Stream, describe_os_error
from logferry.runtime.tls import TlsPipe, verify_peer

if TYPE_CHECKING:
    import ssl

    from logferry.runtime.tls_options import TlsOptions

__all__ = ["Endpoint", "open_stream"]

_HANDSHAKE_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    Where to connect and how.

    Attributes:
        host: name or address, as configured; certificates are checked against it.
        timeout_s: for everything together: names, TCP and TLS.
        user_timeout_s: how long sent bytes may stay unacknowledged (RFC 5482), or 0.
        bind: local address and port to connect from.

    """

    host: str
    port: int
    timeout_s: float
    sockets: InetSocketOptions = field(default_factory=InetSocketOptions)
    user_timeout_s: float = 0.0
    bind: tuple[str, int] | None = None
    tls: ssl.SSLContext | None = None
    tls_options: TlsOptions | None = None


async def open_stream(endpoint: Endpoint) -> Stream:
    """
    Connect to ``endpoint``.

    Raises ``ConnectFailed``, ``TlsFailed`` or ``TimedOut``.
    """
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            return await _open(endpoint)
    except TimeoutError as error:
        raise TimedOut(f"no connection within {endpoint.timeout_s:g} s") from error


async def _open(endpoint: Endpoint) -> Stream:
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(
            endpoint.host,
            endpoint.port,
            family=endpoint.sockets.family,
            type=socket.SOCK_STREAM,
        )
    except OSError as error:
        raise ConnectFailed(f"cannot resolve '{endpoint.host}': {error}") from error
    failure = ConnectFailed(f"no address for '{endpoint.host}'")
    for family, _, _, _, address in addresses:
        try:
            sock = await _connect(loop, endpoint, family, address)
        except OSError as error:
            failure = ConnectFailed(describe_os_error(error))
            continue
        return await _secure(loop, endpoint, sock)
    raise failure


async def _connect(
    loop: asyncio.AbstractEventLoop,
    endpoint: Endpoint,
    family: int,
    address: tuple[object, ...],
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        apply_socket_options(sock, endpoint.sockets)
        # Batches are written whole: waiting for more would only add latency.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.user_timeout_s and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(
                socket.IPPROTO_TCP,
                socket.TCP_USER_TIMEOUT,
                int(endpoint.user_timeout_s * 1000),
            )
        if endpoint.bind is not None:
            sock.bind(endpoint.bind)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _secure(
    loop: asyncio.AbstractEventLoop, endpoint: Endpoint, sock: socket.socket
) -> Stream:
    if endpoint.tls is None:
        return Stream(loop, sock, None)
    try:
        pipe = TlsPipe(endpoint.tls, server_side=False, server_name=endpoint.host)
        sent_bytes = await _handshake(loop, sock, pipe)
        if endpoint.tls_options is not None:
            verify_peer(pipe, endpoint.tls_options)
        return Stream(loop, sock, pipe, sent_bytes)
    except OSError as error:
        sock.close()
        raise TlsFailed(f"handshake: {describe_os_error(error)}") from error
    except BaseException:
        sock.close()
        raise


async def _handshake(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, pipe: TlsPipe
) -> int:
    """Complete the handshake; return how many bytes it sent."""
    sent_bytes = 0
    try:
        while not pipe.do_handshake():
            sent_bytes += await _flush(loop, sock, pipe)
            # An empty chunk is the end of the stream; OpenSSL then raises.
            pipe.feed(await loop.sock_recv(sock, _HANDSHAKE_READ_BYTES))
    except TlsFailed:
        await _flush(loop, sock, pipe)  # the alert tells the peer what is wrong
        raise
    return sent_bytes + await _flush(loop, sock, pipe)


async def _flush(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, pipe: TlsPipe
) -> int:
    data = pipe.take()
    if data:
        await loop.sock_sendall(sock, data)
    return len(data)
