"""Paths that let little through, and ends that come in the middle of a record."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import broken_laws, settled
from helpers.relay import Load, Relay

pytestmark = [pytest.mark.integration, pytest.mark.slow]

A, B = "127.0.0.1", "127.0.0.2"
COUNT = 20_000


def driver(port: int, options: str) -> str:
    return (
        f'network("{A}" port({port}) backoff(initial(0.02) max(0.5)) {options} '
        f'failover(servers("{B}")))'
    )


class Narrow(Collector):
    """A collector behind a path that is narrow in one way."""

    option: tuple[int, int, int]

    async def start(self) -> None:
        """Listen; what is accepted inherits the listener's options."""
        await super().start()
        assert self._listener is not None
        self._listener.setsockopt(*self.option)


class SmallWindow(Narrow):
    """The smallest receive window that the kernel gives."""

    option = (socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


class SmallSegments(Narrow):
    """The smallest segments: 88 bytes, as if the path carried no more."""

    option = (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
@pytest.mark.parametrize("kind", [SmallWindow, SmallSegments])
async def test_a_narrow_path_is_slow_and_nothing_else(
    kind: type[Narrow], protocol: str, tmp_path: Path
):
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    options, context = "delivery-timeout(5)", None
    if protocol == "tls":
        options += f" transport(tls) {certificates.client()}"
        context = certificates.context(A)
    async with (
        kind(A, port, context) as a,
        Collector(B, port) as b,
        Relay(tmp_path, driver(port, options)) as relay,
    ):
        await relay.sender.send(COUNT)
        await a.wait_for_lines(COUNT, 90)
        assert numbers(a.lines) == list(range(COUNT))
        assert b.connections == 0
        await settled(relay, COUNT)


def fail_by_alert(listener: socket.socket, context: ssl.SSLContext) -> list[bytes]:
    """
    Read some lines, then send a fatal alert, and go on as if nothing had happened.

    The alert is a real one: OpenSSL makes it when a record cannot be decrypted.
    """
    connection, _ = listener.accept()
    listener.close()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    plain = b""
    is_open = False
    while len(plain) < 100_000:
        incoming.write(connection.recv(1 << 16))
        with contextlib.suppress(ssl.SSLWantReadError):
            if not is_open:
                tls.do_handshake()
                is_open = True
            while True:
                plain += tls.read(1 << 16)
        connection.sendall(outgoing.read())
    # What has come in so far is complete; then a record that is none of the client's.
    while incoming.pending or not plain.endswith(b"\n"):
        incoming.write(connection.recv(1 << 16))
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                plain += tls.read(1 << 16)
    incoming.write(b"\x17\x03\x03\x00\x40" + os.urandom(64))
    with contextlib.suppress(ssl.SSLError):
        while True:
            plain += tls.read(1 << 16)
    connection.sendall(outgoing.read())
    with contextlib.suppress(OSError):
        while connection.recv(1 << 16):
            pass  # acknowledged, and never read by anybody
    connection.close()
    return plain.split(b"\n")[:-1]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_an_alert_in_mid_stream_is_an_end(version: str, tmp_path: Path):
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    context = certificates.context(A)
    context.maximum_version = ssl.TLSVersion[version]
    with socket.create_server((A, port)) as listener:
        failing = asyncio.create_task(
            asyncio.to_thread(fail_by_alert, listener, context)
        )
        text = driver(port, f"transport(tls) {certificates.client()}")
        b = Collector(B, port, certificates.context(B))
        async with b, Relay(tmp_path, text) as relay:
            load = Load(relay)
            lines = await failing
            sent = await load.stop()
            await settled(relay, sent)
            async with asyncio.timeout(30):
                while not b.lines or numbers(b.lines)[-1] != sent - 1:
                    await asyncio.sleep(0.02)
            broken = await relay.daemon.wait_for("connection broken")
            assert "alert" in broken
            excused = max(0, numbers(b.lines)[0] - len(lines))
            assert broken_laws(sent, [lines, b.lines], losses=1, excused=excused) == []
