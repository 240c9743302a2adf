"""``spoof-source()``: the receiver sees the first sender."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

RELAY, SENDER, SERVER = "127.0.0.1", "127.0.0.5", "127.0.0.9"


def may_spoof() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
    except OSError:
        return False
    return True


def site(port: int, server_port: int, options: str) -> str:
    return f"""
    source s {{ network(localip("{RELAY}") port({port}) transport(udp)); }};
    destination d {{
        network("{SERVER}" port({server_port}) transport(udp)
                template("$MSG") {options});
    }};
    log {{ source(s); destination(d); }};
    """


@pytest.mark.skipif(not may_spoof(), reason="takes CAP_NET_RAW")
async def test_datagrams_come_from_their_first_sender(tmp_path: Path) -> None:
    port = free_port(RELAY)
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        server.bind((SERVER, 0))
        server.settimeout(10)
        sender.bind((SENDER, 0))
        options = "spoof-source(yes) spoof-source-max-msglen(10)"
        text = site(port, server.getsockname()[1], options)
        async with Daemon(text, tmp_path):
            sender.sendto(b"<13>app: text that is too long", (RELAY, port))
            data, address = await asyncio.to_thread(server.recvfrom, 100)
        assert address == sender.getsockname()
        assert data == b"text that "


async def test_without_it_datagrams_come_from_us(tmp_path: Path) -> None:
    port = free_port(RELAY)
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        server.bind((SERVER, 0))
        server.settimeout(10)
        sender.bind((SENDER, 0))
        async with Daemon(site(port, server.getsockname()[1], ""), tmp_path):
            sender.sendto(b"<13>app: text", (RELAY, port))
            data, address = await asyncio.to_thread(server.recvfrom, 100)
        assert address[0] == RELAY
        assert data == b"text"
