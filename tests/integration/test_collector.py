"""The tests' log server does what its methods say, also to those who only just came."""

from __future__ import annotations

import asyncio
import socket

import pytest

from helpers.collector import Collector
from helpers.daemon import free_port

HOST = "127.0.0.1"


def come(port: int) -> socket.socket:
    """Connect and send a line, with no turn of the event loop in between."""
    client = socket.create_connection((HOST, port))
    client.sendall(b"number 1\n")
    client.setblocking(False)
    return client


@pytest.mark.parametrize("turns", range(6))
async def test_a_reset_spares_nobody_and_reads_what_was_acknowledged(turns):
    collector = Collector(HOST, free_port(HOST))
    await collector.start()
    with come(collector.port) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await collector.reset()
        assert collector.lines == [b"number 1"]
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 30)


@pytest.mark.parametrize("turns", range(6))
async def test_who_leaves_tells_all_clients_and_reads_to_their_ends(turns):
    collector = Collector(HOST, free_port(HOST))
    await collector.start()
    with come(collector.port) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving = asyncio.create_task(collector.leave())
        end = asyncio.get_running_loop().sock_recv(client, 1)
        assert await asyncio.wait_for(end, 30) == b""
        client.sendall(b"number 2\n")
        client.close()
        await leaving
        assert collector.lines == [b"number 1", b"number 2"]
