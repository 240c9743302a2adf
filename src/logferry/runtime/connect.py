"""
Opening connections: resolve, connect, handshake, all under one deadline.

A server counts as connected only after the TLS handshake, and its certificate is
checked against its own name. A name may stand for several addresses: TCP connections to
them are begun in the order of the resolver, the next one when the one before failed or
took longer than ``STAGGER_S``, and the first that is there is used (RFC 8305, "happy
eyeballs"). If its handshake fails, or takes longer than its share of the time that is
left, the other addresses have their turn.

TLS 1.3 (RFC 8446, figure 1): our side of the handshake is over before the server has
seen our certificate, and what we send in that moment is acknowledged by its kernel even
if its program is about to refuse us. So we wait for its first sign of life, normally a
session ticket; from servers that send none, silence for ``CONFIRM_S`` is consent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from logferry.errors import ConnectFailed, TimedOut, TlsFailed, TransportError
from logferry.runtime.lookups import addresses_of
from logferry.runtime.name_service import numeric_family
from logferry.runtime.socket_options import InetSocketOptions, apply_socket_options
from logferry.runtime.streams import Stream, describe_os_error
from logferry.runtime.tls import TlsPipe, verify_peer

if TYPE_CHECKING:
    import ssl

    from logferry.runtime.tls_options import TlsOptions

__all__ = ["Endpoint", "open_stream", "probe_tcp"]

CONFIRM_S = 0.1
"""How long a TLS 1.3 server may take to refuse us, beyond the time of the handshake."""

STAGGER_S = 0.25
"""RFC 8305, 5: so much sooner than the next address may one begin to connect."""

_HANDSHAKE_READ_BYTES = 64 * 1024

_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; the socket module has no name for it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    Where to connect and how.

    Attributes:
        host: name or address, as configured; certificates are checked against it.
        address: connect to this address of ``host``, without asking for it again.
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
    address: str = ""

    @property
    def shown(self) -> str:
        """Where it is, for log lines: the reference's form."""
        host = self.address or self.host
        if (numeric_family(host) or self.sockets.family) == socket.AF_INET6:
            return f"AF_INET6([{host}]:{self.port})"
        return f"AF_INET({host}:{self.port})"


async def open_stream(endpoint: Endpoint) -> Stream:
    """
    Connect to ``endpoint``.

    Raises ``ConnectFailed``, ``TlsFailed`` or ``TimedOut``.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            return await _open(loop, endpoint)
    except TimeoutError as error:
        raise TimedOut(f"no connection within {endpoint.timeout_s:g} s") from error


async def probe_tcp(endpoint: Endpoint) -> None:
    """
    Connect to ``endpoint`` without TLS and hang up.

    Raises ``ConnectFailed`` or ``TimedOut``.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            addresses = await _addresses(endpoint)
            _, sock = await _race(loop, endpoint, addresses)
    except TimeoutError as error:
        raise TimedOut(f"no connection within {endpoint.timeout_s:g} s") from error
    sock.close()


async def _open(loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> Stream:
    """Connect to the first address with which everything works, TLS included."""
    addresses = await _addresses(endpoint)
    deadline = loop.time() + endpoint.timeout_s
    while True:
        chosen, sock = await _race(loop, endpoint, addresses)
        addresses = [item for item in addresses if item != chosen]
        # A handshake that hangs must leave time for the other addresses; the last one
        # is under the deadline of the whole.
        left_s = deadline - loop.time()
        share_s = left_s / (len(addresses) + 1) if addresses else None
        try:
            async with asyncio.timeout(share_s):
                return await _secure(loop, endpoint, sock)
        except (TransportError, TimeoutError):
            if not addresses:
                raise


_Address: TypeAlias = tuple[int, tuple[Any, ...]]  # family, and what connect() takes


async def _race(
    loop: asyncio.AbstractEventLoop, endpoint: Endpoint, addresses: list[_Address]
) -> tuple[_Address, socket.socket]:
    """Return the first TCP connection; the others are closed."""
    failure: TransportError = ConnectFailed(f"no address for '{endpoint.host}'")
    waiting = list(addresses)
    racing: dict[asyncio.Task[socket.socket], _Address] = {}
    try:
        while waiting or racing:
            if waiting:
                address = waiting.pop(0)
                coroutine = _connect(loop, endpoint, *address)
                racing[asyncio.ensure_future(coroutine)] = address
            done, _ = await asyncio.wait(
                racing,
                timeout=STAGGER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in [item for item in racing if item in done]:
                if (error := task.exception()) is None:
                    return racing.pop(task), task.result()
                del racing[task]
                if not isinstance(error, OSError):
                    raise error
                failure = ConnectFailed(describe_os_error(error))
        raise failure
    finally:
        await _call_off(list(racing))


async def _call_off(attempts: list[asyncio.Task[socket.socket]]) -> None:
    """Give up ``attempts``, and close what they may have opened meanwhile."""
    for task in attempts:
        task.cancel()
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


async def _addresses(endpoint: Endpoint) -> list[_Address]:
    """Return (family, address) of everything the endpoint's name stands for."""
    host = endpoint.address or endpoint.host
    family = numeric_family(host)
    kind = socket.SOCK_STREAM
    try:
        if family is not None:  # no thread for what needs no question
            found = socket.getaddrinfo(
                host, endpoint.port, family, kind, flags=socket.AI_NUMERICHOST
            )
            return [(family, address) for family, _, _, _, address in found]
        return await addresses_of(host, endpoint.port, endpoint.sockets.family)
    except OSError as error:
        raise ConnectFailed(f"cannot resolve '{host}': {error}") from error


async def _connect(
    loop: asyncio.AbstractEventLoop,
    endpoint: Endpoint,
    family: int,
    address: tuple[Any, ...],
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
            _bind(sock, endpoint.bind)
        await _wait_connected(loop, sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, address: tuple[str, int]) -> None:
    """
    Bind a connection to come.

    A fixed port is needed again while an older connection from it drains or is in
    TIME_WAIT; without one, the port is best left to ``connect`` (ip(7)), which may
    use the same port for connections to several servers.
    """
    if address[1]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    elif sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind(address)


async def _wait_connected(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, address: tuple[Any, ...]
) -> None:
    """
    Connect ``sock`` to a numeric address.

    The loop's own ``sock_connect`` asks a thread whether the address is numeric.
    """
    with contextlib.suppress(BlockingIOError):
        sock.connect(address)
        return
    writable: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _resolve_future, writable)
    try:
        await writable
    finally:
        loop.remove_writer(sock)
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, "connect")


def _resolve_future(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _secure(
    loop: asyncio.AbstractEventLoop, endpoint: Endpoint, sock: socket.socket
) -> Stream:
    if endpoint.tls is None:
        return Stream(loop, sock, None)
    try:
        began_at = loop.time()
        # A certificate knows addresses, not the interface of a link-local one.
        name = endpoint.host.partition("%")[0]
        pipe = TlsPipe(endpoint.tls, server_side=False, server_name=name)
        sent_bytes = await _handshake(loop, sock, pipe)
        if endpoint.tls_options is not None:
            verify_peer(pipe, endpoint.tls_options)
        if pipe.is_one_sided:
            patience_s = loop.time() - began_at + CONFIRM_S
            sent_bytes += await _confirm(loop, sock, pipe, patience_s)
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


async def _confirm(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    pipe: TlsPipe,
    patience_s: float,
) -> int:
    """Wait for the server's word on our certificate; return how many bytes we sent."""
    try:
        async with asyncio.timeout(patience_s):
            pipe.feed(await loop.sock_recv(sock, _HANDSHAKE_READ_BYTES))
    except TimeoutError:
        return 0
    pipe.read()  # raises what an alert says; a ticket is no plain text
    if pipe.at_eof:
        raise TlsFailed("the server closed the connection after the handshake")
    return await _flush(loop, sock, pipe)


async def _flush(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, pipe: TlsPipe
) -> int:
    data = pipe.take()
    if data:
        await loop.sock_sendall(sock, data)
    return len(data)
