"""TLS: whose certificate is checked against what, and handshakes that never end."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

PRIMARY, FAILOVER = "127.0.0.1", "127.0.0.2"


def _text(input_port: int, port: int, tls: str, options: str = "") -> str:
    return f"""
        options {{ time-reopen(0.2); }};
        source s {{ network(localip("127.0.0.1") port({input_port})); }};
        destination d {{
            network("{PRIMARY}" transport(tls) port({port}) {tls} {options}
                    failover(servers("{FAILOVER}")));
        }};
        log {{ source(s); destination(d); flags(flow-control); }};
    """


async def test_each_servers_certificate_is_checked_against_its_own_address(
    tmp_path: Path,
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    # The primary shows a certificate that is right for the failover server only.
    wrong = Collector(PRIMARY, port, certificates.context(FAILOVER))
    right = Collector(FAILOVER, port, certificates.context(FAILOVER))
    async with wrong, right:
        text = _text(input_port, port, certificates.client())
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", input_port) as sender,
        ):
            await sender.send(3)
            await right.wait_for_lines(3)
            event = await daemon.wait_for("connection failed")
            assert "IP address mismatch" in event
            assert wrong.lines == []


async def test_the_same_client_certificate_is_sent_to_every_server(
    tmp_path: Path,
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    primary = Collector(PRIMARY, port, certificates.context(PRIMARY))
    failover = Collector(FAILOVER, port, certificates.context(FAILOVER))
    async with primary, failover:
        text = _text(input_port, port, certificates.client())
        async with Daemon(text, tmp_path):
            await primary.wait_for_connections(1)
            await primary.stop()
            await failover.wait_for_connections(1)
            assert primary.client_certificates[0]
            assert primary.client_certificates[0] == failover.client_certificates[0]


async def test_an_expired_certificate_is_a_failed_server(tmp_path: Path) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    primary = Collector(PRIMARY, port, certificates.context(PRIMARY, not_after=past))
    failover = Collector(FAILOVER, port, certificates.context(FAILOVER))
    async with primary, failover:
        text = _text(input_port, port, certificates.client())
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", input_port) as sender,
        ):
            await sender.send(2)
            await failover.wait_for_lines(2)
            assert "expired" in await daemon.wait_for("connection failed")


async def test_a_handshake_that_hangs_counts_as_failed_after_connect_timeout(
    tmp_path: Path,
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    failover = Collector(FAILOVER, port, certificates.context(FAILOVER))
    with socket.create_server((PRIMARY, port)):  # accepts, and never says a word
        async with failover:
            text = _text(
                input_port, port, certificates.client(), "connect-timeout(0.5)"
            )
            async with (
                Daemon(text, tmp_path) as daemon,
                Sender("127.0.0.1", input_port) as sender,
            ):
                await sender.send(2)
                await failover.wait_for_lines(2)
                await daemon.wait_for("no connection within 0.5 s")


async def test_a_reset_under_load_loses_nothing_that_was_not_acknowledged(
    tmp_path: Path,
) -> None:
    port, input_port = free_port(PRIMARY, FAILOVER), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    primary = Collector(PRIMARY, port, certificates.context(PRIMARY))
    failover = Collector(FAILOVER, port, certificates.context(FAILOVER))
    async with primary, failover:
        text = _text(input_port, port, certificates.client())
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", input_port) as sender,
        ):
            await primary.wait_for_connections(1)
            sending = asyncio.create_task(_send(sender, 200_000))
            await primary.wait_for_lines(5_000)
            await primary.stop(reset=True)
            await sending
            await daemon.wait_for("Destination switched")
            last = 199_999
            for _ in range(400):
                if last in numbers(failover.lines[-1:]):
                    break
                await asyncio.sleep(0.05)
            first = numbers(failover.lines)[0]
            assert numbers(failover.lines) == list(range(first, 200_000))
            # What the dead kernel acknowledged but its program did not read (its own
            # buffers) is beyond any sender; everything else is on one side.
            written = await daemon.ctl("QUERY", "GET", "dst.network*.written")
            assert int(written.rpartition("=")[2]) == 200_000


async def _send(sender: Sender, count: int) -> None:
    for _ in range(count // 2000):
        await sender.send(2000)


async def test_a_tls_source_takes_what_a_tls_destination_sends(tmp_path: Path) -> None:
    port, input_port = free_port(PRIMARY), free_port(PRIMARY)
    certificates = Certificates(tmp_path)
    server = certificates.authority.issue_cert(PRIMARY)
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    server.cert_chain_pems[0].write_to_path(str(cert))
    server.private_key_pem.write_to_path(str(key))
    out = tmp_path / "out.log"
    text = f"""
        source s {{ network(localip("{PRIMARY}") port({input_port})); }};
        source s_tls {{
            network(localip("{PRIMARY}") port({port}) transport(tls) keep-hostname(yes)
                    tls(ca-file("{certificates.ca}") cert-file("{cert}") key-file("{key}")));
        }};
        destination d {{
            network("{PRIMARY}" transport(tls) port({port}) {certificates.client()});
        }};
        log {{ source(s); destination(d); flags(flow-control); }};
        log {{ source(s_tls); destination {{ file("{out}"); }}; flags(flow-control); }};
    """
    async with Daemon(text, tmp_path), Sender(PRIMARY, input_port) as sender:
        await sender.send(20_000)
        for _ in range(200):
            lines = out.read_bytes().split(b"\n")[:-1] if out.exists() else []
            if len(lines) == 20_000:
                break
            await asyncio.sleep(0.05)
        assert numbers(lines) == list(range(20_000))
