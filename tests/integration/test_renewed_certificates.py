"""A reload takes over what the files of an unchanged ``tls()`` block hold by now."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from helpers.certificates import Certificates
from helpers.collector import Collector, Sender
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
