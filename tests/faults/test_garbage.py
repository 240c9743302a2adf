"""Whatever clients send, the daemon goes on, counts it, and serves the others."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from pathlib import Path

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

HERE = "127.0.0.1"


def _text(legacy: int, framed: int, datagrams: int, port: int) -> str:
    return f"""
        options {{ log-msg-size(8192); }};
        source s_line {{ network(localip("{HERE}") port({legacy}) max-connections(100)); }};
        source s_framed {{ syslog(localip("{HERE}") port({framed}) max-connections(100)); }};
        source s_udp {{ network(localip("{HERE}") port({datagrams}) transport(udp)); }};
        destination d {{ network("{HERE}" port({port})); }};
        log {{ source(s_line); source(s_framed); source(s_udp); destination(d); }};
    """


async def _push(port: int, data: bytes) -> None:
    """Send ``data`` as a client that does not care what becomes of it."""
    try:
        _, writer = await asyncio.open_connection(HERE, port)
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except OSError:
        pass  # refused half-way: that is the server's right


async def test_garbage_never_ends_the_process_and_harms_no_other_client(
    tmp_path: Path,
) -> None:
    legacy, framed, port = free_port(HERE), free_port(HERE), free_port(HERE)
    datagrams = free_port(HERE)
    chance = random.Random(1)
    async with Collector(HERE, port) as collector:
        async with Daemon(_text(legacy, framed, datagrams, port), tmp_path) as daemon:
            await daemon.wait_for("connection established")
            bad = [
                chance.randbytes(100_000),
                b"\0" * 50_000,
                b"\n" * 50_000,
                b"\r\n\0" * 1000,
                b"<" * 10_000 + b"\n",
                b"<99999999999>x\n<-1>y\n<>z\n<13\n",
                b"<13>\xff\xfe\xfd \x80\n",
                b"<13>Mar  1 10:20:30 half a frame without end",
                b"12345678901234567890 x",
                b"99999999 too long for everybody",
                b"-5 <13>x",
                b"5 <13>ab7 <13>cdef",
                b"3 ",
                b"0 0 0 0 ",
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(400),
            ]
            for data in bad:
                await _push(legacy, data)
                await _push(framed, data)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for data in bad:
                    sock.sendto(data[:60_000], (HERE, datagrams))
                sock.sendto(b"", (HERE, datagrams))
            await _push(framed, b"29 <13>1 - h a - - - number 000002")
            async with Sender(HERE, legacy) as sender:
                await sender.send(3)
                for _ in range(100):
                    if set(numbers(collector.lines)) >= {0, 1, 2}:
                        break
                    await asyncio.sleep(0.05)
                assert set(numbers(collector.lines)) >= {0, 1, 2}
            counted = await daemon.ctl("STATS", "PROMETHEUS")
            errors = [
                line
                for line in counted.splitlines()
                if "transport_errors_total" in line and "invalid-frame-header" in line
            ]
            assert errors
            assert int(errors[0].rpartition(" ")[2]) >= 4
            await daemon.wait_for("Invalid frame header; header='1234567890'")
        assert daemon.returncode == 0


async def test_a_line_of_a_gigabyte_is_cut_and_costs_no_memory(tmp_path: Path) -> None:
    """64 MiB in CI; the memory of the daemon does not depend on the length."""
    size = int(os.environ.get("LOGFERRY_LONG_LINE_MIB", "64")) * 1024 * 1024
    legacy, framed, port = free_port(HERE), free_port(HERE), free_port(HERE)
    async with Collector(HERE, port) as collector:
        text = _text(legacy, framed, free_port(HERE), port)
        text = text.replace("destination(d);", "destination(d); flags(flow-control);")
        async with Daemon(text, tmp_path) as daemon:
            await daemon.wait_for("connection established")
            block = b"x" * (1 << 20)
            _, writer = await asyncio.open_connection(HERE, legacy)
            for _ in range(size // len(block)):
                writer.write(block)
                await writer.drain()
            writer.write(b"\n<13>Mar  1 10:20:30 h app: number 000007\n")
            await writer.drain()
            for _ in range(600):
                if 7 in numbers(collector.lines[-3:]):
                    break
                await asyncio.sleep(0.05)
            assert 7 in numbers(collector.lines[-3:])
            writer.close()
            # Cut into pieces of log-msg-size(), as the reference does.
            assert len(collector.lines) >= size // 8192
            assert daemon.resident_kib() < 150_000


async def test_more_connections_than_allowed_are_closed_at_once(tmp_path: Path) -> None:
    legacy = free_port(HERE)
    text = f"""
        source s {{ network(localip("{HERE}") port({legacy}) max-connections(2)); }};
        log {{ source(s); destination {{ file("{tmp_path}/out"); }}; }};
    """
    async with Daemon(text, tmp_path) as daemon:
        writers = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(HERE, legacy)
            writers.append(writer)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        event = await daemon.wait_for(
            "Number of allowed concurrent connections reached"
        )
        assert "max='2'" in event
        for writer in writers:
            writer.close()
