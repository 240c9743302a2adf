"""
How full the kernel's receive buffer of a socket is (``SO_MEMINFO``, Linux 4.12).

Datagrams for which there is no room are dropped without a word to anybody; the kernel
counts them, and we show its count.
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

__all__ = ["SocketMemory", "socket_memory"]

_SO_MEMINFO: Final = 55
_FIELDS: Final = struct.Struct("9I")  # linux/sock_diag.h, SK_MEMINFO_*
_USED, _LIMIT, _DROPS = 0, 1, 8


@dataclass(frozen=True, slots=True)
class SocketMemory:
    """
    What the kernel says.

    Attributes:
        used_bytes: what waits to be read, with the kernel's own data around it.
        limit_bytes: how much may wait (``so-rcvbuf()``; the kernel doubles it).
        dropped_count: datagrams that found no room since the socket was made.

    """

    used_bytes: int
    limit_bytes: int
    dropped_count: int


def socket_memory(sock: socket.socket) -> SocketMemory | None:
    """Ask the kernel; ``None`` where it does not know, or the socket is closed."""
    if sys.platform != "linux":
        return None
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _FIELDS.size)
        found = _FIELDS.unpack(data)
    except (OSError, struct.error):
        return None
    return SocketMemory(found[_USED], found[_LIMIT], found[_DROPS])
