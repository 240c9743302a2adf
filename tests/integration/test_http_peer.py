"""The same ``http()`` options in Debian's syslog-ng and here make the same requests."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest

from helpers.collector import Sender
from helpers.daemon import Daemon, free_port
from helpers.peers import Peer, SyslogNg, require
from helpers.web import Request, WebServer

pytestmark = [pytest.mark.integration, pytest.mark.peers]

FRAMES = (
    b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed\n"
    b"<13>Oct 11 22:14:15 h app[12]: two/three & four\n"
    b"<13>Oct 11 22:14:15 h app[12]: \xc3\xa9t\xc3\xa9\n"
    b"<13>Oct 11 22:14:15 h app: last\n"
)
CASES = {
    "plain": 'url("@U@/path")',
    "batch": 'url("@U@/x") batch-lines(4) batch-timeout(500)',
    "brackets": (
        'url("@U@/x") batch-lines(2) batch-timeout(500) delimiter(",") '
        'body-prefix("[") body-suffix("]") body("\\"$MSG\\"")'
    ),
    "headers": 'url("@U@/x") headers("Content-Type: text/plain", "X-A: b") method("PUT")',
    "auth": 'url("@U@/x") user("u") password("p") user-agent("me")',
    "json": (
        'url("@U@/x") body("$(format-json --scope rfc3164 --exclude DATE)") '
        "batch-lines(4) batch-timeout(500)"
    ),
}
NAMES = (
    "content-type",
    "authorization",
    "x-a",
    "x-syslog-host",
    "x-syslog-program",
    "x-syslog-facility",
    "x-syslog-level",
    "accept",
    "expect",
    "transfer-encoding",
)


def seen(request: Request) -> tuple:
    """Return what must be the same."""
    headers = {name: request.headers.get(name) for name in NAMES}
    return request.method, request.path, headers, request.body


class Forwarder(SyslogNg):
    """Debian's syslog-ng with an ``http()`` destination."""

    def __init__(self, folder: Path, port: int, options: str) -> None:
        source = f'network(ip("127.0.0.1") port({port}))'
        super().__init__(folder, "forwarder", source)
        self._options = options

    def command(self) -> list[str]:
        require("usr/lib/syslog-ng/3.38/libhttp.so")
        words = super().command()
        config = Path(words[words.index("-f") + 1])
        text = config.read_text()
        file = text[text.index('file("') : text.index('");') + 3]
        config.write_text(text.replace(file, f"http({self._options});"))
        return words


async def requests_of_peer(folder: Path, options: str) -> list[tuple]:
    async with WebServer("127.0.0.1") as server:
        port = free_port("127.0.0.1")
        peer: Peer = Forwarder(folder, port, options.replace("@U@", server.url))
        async with peer:
            await send(port)
            await settle(server)
        return [seen(item) for item in server.requests]


async def requests_of_ours(folder: Path, options: str) -> list[tuple]:
    async with WebServer("127.0.0.1") as server:
        port = free_port("127.0.0.1")
        text = f"""
        options {{ keep-hostname(yes); use-dns(no); }};
        source s {{ network(ip("127.0.0.1") port({port})); }};
        destination d {{ http({options.replace("@U@", server.url)}); }};
        log {{ source(s); destination(d); flags(flow-control); }};
        """
        async with Daemon(text, folder):
            await send(port)
            await settle(server)
        return [seen(item) for item in server.requests]


async def send(port: int) -> None:
    for _ in range(200):
        try:
            async with Sender("127.0.0.1", port) as sender:
                await sender.send_raw(FRAMES)
                await asyncio.sleep(0.3)
                return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("nobody listens")


async def settle(server: WebServer) -> None:
    """Wait until no more requests come."""
    await server.wait_for_requests(1)
    count = 0
    while count != len(server.requests):
        count = len(server.requests)
        await asyncio.sleep(0.8)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
async def test_requests_are_those_of_syslog_ng(tmp_path: Path, case: str):
    ours, peers = await asyncio.gather(
        requests_of_ours(tmp_path, CASES[case]),
        requests_of_peer(tmp_path, CASES[case]),
    )
    assert ours == peers


async def test_a_body_that_does_not_shrink_does_not_leak_an_older_one(tmp_path: Path):
    # The reference sends such a body with the length of the one before.
    options = 'url("@U@/x") content-compression("gzip") batch-lines(1)'
    requests = await requests_of_ours(tmp_path, options)
    for _, _, headers, body in requests:
        del headers
        text = body if body[:2] != b"\x1f\x8b" else zlib.decompress(body, 31)
        assert text in FRAMES
