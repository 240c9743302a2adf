"""
One accepted connection: bytes in, chunks to the intake, a window of messages.

All connections of the process read into one buffer: a read is turned into a chunk
before anything else runs. Reading stops while more messages than the window are not
acknowledged by every flow-controlled destination, which pushes back on the client
through TCP; it also stops while the TLS handshake or the name of the client is not
there yet. A PROXY protocol header, outside or inside TLS, changes who the client is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from logferry.errors import FramingError, TlsFailed
from logferry.limits import READ_SIZE_BYTES
from logferry.runtime.streams import describe_os_error
from logferry.sources.network import events
from logferry.syslog.framing import LineFramer

if TYPE_CHECKING:
    import asyncio
    import socket

    from logferry.message.batch import Receipt
    from logferry.message.model import Origin
    from logferry.runtime.environment import Environment
    from logferry.runtime.tls import TlsPipe
    from logferry.sources.base import Intake
    from logferry.sources.network.accounts import ClientAccount
    from logferry.sources.network.opening import Opened, Opening
    from logferry.sources.network.proxy_header import Endpoints
    from logferry.syslog.framing import Framer

__all__ = ["Connection", "ConnectionOwner"]

_BUFFER = bytearray(2 * READ_SIZE_BYTES)
_VIEW = memoryview(_BUFFER)


class ConnectionOwner(Protocol):
    """Who is told about a connection's end."""

    def on_connection_closed(self, connection: Connection) -> None:
        """The connection is closed."""

    def on_proxied(self, connection: Connection, endpoints: Endpoints) -> None:
        """A proxy said who the client is; ``go_on_as`` is owed."""

    def on_transport_error(self, reason: str, detail: str) -> None:
        """Count an error: ``invalid-frame-header``, ``tls-handshake`` …."""

    def on_window_full(self) -> None:
        """Reading stops until something is settled."""


class Connection:
    """
    One client.

    Args:
        sock: the accepted socket; owned by the connection from now on.
        framer: cuts bytes into frames.
        pipe: TLS, when the transport has it.
        opening: what comes before TLS and frames, if anything.
        inner_opening: what comes inside TLS before frames, if anything.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        framer: Framer,
        pipe: TlsPipe | None,
        *,
        intake: Intake,
        environment: Environment,
        owner: ConnectionOwner,
        opening: Opening | None = None,
        inner_opening: Opening | None = None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._framer = framer
        self._pipe = pipe
        # A line that is longer than a read does not fit behind another in the buffer.
        self._lines: LineFramer | None = None
        if isinstance(framer, LineFramer) and framer.size_max <= READ_SIZE_BYTES:
            self._lines = framer
        self._opening = opening
        self._inner_opening = inner_opening
        self._proxied: Endpoints | None = None  # what a proxy said
        self._waiting: bytes | None = None  # bytes that wait for the client's name
        self._is_ending = False
        self._intake = intake
        self._environment = environment
        self._owner = owner
        self._origin: Origin | None = None
        self._window = 0
        self._unacked_count = 0
        self._is_reading = False
        self._is_suspended = False
        self._is_closed = False
        self.descriptor = sock.fileno()
        self.client = ""
        self.local = ""
        self.account: ClientAccount | None = None
        self.last_read_at: float = environment.clock()

    def start(self, origin: Origin, window: int) -> None:
        """Begin to read; ``origin`` holds the client's resolved name."""
        self._window = window
        if self._waiting is not None:  # another source waited for the same name
            self.go_on_as(origin)
            return
        self._origin = origin
        if not self._is_closed and not self._is_suspended:
            self._resume_reading()

    def endpoints(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Return address and port of the client and of our side, proxied or not."""
        if self._proxied is not None:
            ends = self._proxied
            source = ends.source_ip, ends.source_port
            return source, (ends.target_ip, ends.target_port)
        try:
            peer = self._sock.getpeername()
        except OSError:  # it has gone: reading will say so
            peer = ("", 0)
        local = self._sock.getsockname()
        return (peer[0], peer[1]), (local[0], local[1])

    def adopt(self, intake: Intake, owner: ConnectionOwner) -> None:
        """Belong to another source from now on; ``start`` follows."""
        self._intake = intake
        self._owner = owner

    @property
    def unacked_count(self) -> int:
        """Messages read and not yet settled."""
        return self._unacked_count

    @property
    def window(self) -> int:
        """How many messages may be unacknowledged."""
        return self._window

    @window.setter
    def window(self, window: int) -> None:
        self._window = window
        self._check_window()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self._is_closed:
            self._is_reading = True
            self._loop.add_reader(self._sock, self._on_readable)

    def _pause_reading(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock)

    def _on_readable(self) -> None:
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self._environment.log.emit(
                events.ReadFailed(self.descriptor, describe_os_error(error))
            )
            self._finish()
            return
        self.last_read_at = self._environment.clock()
        if self._opening is not None:
            self._open(self._opening, data)
        elif self._pipe is not None:
            self._read_tls(data)
        elif self._lines is not None and data is not None:
            self._deliver(data)
        elif data:
            self._take(data)
        else:
            self._finish()

    def _read(self) -> bytes | None:
        """
        Return what the socket brought: bytes, or, for plain text, complete lines.

        Text is cut in the buffer itself, behind what was left of the last line, so
        that it is copied once. ``None`` or nothing is the end of the stream.
        """
        lines = self._lines
        if lines is None or self._pipe is not None or self._opening is not None:
            count = self._sock.recv_into(_BUFFER, READ_SIZE_BYTES)
            return bytes(_VIEW[:count])
        offset = len(lines.rest)
        if offset:
            _BUFFER[:offset] = lines.rest
        count = self._sock.recv_into(_VIEW[offset:], READ_SIZE_BYTES)
        return lines.feed_buffer(_BUFFER, offset + count) if count else None

    def _open(self, opening: Opening, data: bytes | None) -> None:
        """Take what comes before TLS and frames."""
        if not data:
            self._close()
            return
        opened = self._understand(opening, data)
        if opened is None:
            return
        self._opening = None
        if not opened.is_tls and opening.detects_tls:
            self._pipe = None
        if opened.endpoints is not None:
            self._wait_for_name(opened.endpoints, opened.rest)
        elif opened.rest:
            self._take_wire(opened.rest)

    def _understand(self, opening: Opening, data: bytes) -> Opened | None:
        try:
            return opening.feed(data)
        except FramingError as error:
            header = error.header.decode("utf-8", "backslashreplace")
            self._environment.log.emit(
                events.InvalidProxyHeader(header, self.client, self.local)
            )
            self._owner.on_transport_error("proxy-header", header)
            self._close()
            return None

    def _take_wire(self, data: bytes) -> None:
        """Go on with bytes as the socket brought them."""
        if self._pipe is not None:
            self._read_tls(data)
        else:
            self._take(data)

    def _wait_for_name(self, endpoints: Endpoints, rest: bytes) -> None:
        self._pause_reading()
        self._proxied = endpoints
        self._waiting = rest
        self._owner.on_proxied(self, endpoints)

    def go_on_as(self, origin: Origin) -> None:
        """Read on; ``origin`` is what a proxy said, with the client's name."""
        rest, self._waiting = self._waiting, None
        if self._is_closed or rest is None:
            return
        self._origin = origin
        # Before a TLS handshake the rest is cipher bytes, after it plain ones.
        is_cipher = self._pipe is not None and not self._pipe.is_open
        if rest and is_cipher:
            self._take_wire(rest)
        elif rest:
            self._take(rest)
        if self._is_ending:
            self._finish()
        elif not self._is_suspended and self._waiting is None:
            self._resume_reading()

    def _take_plain(self, data: bytes) -> None:
        """Take what came out of TLS."""
        opening = self._inner_opening
        if opening is None:
            self._take(data)
            return
        opened = self._understand(opening, data)
        if opened is None:
            return
        self._inner_opening = None
        if opened.endpoints is not None:
            self._wait_for_name(opened.endpoints, opened.rest)
        elif opened.rest:
            self._take(opened.rest)

    def _read_tls(self, data: bytes | None) -> None:
        pipe = self._pipe
        assert pipe is not None
        data = data or b""
        try:
            pipe.feed(data)
            plain = pipe.read() if pipe.do_handshake() else b""
        except TlsFailed as error:
            self._send(pipe.take())
            self._report_tls(str(error))
            self._finish()
            return
        self._send(pipe.take())
        if plain:
            self._take_plain(plain)
        if not data or pipe.at_eof:
            pipe.close()  # the answer to close_notify (RFC 8446, 6.1)
            self._send(pipe.take())
            self._finish()

    def _report_tls(self, error: str) -> None:
        self._environment.log.emit(
            events.TlsReadFailed(error, self._location(), self.client)
        )
        self._owner.on_transport_error("tls-handshake", error)

    def _location(self) -> str:
        return self._origin.source.decode() if self._origin is not None else ""

    def _send(self, data: bytes) -> None:
        """Send handshake bytes; they are few, and a client that blocks them is lost."""
        if data:
            with contextlib.suppress(OSError):
                self._sock.send(data)

    def _take(self, data: bytes) -> None:
        """Cut ``data`` into frames and hand them on."""
        try:
            frames = self._framer.feed(data)
        except FramingError as error:
            self._deliver(self._framer.take())
            self._report_framing(error)
            self._close()
            return
        self._deliver(frames)

    def _report_framing(self, error: FramingError) -> None:
        header = error.header.decode("utf-8", "backslashreplace")
        if header:
            self._environment.log.emit(
                events.InvalidFrameHeader(header, self.client, self.local)
            )
            self._owner.on_transport_error("invalid-frame-header", header)
        else:
            self._environment.log.emit(events.FrameTooLarge(0, self.client, self.local))
            self._owner.on_transport_error("frame-too-large", str(error))

    def _deliver(self, frames: bytes | list[bytes]) -> None:
        if not frames or self._origin is None:
            return
        if isinstance(frames, bytes):
            receipt = self._intake.lines(frames, self._origin, self._on_settled)
        else:
            receipt = self._intake.frames(frames, self._origin, self._on_settled)
        self._unacked_count += receipt.message_count
        if self.account is not None:
            if isinstance(frames, bytes):
                self.account.count_chunk(frames, receipt.message_count)
            else:
                self.account.count_frames(frames)
        self._check_window()

    def _on_settled(self, receipt: Receipt) -> None:
        # May come before the call that made the receipt returns: the count then is
        # negative for a moment, which harms nobody.
        self._unacked_count -= receipt.message_count
        if self._is_suspended:
            self._check_window()

    def _check_window(self) -> None:
        is_full = self._unacked_count >= self._window
        if is_full == self._is_suspended or self._is_closed:
            return
        self._is_suspended = is_full
        if is_full:
            self._pause_reading()
            self._owner.on_window_full()
            event = events.SourceSuspended(self._location(), self.client)
            self._environment.log.emit(event)
        else:
            self._resume_reading()
            self._environment.log.emit(
                events.SourceResumed(self._location(), self.client)
            )

    def _finish(self) -> None:
        """Deliver what is left without an end of line, then close."""
        if self._waiting is not None:
            self._is_ending = True
            return
        self._deliver(self._framer.finish())
        self._close()

    def _close(self) -> None:
        if self._is_closed:
            return
        self._pause_reading()
        self._is_closed = True
        self._sock.close()
        self._owner.on_connection_closed(self)

    def close(self) -> None:
        """Close from our side: stop, idle-timeout()."""
        if self._pipe is not None and not self._is_closed and self._pipe.is_open:
            self._pipe.close()
            self._send(self._pipe.take())
        self._close()
