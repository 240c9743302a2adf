"""
Connections that we open: bytes out, acknowledgements back.

A :class:`Stream` owns its socket and registers it with the event loop itself instead
of using a transport: it must know how many bytes were handed to the kernel, read
``TCP_INFO`` after the connection is dead, and, for TLS, know where each record ends.

Offsets count plain bytes from the start of the connection. For TLS a list of marks
(cipher offset, plain offset), one per record of at most 16 KiB, translates what the
peer's kernel acknowledged back into plain bytes.

A stream never raises for what the network does: it calls ``on_lost`` once, and keeps
the socket open until ``close`` so that the last acknowledgements can be read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Protocol

from logferry.errors import ConnectionLost, TlsFailed, TransportError
from logferry.runtime import kernel_ack

if TYPE_CHECKING:
    import asyncio

    from logferry.runtime.tls import TlsPipe

__all__ = ["Stream", "StreamOwner"]

_TLS_RECORD_BYTES = 16 * 1024
_INPUT_BYTES = 16 * 1024
_ABORT = struct.pack("ii", 1, 0)  # socket(7): linger for no time


class StreamOwner(Protocol):
    """Who is told what happens to a stream."""

    def on_writable(self) -> None:
        """Everything written so far was handed to the kernel."""

    def on_input(self, data: bytes) -> None:
        """The peer sent plain bytes."""

    def on_lost(self, error: TransportError) -> None:
        """The connection is dead; called once, ``close`` is still owed."""


class Stream:
    """One established connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        pipe: TlsPipe | None,
        sent_bytes: int = 0,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._pipe = pipe
        self._owner: StreamOwner | None = None
        self._unsent: deque[memoryview] = deque()
        self._wire_bytes = sent_bytes  # handed to the socket or waiting in _unsent
        self._plain_bytes = 0
        self._marks: deque[tuple[int, int]] = deque()
        self._plain_acked = 0
        self.progress_bytes = 0
        """
        What the last ``acknowledged`` or ``handed_over`` saw done on the wire: with TLS
        a slow peer makes progress long before a whole record is through.
        """
        self._is_dead = False
        self._is_closed = False
        self.peer = describe_address(sock, sock.getpeername())
        self.descriptor = sock.fileno()

    def attach(self, owner: StreamOwner) -> None:
        """Begin to watch the socket on behalf of ``owner``."""
        self._owner = owner
        self._loop.add_reader(self._sock, self._on_readable)

    @property
    def is_blocked(self) -> bool:
        """Bytes wait because the kernel's buffer is full."""
        return bool(self._unsent)

    @property
    def plain_bytes(self) -> int:
        """Plain bytes written so far."""
        return self._plain_bytes

    def write(self, data: bytes) -> None:
        """Send ``data``, or keep what the kernel does not take for later."""
        if self._is_dead:
            return
        if self._pipe is None:
            self._wire_bytes += len(data)
            self._plain_bytes += len(data)
            self._send(data)
            return
        try:
            self._encrypt(data)
        except TlsFailed as error:
            self._die(error)
            return
        self._send_pending_tls()

    def _encrypt(self, data: bytes) -> None:
        assert self._pipe is not None
        view = memoryview(data)
        for start in range(0, len(data), _TLS_RECORD_BYTES):
            record = view[start : start + _TLS_RECORD_BYTES]
            pending = self._pipe.write(record)
            self._plain_bytes += len(record)
            self._marks.append((self._wire_bytes + pending, self._plain_bytes))

    def _send_pending_tls(self) -> None:
        assert self._pipe is not None
        data = self._pipe.take()
        if data:
            self._wire_bytes += len(data)
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._unsent:
            self._unsent.append(memoryview(data))
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._die(ConnectionLost(describe_os_error(error)))
            return
        if sent < len(data):
            self._unsent.append(memoryview(data)[sent:])
            self._loop.add_writer(self._sock, self._on_socket_writable)

    def _on_socket_writable(self) -> None:
        while self._unsent:
            view = self._unsent[0]
            try:
                sent = self._sock.send(view)
            except BlockingIOError:
                return
            except OSError as error:
                self._die(ConnectionLost(describe_os_error(error)))
                return
            if sent < len(view):
                self._unsent[0] = view[sent:]
                return
            self._unsent.popleft()
        self._loop.remove_writer(self._sock)
        if self._owner is not None:
            self._owner.on_writable()

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(_INPUT_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._die(ConnectionLost(describe_os_error(error)))
            return
        if self._pipe is not None:
            self._read_tls(data)
        elif data:
            self._tell_input(data)
        else:
            self._die(ConnectionLost("EOF occurred"))

    def _read_tls(self, data: bytes) -> None:
        assert self._pipe is not None
        try:
            self._pipe.feed(data)
            plain = self._pipe.read()
        except TlsFailed as error:
            self._die(error)
            return
        self._send_pending_tls()
        if plain:
            self._tell_input(plain)
        if self._pipe.at_eof or not data:
            self._die(ConnectionLost("EOF occurred"))

    def _tell_input(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.on_input(data)

    def acknowledged(self) -> int:
        """Return how many plain bytes the peer's kernel has acknowledged."""
        if self._is_closed:
            return self._plain_acked
        try:
            wire = kernel_ack.acknowledged_bytes(self._sock)
        except OSError:
            return self._plain_acked
        self.progress_bytes = wire
        if self._pipe is None:
            # The FIN counts as one byte too: never more than we wrote.
            self._plain_acked = min(wire, self._plain_bytes)
            return self._plain_acked
        marks = self._marks
        while marks and marks[0][0] <= wire:
            self._plain_acked = marks.popleft()[1]
        return self._plain_acked

    def handed_over(self) -> int:
        """Return how many plain bytes our own kernel has taken."""
        unsent = sum(len(view) for view in self._unsent)
        self.progress_bytes = self._wire_bytes - unsent
        if self._pipe is None:
            return self._plain_bytes - unsent
        return self._plain_bytes if not unsent else self._plain_acked

    def fail(self, error: TransportError) -> None:
        """Declare the connection dead for a reason the socket does not know."""
        self._die(error)

    def _die(self, error: TransportError) -> None:
        if self._is_dead:
            return
        self._is_dead = True
        self._unwatch()
        self._unsent.clear()
        if self._owner is not None:
            self._owner.on_lost(error)

    def _unwatch(self) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)

    def close(self, *, is_abort: bool = False) -> None:
        """
        Close the socket; for a live TLS connection say goodbye first.

        With ``is_abort`` our kernel forgets what it has not delivered yet (RST instead
        of FIN): without it a peer that was only frozen gets it later, when it has long
        been sent to another one.
        """
        if self._is_closed:
            return
        if is_abort:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        if not self._is_dead:
            self._is_dead = True
            if self._pipe is not None and not self._unsent:
                self._pipe.close()
                with contextlib.suppress(OSError):
                    self._sock.send(self._pipe.take())
        self._unwatch()
        self._is_closed = True
        self._sock.close()


def describe_address(sock: socket.socket, address: object) -> str:
    """Return an address in the reference's form, ``AF_INET(127.0.0.1:514)``."""
    if sock.family == socket.AF_UNIX:
        name = address.decode() if isinstance(address, bytes) else str(address)
        return f"AF_UNIX({name or 'anonymous'})"
    assert isinstance(address, tuple)
    if sock.family == socket.AF_INET6:
        return f"AF_INET6([{address[0]}]:{address[1]})"
    return f"AF_INET({address[0]}:{address[1]})"


def describe_os_error(error: OSError) -> str:
    """Return ``Connection refused (111)``, the reference's form."""
    if error.errno is None or error.errno < 0:  # resolver errors have their own text
        return error.strerror or str(error)
    # Event loops put their own words into strerror.
    return f"{os.strerror(error.errno)} ({error.errno})"
