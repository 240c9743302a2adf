"""
TLS servers that die, freeze, hang, expire or refuse us, under load; the laws hold.

The laws are those of ``helpers/laws.py``.
"""

from __future__ import annotations

import array
import asyncio
import datetime as dt
import fcntl
import signal
import socket
import ssl
import struct
import termios
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, numbers
from helpers.daemon import free_port
from helpers.laws import LINE_BYTES, broken_laws, flood, settled
from helpers.reader import Reader, tls_reader
from helpers.relay import Load, Relay

pytestmark = pytest.mark.integration

A, B = "127.0.0.1", "127.0.0.2"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST
BACKOFF = "backoff(initial(0.02) max(0.5) jitter(0))"
RECORD_BYTES = 16 * 1024 + 22  # TLS 1.3: header 5, content type 1, tag 16


def driver(port: int, tls: str, options: str = "", failback: str = "") -> str:
    return (
        f'network("{A}" port({port}) transport(tls) {tls} {BACKOFF} {options} '
        f'failover(servers("{B}") {failback}))'
    )


def accept_and_read(
    listener: socket.socket, context: ssl.SSLContext, count: int
) -> tuple[ssl.SSLSocket, bytes]:
    """Serve one connection until ``count`` bytes were read, whole records only."""
    raw, _ = listener.accept()
    connection = context.wrap_socket(raw, server_side=True)
    data = b""
    while len(data) < count or connection.pending():
        data += connection.recv(1 << 16)
    return connection, data


async def full_buffer(sock: socket.socket) -> int:
    """Return what the kernel holds unread for ``sock`` once it takes no more."""
    waiting, count = array.array("i", [0]), -1
    while waiting[0] != count or not count:
        count = waiting[0]
        await asyncio.sleep(0.2)
        fcntl.ioctl(sock, termios.FIONREAD, waiting)
    return count


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_reset_under_load_resends_all_but_whole_acknowledged_records(
    version: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    context = certificates.context(A)
    context.maximum_version = getattr(ssl.TLSVersion, version)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    with socket.create_server((A, port)) as listener:
        text = driver(port, certificates.client())
        async with b, Relay(tmp_path, text) as relay:
            serving = asyncio.to_thread(accept_and_read, listener, context, 1_000_000)
            sending = asyncio.create_task(flood(relay, 200_000))
            victim, read = await serving
            listener.close()
            unread = await full_buffer(victim)
            victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            victim.close()
            await sending
            await b.wait_for(199_999)
            first = numbers(b.lines())[0]
            # The kernel had ``unread`` cipher bytes: what is missing was among them,
            # and what was sent again is no more than the record that was cut.
            missing_bytes = first * LINE_BYTES - len(read)
            records = unread // RECORD_BYTES + 64  # small ones have overhead too
            assert missing_bytes <= unread
            assert missing_bytes >= unread - RECORD_BYTES - 29 * records - LINE_BYTES
            connections = [read.split(b"\n")[:-1], *b.connections()]
            excused = first - len(connections[0])
            assert broken_laws(200_000, connections, losses=1, excused=excused) == []
            await settled(relay, 200_000)


async def test_close_under_load_loses_only_what_the_dead_kernel_had(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    a = Collector(A, port, certificates.context(A))
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, certificates.client())) as relay:
        load = Load(relay)
        await a.wait_for_lines(10_000)
        await a.stop()
        await b.wait_for_lines(1)
        sent = await load.stop()
        await b.wait_for(sent - 1)
        first = numbers(b.lines())[0]
        excused = max(0, first - len(a.lines))
        connections = [a.lines, *b.connections()]
        assert broken_laws(sent, connections, losses=1, excused=excused) == []
        await settled(relay, sent)


async def test_frozen_server_is_left_after_delivery_timeout(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    a = tls_reader(tmp_path, certificates, "a", A, port)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    text = driver(port, certificates.client(), "delivery-timeout(0.5)")
    async with a, b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await a.wait_for(999)
        a.signal(signal.SIGSTOP)
        await flood(relay, 199_000)
        await b.wait_for(199_999)
        a.signal(signal.SIGCONT)
        first = numbers(b.lines())[0]
        await a.wait_for(first - 1)
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(200_000, connections, losses=1) == []
        await settled(relay, 200_000)


async def test_server_that_refuses_our_certificate_swallows_nothing(
    tmp_path: Path,
) -> None:
    """
    With TLS 1.3 our side of the handshake is over before the server has seen our
    certificate: whatever is sent in that moment is acknowledged by a kernel whose
    program will refuse it.
    """
    (tmp_path / "other").mkdir()
    certificates, others = Certificates(tmp_path), Certificates(tmp_path / "other")
    port = free_port(A, B)
    cert, key = certificates.files(A)
    # It trusts another CA than ours.
    tls = ("--tls", str(cert), str(key), str(others.ca))
    a = Reader(tmp_path, "a", A, port, *tls)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, certificates.client())) as relay:
        await flood(relay, 10_000)
        await b.wait_for(9999)
        assert broken_laws(10_000, b.connections(), losses=0) == []
        # It never was a connection, so it was never switched away from, either.
        failed = await relay.daemon.wait_for("connection failed")
        assert "unknown ca" in failed
        assert not relay.said("Destination switched")
        await settled(relay, 10_000)


async def test_primary_whose_certificate_expired_meanwhile_is_not_returned_to(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    good = Collector(A, port, certificates.context(A))
    expired = Collector(A, port, certificates.context(A, not_after=past))
    b = Collector(B, port, certificates.context(B))
    failback = "failback(tcp-probe-interval(0.05) successful-probes-required(2))"
    text = driver(port, certificates.client(), failback=failback)
    async with good, b, Relay(tmp_path, text) as relay:
        await flood(relay, 1000)
        await good.wait_for_lines(1000)
        await good.stop()
        async with expired:
            await flood(relay, 1000)
            await b.wait_for_lines(1000)
            await relay.daemon.wait_for("certificate has expired", count=5)
            assert b.connections == 1  # no flapping
        await good.start()
        await relay.daemon.wait_for("Primary server seems to be stable")
        await flood(relay, 1000)
        await good.wait_for_lines(2000)
        assert broken_laws(3000, [good.lines, b.lines], losses=1) == []
        await settled(relay, 3000)


async def test_certificate_of_another_name_is_refused_until_it_is_right(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    wrong = Collector(A, port, certificates.context("192.0.2.1"))
    right = Collector(A, port, certificates.context(A))
    b = Collector(B, port, certificates.context(B))
    failback = "failback(tcp-probe-interval(0.05) successful-probes-required(2))"
    text = driver(port, certificates.client(), failback=failback)
    async with b, Relay(tmp_path, text) as relay:
        async with wrong:
            await flood(relay, 1000)
            await b.wait_for_lines(1000)
            await relay.daemon.wait_for("IP address mismatch", count=3)
        await right.start()
        await relay.daemon.wait_for("Primary server seems to be stable")
        await flood(relay, 1000)
        await right.wait_for_lines(1000)
        assert wrong.lines == []
        assert broken_laws(2000, [right.lines, b.lines], losses=0) == []
        await settled(relay, 2000)
        await right.stop()


@pytest.mark.parametrize("failback", ["", "failback(tcp-probe-interval(0.1))"])
async def test_handshake_that_hangs_holds_nothing_up(
    failback: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    with socket.create_server((A, port)):  # accepts, and never says a word
        options = "connect-timeout(0.3)"
        text = driver(port, certificates.client(), options, failback)
        async with b, Relay(tmp_path, text) as relay:
            await flood(relay, 1000)
            await b.wait_for(999)
            await relay.daemon.wait_for("no connection within 0.3 s")
            if failback:
                await relay.daemon.wait_for("no connection within 0.3 s", count=4)
            await flood(relay, 1000)
            await b.wait_for(1999)
            assert broken_laws(2000, b.connections(), losses=0) == []
            await settled(relay, 2000)


async def test_killed_server_loses_only_what_its_kernel_had_acknowledged(
    tmp_path: Path,
) -> None:
    certificates = Certificates(tmp_path)
    port = free_port(A, B)
    a = tls_reader(tmp_path, certificates, "a", A, port)
    b = tls_reader(tmp_path, certificates, "b", B, port)
    async with a, b, Relay(tmp_path, driver(port, certificates.client())) as relay:
        load = Load(relay)
        await a.wait_for_lines(5000)
        await a.kill()
        await b.wait_for_lines(1)
        sent = await load.stop()
        await b.wait_for(sent - 1)
        first = numbers(b.lines())[0]
        excused = max(0, first - len(a.lines()))
        connections = [*a.connections(), *b.connections()]
        assert broken_laws(sent, connections, losses=1, excused=excused) == []
        await settled(relay, sent)
