"""A log server for tests: records every line, and misbehaves on command."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import socket
import struct
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from helpers.flood import Tally

_SO_ATTACH_FILTER = 26  # socket(7)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


class Collector:
    """
    A TCP or TLS server on one address.

    Attributes:
        lines: every complete line received, in order, over all connections; with a
            ``tally`` they are only counted there.
        line_count: how many that were.
        connections: how many connections were accepted.
        empty_connections: those that ended without a byte.

    """

    def __init__(
        self,
        address: str,
        port: int,
        context: ssl.SSLContext | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.address = address
        self.port = port
        self.lines: list[bytes] = []
        self.line_count = 0
        self._tally = tally
        self.connections = 0
        self.empty_connections = 0
        self.client_certificates: list[bytes] = []
        self.reads = True
        self._context = context
        self._listener: socket.socket | None = None
        self._arriving: dict[socket.socket, asyncio.Task[None]] = {}
        self._is_leaving = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Collector:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        family, _, _, _, address = socket.getaddrinfo(
            self.address, self.port, type=socket.SOCK_STREAM
        )[0]  # with the interface of a link-local address
        self._listener = socket.create_server(address, family=family, backlog=2048)
        self._listener.setblocking(False)
        self._is_leaving = False
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take all connections that wait; from here on each of them is known."""
        assert self._listener is not None
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # none waits, or it is gone again
            sock.setblocking(False)
            self._arriving[sock] = asyncio.create_task(self._serve(sock))

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()

    async def _arrive(
        self, sock: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return a connection's streams, or nothing if its handshake failed."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=self._context
            )
        except OSError:
            sock.close()
            return None
        except asyncio.CancelledError:  # the test is over
            sock.close()
            raise
        finally:
            is_wanted = self._arriving.pop(sock, None) is not None
            self._changed.set()
        if not is_wanted:
            transport.abort()
            return None
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _serve(self, sock: socket.socket) -> None:
        streams = await self._arrive(sock)
        if streams is None:
            return
        reader, writer = streams
        self.connections += 1
        self._writers.add(writer)
        self._readers[writer] = reader
        tls = writer.get_extra_info("ssl_object")
        if tls is not None:
            self.client_certificates.append(tls.getpeercert(binary_form=True) or b"")
        self._changed.set()
        if self._is_leaving:
            writer.write_eof()
        await self._read(reader, writer)

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        rest = b""
        is_empty = True
        try:
            while True:
                while not self.reads:
                    self._changed.clear()
                    await self._changed.wait()
                data = await reader.read(1 << 18)
                if not data:
                    break
                is_empty = False
                complete, newline, rest = (rest + data).rpartition(b"\n")
                if newline:
                    self._take(complete)
        except OSError:
            pass
        finally:
            self.empty_connections += is_empty
            self._writers.discard(writer)
            del self._readers[writer]
            self._changed.set()
            writer.close()

    def _take(self, lines: bytes) -> None:
        if self._tally is not None:
            self._tally.take(lines)
            self.line_count += lines.count(b"\n") + 1
        else:
            self.lines.extend(lines.split(b"\n"))
            self.line_count = len(self.lines)
        self._changed.set()

    async def wait_for_lines(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until ``count`` lines have arrived."""
        await self._wait(lambda: len(self.lines) >= count, timeout_s, f"{count} lines")

    async def wait_for_connections(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until ``count`` connections were accepted."""
        await self._wait(
            lambda: self.connections >= count, timeout_s, f"{count} connections"
        )

    async def _wait(self, is_done, timeout_s: float, what: str) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not is_done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.address}: waited for {what}, have {len(self.lines)} lines, "
                f"{self.connections} connections"
            ) from None

    async def leave(self, timeout_s: float = 30.0) -> None:
        """
        Stop as a server does that loses nothing: say so (FIN), then read to the end.

        After a reset, what our kernel had acknowledged and we had not read is gone,
        which no client that trusts the kernel's word can know.
        """
        if self._listener is not None:
            self._accept()  # who is connected already is told, not reset
        self._close_listener()
        self._is_leaving = True
        for writer in tuple(self._writers):
            writer.write_eof()
        await self._wait(
            lambda: not (self._arriving or self._writers),
            timeout_s,
            "the clients' ends",
        )

    async def reset(self, timeout_s: float = 30.0) -> None:
        """
        Stop with RST, with everything read that our kernel had acknowledged.

        From the moment on in which a filter drops all segments before TCP sees them,
        nothing more is acknowledged; then the rest is read, then the connection is
        reset. A client that loses a message now has lost it by itself.
        """
        if self._listener is not None:
            self._accept()  # what our kernel has acknowledged there must be read too
        self._close_listener()
        sockets = list(self._arriving)
        sockets += [writer.get_extra_info("socket") for writer in self._writers]
        for sock in sockets:
            drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
            program = struct.pack("HL", 1, ctypes.addressof(drop_all))  # bpf(4)
            sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        async with asyncio.timeout(timeout_s):
            while self._arriving and self._context is None:
                await asyncio.sleep(0)
            for writer in tuple(self._writers):
                sock = writer.get_extra_info("socket")
                while _unread_bytes(sock) or self._reader_bytes(writer):
                    await asyncio.sleep(0)
        await self.stop(reset=True)

    def _reader_bytes(self, writer: asyncio.StreamWriter) -> int:
        return len(self._readers[writer]._buffer)  # type: ignore[attr-defined] # asyncio has no way to ask

    async def stop(self, *, reset: bool = False) -> None:
        """Stop listening and end all connections, with RST or FIN."""
        self._close_listener()
        for sock in tuple(self._arriving):
            del self._arriving[sock]  # nobody waits for it any more
            with contextlib.suppress(OSError):  # the client was quicker
                sock.shutdown(socket.SHUT_RDWR)
        for writer in tuple(self._writers):
            if not reset:
                writer.close()
        if reset:
            self.reset_connections()
        self.reads = True
        self._changed.set()
        await asyncio.sleep(0)

    def say(self, data: bytes) -> None:
        """Send something back on every connection, as no syslog server does."""
        for writer in self._writers:
            writer.write(data)

    def reset_connections(self) -> None:
        """End all connections with RST, and go on listening."""
        for writer in tuple(self._writers):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def freeze(self) -> None:
        """Stop reading; the kernel's buffers fill."""
        self.reads = False

    def thaw(self) -> None:
        """Read on."""
        self.reads = True
        self._changed.set()


class Sender:
    """A client of a network source."""

    def __init__(self, address: str, port: int) -> None:
        self._address = (address, port)
        self._writer: asyncio.StreamWriter | None = None
        self.sent = 0

    async def __aenter__(self) -> Sender:
        _, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._writer is not None
        self._writer.close()

    async def send(self, count: int = 1) -> None:
        """Send ``count`` numbered messages."""
        assert self._writer is not None
        numbers = range(self.sent, self.sent + count)
        self._writer.write(
            b"".join(b"<13>Nov 21 12:00:00 h app: number %06d\n" % n for n in numbers)
        )
        self.sent += count
        await self._writer.drain()

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()


def _unread_bytes(sock: socket.socket) -> int:
    """Return how many bytes wait to be read (tcp(7), ``SIOCINQ``)."""
    answer = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, "little")


def numbers(lines: list[bytes]) -> list[int]:
    """Return the numbers of messages that a :class:`Sender` sent."""
    return [int(line.rpartition(b"number ")[2]) for line in lines if b"number " in line]
