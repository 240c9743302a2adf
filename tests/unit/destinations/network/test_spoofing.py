"""Packets with somebody else's address."""

from __future__ import annotations

import socket
import struct

import pytest

from logferry.destinations.network.spoofing import udp_packet

SOURCE = socket.inet_aton("192.0.2.1"), 1111
TARGET = socket.inet_aton("192.0.2.9"), 514


def ones_complement_sum(data: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("data", [b"", b"odd", b"even", b"\xff" * 999])
def test_the_checksum_is_right_for_any_length(data: bytes) -> None:
    packet = udp_packet(SOURCE, TARGET, data)
    datagram = packet[20:]
    pseudo = packet[12:20] + struct.pack("!BBH", 0, 17, len(datagram))
    assert ones_complement_sum(pseudo + datagram) == 0xFFFF


def test_addresses_ports_and_lengths_are_where_they_belong() -> None:
    packet = udp_packet(SOURCE, TARGET, b"data", ttl=7, tos=16)
    assert packet[0] == 0x45
    assert (packet[1], packet[8], packet[9]) == (16, 7, 17)
    assert packet[12:20] == SOURCE[0] + TARGET[0]
    assert struct.unpack("!HHH", packet[20:26]) == (1111, 514, 12)
    assert packet[28:] == b"data"
