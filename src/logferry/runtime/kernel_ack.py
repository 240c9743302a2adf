"""
What the peer's kernel has acknowledged: ``TCP_INFO.tcpi_bytes_acked`` (Linux).

``send()`` returning means only that our own kernel has the bytes. Linux counts, for
each TCP socket, the bytes that the other side acknowledged (RFC 4898,
``tcpEStatsAppHCThruOctetsAcked``), and the count can still be read after the
connection was reset: so we know exactly what has to be sent again elsewhere.
"""

from __future__ import annotations

import socket
import struct
import sys

__all__ = ["acknowledged_bytes", "is_supported"]

# struct tcp_info (linux/tcp.h): tcpi_bytes_acked is the u64 at offset 120, since
# Linux 4.1. It counts the SYN of an active open as one byte.
_OFFSET = 120
_LENGTH = _OFFSET + 8
_SYN = 1
_bytes_acked = struct.Struct("=Q").unpack_from


def is_supported() -> bool:
    """Tell whether this system can report acknowledged bytes."""
    return sys.platform == "linux" and hasattr(socket, "TCP_INFO")


def acknowledged_bytes(sock: socket.socket) -> int:
    """
    Return how many bytes that we sent on ``sock`` its peer's kernel acknowledged.

    Counts from the start of a connection that we opened. Raises ``OSError`` when the
    descriptor is closed.
    """
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH)
    if len(info) < _LENGTH:
        return 0
    count: int = _bytes_acked(info, _OFFSET)[0]
    return max(0, count - _SYN)
