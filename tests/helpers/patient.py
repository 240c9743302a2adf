"""A log server in threads that reads to the very end, whatever happens to it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading


class PatientServer:
    """
    Records what each connection brought until it ends in EOF or an error.

    It can close its sending side (and read on), refuse, and freeze; it never throws
    away what its kernel has.
    """

    def __init__(
        self, address: str, port: int, context: ssl.SSLContext | None = None
    ) -> None:
        self.address = address
        self._port = port
        self._context = context
        self._chunks: list[list[bytes]] = []
        self._handles: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._is_awake = threading.Event()
        self._is_awake.set()

    def listen(self) -> None:
        """Accept connections."""
        if self._listener is None:
            self._listener = socket.create_server((self.address, self._port))
            threading.Thread(
                target=self._accept, args=(self._listener,), daemon=True
            ).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                listener.close()
                return
            # A copy: half_close() must not touch what TLS holds.
            self._handles.append(connection.dup())
            chunks: list[bytes] = []
            self._chunks.append(chunks)
            threading.Thread(
                target=self._read, args=(connection, chunks), daemon=True
            ).start()

    def _read(self, connection: socket.socket, chunks: list[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            while True:
                self._is_awake.wait()
                data = connection.recv(1 << 16)
                if not data:
                    break
                chunks.append(data)
        connection.close()

    def refuse(self) -> None:
        """Accept nothing more, and end what there is."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener = None
        self.half_close()

    def half_close(self) -> None:
        """Send FIN on every connection, and read on."""
        handles, self._handles = self._handles, []
        for handle in handles:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_WR)
            handle.close()

    def freeze(self) -> None:
        """Read nothing; the kernel's buffers fill."""
        self._is_awake.clear()

    def wake(self) -> None:
        """Read on."""
        self._is_awake.set()

    def sessions(self) -> list[list[bytes]]:
        """Return the complete lines of each connection."""
        return [b"".join(chunks).split(b"\n")[:-1] for chunks in tuple(self._chunks)]

    def close(self) -> None:
        """End everything."""
        self.wake()
        self.refuse()
