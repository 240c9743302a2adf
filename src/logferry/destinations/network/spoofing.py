"""
``spoof-source()``: UDP datagrams that look as if their first sender had sent them.

Packets are made whole (RFC 791, RFC 768) and go out on a raw socket, which takes
``CAP_NET_RAW``. The kernel fills in the IP header's length, id and checksum; it does
not cut such packets, so a record is cut to ``spoof-source-max-msglen()`` instead.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logferry.destinations.network.options import InetDestinationOptions

__all__ = ["Spoofer", "udp_packet"]

_IP_HEADER: Final = struct.Struct("!BBHHHBBH4s4s")
_UDP_HEADER: Final = struct.Struct("!HHHH")
_PSEUDO_HEADER: Final = struct.Struct("!4s4sBBH")
_UDP: Final = socket.IPPROTO_UDP
_TTL: Final = 64


def udp_packet(
    source: tuple[bytes, int],
    target: tuple[bytes, int],
    data: bytes,
    *,
    ttl: int = _TTL,
    tos: int = 0,
) -> bytes:
    """
    Return an IPv4 packet; addresses are packed.

    Fields that the kernel fills in are 0 (raw(7)): length, id, header checksum.
    """
    length = _UDP_HEADER.size + len(data)
    pseudo = _PSEUDO_HEADER.pack(source[0], target[0], 0, _UDP, length)
    plain = _UDP_HEADER.pack(source[1], target[1], length, 0)
    # A sum of 0 is sent as all ones: 0 means that there is none (RFC 768).
    checksum = _checksum(pseudo + plain + data) or 0xFFFF
    header = _IP_HEADER.pack(0x45, tos, 0, 0, 0, ttl, _UDP, 0, source[0], target[0])
    return header + _UDP_HEADER.pack(source[1], target[1], length, checksum) + data


def _checksum(data: bytes) -> int:
    """Return the ones' complement sum of 16-bit words (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Spoofer:
    """
    Sends to one server under the names of others.

    Args:
        target: the server's address and port.
        options: ``spoof-source-max-msglen()``, ``ip-ttl()``, ``ip-tos()``.

    Raises ``OSError`` (EPERM) when we may not.
    """

    def __init__(
        self, target: tuple[str, int], options: InetDestinationOptions
    ) -> None:
        self._target = socket.inet_aton(target[0]), target[1]
        self._options = options
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._sock.setblocking(False)
        self._address = target[0], 0

    def send(self, record: bytes, sender: bytes) -> bool:
        """
        Send ``record`` as ``sender`` (``address:port``).

        Returns false when that is no IPv4 sender, and the record is still to be
        sent. Raises ``OSError`` as ``sendto`` does.
        """
        address, _, port = sender.decode("ascii", "replace").rpartition(":")
        try:
            source = socket.inet_aton(address), int(port)
        except (OSError, ValueError):
            return False
        options = self._options
        packet = udp_packet(
            source,
            self._target,
            record[: options.spoof_source_max_msglen],
            ttl=options.ip_ttl or _TTL,
            tos=options.ip_tos,
        )
        self._sock.sendto(packet, self._address)
        return True

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
