"""A reload takes over what the files of an unchanged ``tls()`` block hold by now."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from helpers.web import Request, Response, WebServer

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"


async def test_a_reload_shows_servers_the_renewed_certificate(tmp_path: Path):
    port, input_port = free_port(HOST), free_port(HOST)
    certificates = Certificates(tmp_path)
    text = f"""
source s {{ network(ip({HOST}) port({input_port})); }};
destination d {{ network("{HOST}" transport(tls) port({port}) time-reopen(0.2)
    {certificates.client()}); }};
log {{ source(s); destination(d); }};
"""
    async with Collector(HOST, port, certificates.context(HOST)) as collector:
        async with Daemon(text, tmp_path) as daemon, Sender(HOST, input_port) as sender:
            await sender.send(1)
            await collector.wait_for_lines(1)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sender.send(1)
            await collector.wait_for_lines(2)
            assert collector.connections == 1  # nothing has changed yet
            certificates.client()  # issues another into the same files
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sender.send(1)
            await collector.wait_for_lines(3)
        first, second = collector.client_certificates
        assert first != second


async def test_a_reload_shows_clients_the_renewed_certificate(tmp_path: Path):
    port = free_port(HOST)
    certificates = Certificates(tmp_path)
    cert, key = certificates.files(HOST)
    text = f"""
source s {{ network(ip({HOST}) transport(tls) port({port})
    tls(cert-file("{cert}") key-file("{key}") peer-verify(no))); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""

    async def shown() -> bytes:
        context = ssl.create_default_context(cafile=str(certificates.ca))
        _, writer = await asyncio.open_connection(HOST, port, ssl=context)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found

    async with Daemon(text, tmp_path) as daemon:
        first = await shown()
        assert await shown() == first
        certificates.files(HOST)
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        assert await shown() != first


async def test_a_reload_asks_web_servers_by_the_renewed_authorities(tmp_path: Path):
    port = free_port(HOST)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.mkdir()
    wrong.mkdir()
    certificates, others = Certificates(right), Certificates(wrong)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert(HOST).configure_cert(context)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(others.ca.read_bytes())
    bodies: list[bytes] = []

    def take(request: Request) -> Response:
        bodies.append(request.body)
        return Response(200)

    async with WebServer(HOST, take, context=context) as server:
        text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ http(url("{server.url}") time-reopen(0.2)
    tls(ca-file("{bundle}"))); }};
log {{ source(s); destination(d); }};
"""
        async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
            await sender.send(1)
            await daemon.wait_for("ertificate")
            assert bodies == []
            bundle.write_bytes(certificates.ca.read_bytes())
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            async with asyncio.timeout(30):
                while not bodies:
                    await asyncio.sleep(0.02)


async def test_a_renewal_that_went_wrong_changes_nothing(tmp_path: Path):
    port, tls_port, out = (free_port(HOST) for _ in range(3))
    certificates = Certificates(tmp_path)
    cert, key = certificates.files(HOST)
    text = f"""
source s {{ network(ip({HOST}) transport(tls) port({tls_port})
    tls(cert-file("{cert}") key-file("{key}") peer-verify(no))); }};
source t {{ network(ip({HOST}) port({port})); }};
destination d {{ network("{HOST}" transport(tls) port({out}) time-reopen(0.2)
    {certificates.client()}); }};
log {{ source(s); source(t); destination(d); }};
"""
    trusting = ssl.create_default_context(cafile=str(certificates.ca))

    async def send(number: int) -> None:
        _, writer = await asyncio.open_connection(HOST, tls_port, ssl=trusting)
        writer.write(b"<13>Nov 21 12:00:00 h app: number %d\n" % number)
        await writer.drain()
        writer.close()
        await collector.wait_for_lines(number)

    async with Collector(HOST, out, certificates.context(HOST)) as collector:
        async with Daemon(text, tmp_path) as daemon:
            await send(1)
            good = cert.read_bytes()
            cert.write_text("half of a certif")
            answer = await daemon.ctl("RELOAD")
            assert answer.startswith("FAIL"), answer
            await send(2)
            client = tmp_path / "client.example.pem"
            client.write_text("nothing")
            assert (await daemon.ctl("RELOAD")).startswith("FAIL")
            await send(3)
            cert.write_bytes(good)
            assert (await daemon.ctl("RELOAD")).startswith("FAIL")
            await send(4)
            certificates.client()
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await send(5)
        assert daemon.returncode == 0


async def test_connections_outlive_a_renewal_and_nobody_is_refused(tmp_path: Path):
    """While the reload waits for acknowledgements, clients come all the time."""
    port, out = free_port(HOST), free_port(HOST)
    certificates = Certificates(tmp_path)
    cert, key = certificates.files(HOST)

    def text(options: str) -> str:
        return f"""
source s {{ network(ip({HOST}) transport(tls) port({port}) {options}
    tls(cert-file("{cert}") key-file("{key}") peer-verify(no))); }};
destination d {{ network("{HOST}" port({out}) {options.replace("max-connections", "throttle")}
    time-reopen(0.1)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""

    trusting = ssl.create_default_context(cafile=str(certificates.ca))
    lines = 0

    async def send(writer: asyncio.StreamWriter) -> None:
        nonlocal lines
        lines += 1
        writer.write(b"<13>Nov 21 12:00:00 h app: number %d\n" % lines)
        await writer.drain()

    async def come() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(HOST, port, ssl=trusting)
        await send(writer)
        return writer

    async with Collector(HOST, out) as collector:
        async with Daemon(text("max-connections(50000)"), tmp_path) as daemon:
            first = await come()
            await collector.wait_for_lines(1)
            for number in range(3):
                certificates.files(HOST)
                daemon.config.write_text(
                    "@version: 4.27\n" + text(f"max-connections({60_000 + number})")
                )
                reload = asyncio.create_task(daemon.ctl("RELOAD"))
                while not reload.done():
                    (await come()).close()
                assert (await reload).startswith("OK")
                await send(first)
            await collector.wait_for_lines(lines)
            first.close()
        assert sorted(numbers(collector.lines)) == list(range(1, lines + 1))
