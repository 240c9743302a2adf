"""
Datagrams on a local socket: many in one wake-up, with the sender's credentials.

A wake-up drains the socket up to a bound and hands on one list of frames per run of
datagrams with the same credentials, so that the order is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from logferry.sources.unix.credentials import (
    ANCILLARY_BYTES,
    Credentials,
    credentials_in,
)

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

__all__ = ["LocalDatagramReceiver"]

_DATAGRAMS_PER_TURN: Final = 2048
_STRIP: Final = b"\r\n\0"


class LocalDatagramReceiver:
    """
    Reads a bound datagram socket.

    Args:
        size_max: ``log-msg-size()``; more of a datagram is cut off by the kernel.
        wants_credentials: ask the kernel who sent each.
        deliver: takes frames and who sent them.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        size_max: int,
        deliver: Callable[[list[bytes], Credentials | None], None],
        *,
        wants_credentials: bool,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._size_max = size_max
        self._deliver = deliver
        self._read = self._drain_with_names if wants_credentials else self._drain
        self._is_reading = False
        self.resume()

    def hand_over(
        self, size_max: int, deliver: Callable[[list[bytes], Credentials | None], None]
    ) -> None:
        """Deliver to another owner from now on; nothing is refused meanwhile."""
        self._size_max = size_max
        self._deliver = deliver
        self.resume()  # the new owner's window is empty

    def resume(self) -> None:
        """Read."""
        if not self._is_reading:
            self._is_reading = True
            self._loop.add_reader(self._sock, self._read)

    def pause(self) -> None:
        """Leave datagrams to the kernel; senders wait or are refused."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._sock)

    def _drain(self) -> None:
        receive, size = self._sock.recv, self._size_max
        frames: list[bytes] = []
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data = receive(size)
            except OSError:
                break
            data = data.rstrip(_STRIP)
            if data:
                frames.append(data)
        if frames:
            self._deliver(frames, None)

    def _drain_with_names(self) -> None:
        receive, size = self._sock.recvmsg, self._size_max
        run: list[bytes] = []
        ancillary: list[tuple[int, int, bytes]] = []
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                data, found, _, _ = receive(size, ANCILLARY_BYTES)
            except OSError:
                break
            data = data.rstrip(_STRIP)
            if not data:
                continue
            if found != ancillary:
                if run:
                    self._deliver(run, credentials_in(ancillary))
                run, ancillary = [], found
            run.append(data)
        if run:
            self._deliver(run, credentials_in(ancillary))

    def close(self) -> None:
        """Stop reading and close the socket."""
        self.pause()
        self._sock.close()
