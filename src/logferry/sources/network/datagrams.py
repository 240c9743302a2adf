"""
Datagrams in: many in one wake-up, grouped by sender.

A wake-up drains the socket up to a bound and hands on one list of frames per run of
datagrams from the same sender, so that the order of each sender is kept. Senders
whose name is not known yet wait in a bounded list while it is looked up.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from logferry.runtime.socket_memory import SocketMemory, socket_memory

if TYPE_CHECKING:
    import asyncio

    from logferry.runtime.resolver import Resolver
    from logferry.runtime.tasks import Tasks

__all__ = ["DatagramReceiver", "ProxiedSender", "Sender", "Unwrap", "bind_address"]


class ProxiedSender(NamedTuple):
    """Who sent a datagram, and where to, as a proxy tells it."""

    source_ip: str
    source_port: int
    target_ip: str
    target_port: int


Sender: TypeAlias = tuple[str, int] | ProxiedSender
Unwrap: TypeAlias = Callable[[bytes, Sender], tuple[bytes, Sender] | None]
"""Returns what is behind a header and who sent it; ``None`` refuses the datagram."""

_DATAGRAMS_PER_TURN = 2048
_DATAGRAM_BYTES_MAX = 65_536
_WAITING_MAX = 10_000
"""Datagrams that wait for the names of their senders; more are taken by address."""

_STRIP = b"\r\n\0"


class DatagramReceiver:
    """
    Reads a UDP socket.

    Args:
        sock: bound and non-blocking.
        deliver: takes frames, the sender's address and its name.
        unwrap: takes a header off that says who really sent it, if there is one;
            ``None`` refuses the datagram.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        resolver: Resolver,
        tasks: Tasks,
        deliver: Callable[[list[bytes], Sender, bytes], None],
        unwrap: Unwrap | None = None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._resolver = resolver
        self._tasks = tasks
        self._deliver = deliver
        self._unwrap = unwrap
        self._waiting: OrderedDict[str, list[tuple[bytes, Sender]]] = OrderedDict()
        self._waiting_count = 0
        self._is_reading = False
        self.resume()

    @property
    def memory(self) -> SocketMemory | None:
        """How full the kernel's buffer is."""
        return socket_memory(self._sock)

    def resume(self) -> None:
        """Read."""
        if not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._sock, self._on_readable)

    def pause(self) -> None:
        """Leave datagrams to the kernel, which drops them when its buffer is full."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock)

    def _on_readable(self) -> None:
        receive = self._sock.recvfrom
        run: list[bytes] = []
        sender: Sender | None = None
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, address = receive(_DATAGRAM_BYTES_MAX)
            except OSError:
                break
            if self._unwrap is not None:
                unwrapped = self._unwrap(data, address)
                if unwrapped is None:
                    continue
                data, address = unwrapped
            data = data.rstrip(_STRIP)
            if not data:
                continue
            if address != sender:
                if run and sender is not None:
                    self._hand_on(run, sender)
                run, sender = [], address
            run.append(data)
        if run and sender is not None:
            self._hand_on(run, sender)

    def _hand_on(self, frames: list[bytes], sender: Sender) -> None:
        address = sender[0]
        name = self._resolver.known(address)
        if address in self._waiting or (
            name is None and self._waiting_count < _WAITING_MAX
        ):
            if address not in self._waiting:
                self._waiting[address] = []
                self._tasks.start(self._resolve(address), f"name of {address}")
            self._waiting[address].extend((frame, sender) for frame in frames)
            self._waiting_count += len(frames)
            return
        self._deliver(frames, sender, name or address.encode())

    async def _resolve(self, address: str) -> None:
        name = await self._resolver.name(address)
        entries = self._waiting.pop(address, [])
        self._waiting_count -= len(entries)
        for frame, sender in entries:
            self._deliver([frame], sender, name)

    def hand_over(
        self,
        resolver: Resolver,
        tasks: Tasks,
        deliver: Callable[[list[bytes], Sender, bytes], None],
        unwrap: Unwrap | None = None,
    ) -> None:
        """Work for another source from now on, with what waits for a name."""
        self._resolver = resolver
        self._tasks = tasks
        self._deliver = deliver
        self._unwrap = unwrap
        for address in self._waiting:
            tasks.start(self._resolve(address), f"name of {address}")

    def close(self) -> None:
        """Stop reading and close the socket."""
        self.pause()
        self._sock.close()


def bind_address(sock: socket.socket) -> tuple[str, int]:
    """Return address and port that ``sock`` is bound to."""
    name = sock.getsockname()
    return name[0], name[1]
