"""
Datagrams out: ``network(transport(udp))``, ``syslog(transport(udp))`` and ``udp()``.

One record is one datagram. There is no connection whose loss could be noticed, so
there is no failover; a record counts as delivered when our own kernel took it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, cast

from logferry.destinations.network import events
from logferry.destinations.network.ledger import Accounts
from logferry.destinations.network.setup import Setup
from logferry.destinations.network.spoofing import Spoofer
from logferry.policy.failover import Server
from logferry.policy.throttle import TokenBucket
from logferry.runtime.socket_options import apply_socket_options
from logferry.runtime.streams import describe_os_error
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.network.options import InetDestinationOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import Lease, PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["DatagramDestination"]

_RECORDS_PER_TURN = 1024
_BYTES_PER_LEASE = 256 * 1024
_DATAGRAM_BYTES_MAX = 65_507
_THROTTLE_POLL_S = 0.01

# What an earlier datagram met on its way; it says nothing about the next one.
_ECHOES = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM}
)


class DatagramDestination:
    """One running UDP destination."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._options = cast("InetDestinationOptions", spec.options)
        self._setup = Setup(spec)
        self._environment = environment
        self._queue = queue
        self._server = Server(self._setup.host, 0)
        self.accounts = Accounts(spec, self._setup, environment.metrics, queue)
        self.flow = self.accounts.flow
        self._tasks = Tasks(environment.log)
        self._sock: socket.socket | None = None
        self._spoofer: Spoofer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        rate = self._options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None

    async def start(self) -> None:
        """Begin to send; a name that does not resolve is tried again."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._schedule
        self._tasks.start(self._connect(), f"address of {self.id}")

    async def _connect(self) -> None:
        assert self._loop is not None
        endpoint = self._setup.endpoint()
        while True:
            try:
                found = await self._loop.getaddrinfo(
                    endpoint.host,
                    endpoint.port,
                    family=endpoint.sockets.family,
                    type=socket.SOCK_DGRAM,
                )
                self._sock = self._open(found[0][0], found[0][4])
            except OSError as error:
                self.accounts.on_unreachable(self._server)
                self._environment.log.emit(
                    events.ConnectionFailed(
                        endpoint.shown,
                        describe_os_error(error),
                        self._setup.time_reopen,
                    )
                )
                await asyncio.sleep(self._options.time_reopen)
            else:
                break
        self._open_spoofer()
        self.accounts.on_connected(self._server)
        self._schedule()

    def _open_spoofer(self) -> None:
        if not self._options.spoofs or self._sock is None:
            return
        host, port = self._sock.getpeername()[:2]
        try:
            self._spoofer = Spoofer((host, port), self._options)
        except OSError as error:
            self._environment.log.emit(
                events.SpoofingRefused(self.id, describe_os_error(error))
            )

    def _open(self, family: int, address: tuple[object, ...]) -> socket.socket:
        endpoint = self._setup.endpoint()
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            apply_socket_options(sock, endpoint.sockets)
            if endpoint.bind is not None:
                sock.bind(endpoint.bind)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in."""
        self.accounts.flow.note(batch.data, batch.count, batch.ends)
        result = self._queue.push(batch)
        self._schedule()
        return result

    def _schedule(self) -> None:
        if not self._is_scheduled and self._sock is not None and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Send what waits, a bounded number at a time."""
        self._is_scheduled = False
        sock, loop = self._sock, self._loop
        if sock is None or loop is None:
            return
        allowed = _RECORDS_PER_TURN
        if self._throttle is not None:
            allowed = min(allowed, self._throttle.available(self._environment.clock()))
            if not allowed:
                loop.call_later(_THROTTLE_POLL_S, self._schedule)
                return
        lease = self._queue.peek(allowed, _BYTES_PER_LEASE)
        if lease is None:
            return
        sent = self._send(sock, lease)
        self.accounts.on_delivered(sent)
        if self._throttle is not None:
            self._throttle.take(sent, self._environment.clock())
        if sent == lease.batch.count:
            self._queue.ack(lease.token)
            self._schedule()
            return
        if sent:
            self._queue.ack(lease.token, sent)
        self._queue.rewind(lease.token)
        loop.add_writer(sock, self._on_writable)

    def _on_writable(self) -> None:
        assert self._loop is not None
        if self._sock is not None:
            self._loop.remove_writer(self._sock)
            self._schedule()

    def _send(self, sock: socket.socket, lease: Lease) -> int:
        """Send the records of ``lease``; return how many the kernel took."""
        sent = 0
        spoofer, sender = self._spoofer, lease.batch.key
        for record in lease.batch.records():
            try:
                if spoofer is None or not spoofer.send(record, sender):
                    sock.send(record[:_DATAGRAM_BYTES_MAX])
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _ECHOES:
                    # Told of an earlier datagram instead of sending: once more.
                    self._send_again(sock, record)
                elif error.errno != errno.EMSGSIZE:
                    break
            sent += 1
        return sent

    def _send_again(self, sock: socket.socket, record: bytes) -> None:
        try:
            sock.send(record[:_DATAGRAM_BYTES_MAX])
        except OSError:
            # UDP promises nothing: the datagram is lost, as it would be on the way.
            return

    def reopen(self) -> None:
        """Nothing to reopen."""

    async def stop(self, grace_s: float) -> None:
        """Send what waits for at most ``grace_s`` seconds and close."""
        deadline = self._environment.clock() + grace_s
        while self._sock is not None and self._queue.count:
            if self._environment.clock() >= deadline:
                break
            await asyncio.sleep(_THROTTLE_POLL_S)
        await self._tasks.cancel()
        if self._sock is not None:
            assert self._loop is not None
            self._loop.remove_writer(self._sock)
            self._sock.close()
            self._sock = None
        if self._spoofer is not None:
            self._spoofer.close()
            self._spoofer = None
