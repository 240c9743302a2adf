"""PROXY protocol headers and other openings, at the real daemon."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

HOME = "127.0.0.1"
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.9 1111 2222\r\n"
V2_START = b"\r\n\r\n\0\r\nQUIT\n"


def v2(transport: int) -> bytes:
    """Return the same ends as ``V1`` in version 2; 1 is a stream, 2 are datagrams."""
    ends = bytes((192, 0, 2, 1, 192, 0, 2, 9)) + b"\x04\x57\x08\xae"
    return V2_START + bytes((0x21, 0x10 + transport, 0, len(ends))) + ends


async def lines_of(path: Path, count: int) -> list[bytes]:
    """Wait until a file holds ``count`` lines and return them."""
    async with asyncio.timeout(30):
        while True:
            lines = path.read_bytes().splitlines() if path.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


def site(folder: Path, port: int, transport: str, options: str = "") -> str:
    return f"""
    source s {{
        network(
            localip("{HOME}") port({port}) transport("{transport}") use-dns(no)
            {options}
        );
    }};
    log {{
        source(s);
        destination {{
            file("{folder}/out" template("$SOURCEIP $DESTIP $DESTPORT $HOST $MSG\\n"));
        }};
    }};
    """


def tls_options(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Return the server's ``tls()`` and a client's context."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert(HOME)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    text = (
        f'tls(key-file("{folder}/key.pem") cert-file("{folder}/cert.pem") '
        "peer-verify(optional-untrusted))"
    )
    return text, ssl.create_default_context(cafile=str(folder / "ca.pem"))


LINE = b"<13>Nov 21 12:00:00 h app: one\n"
PROXIED = b"192.0.2.1 192.0.2.9 2222 192.0.2.1 one"


@pytest.mark.parametrize("header", [V1, v2(1)])
async def test_a_proxied_client_has_its_own_address(
    tmp_path: Path, header: bytes
) -> None:
    port = free_port(HOME)
    async with Daemon(site(tmp_path, port, "proxied-tcp"), tmp_path):
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(header + LINE)
            assert await lines_of(tmp_path / "out", 1) == [PROXIED]
        with socket.create_connection((HOME, port)) as sock:
            for index in range(len(header)):
                sock.sendall(header[index : index + 1])
            sock.sendall(LINE)
            assert await lines_of(tmp_path / "out", 2) == [PROXIED, PROXIED]


async def test_a_proxy_that_does_not_know_is_the_client_itself(
    tmp_path: Path,
) -> None:
    port = free_port(HOME)
    async with Daemon(site(tmp_path, port, "proxied-tcp"), tmp_path):
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(b"PROXY UNKNOWN\r\n" + LINE)
            (line,) = await lines_of(tmp_path / "out", 1)
    assert line == f"{HOME} {HOME} {port} {HOME} one".encode()


async def test_a_client_without_header_is_refused(tmp_path: Path) -> None:
    port = free_port(HOME)
    async with Daemon(site(tmp_path, port, "proxied-tcp"), tmp_path) as daemon:
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(LINE)
            await daemon.wait_for("Error parsing PROXY protocol header")
            assert await asyncio.to_thread(sock.recv, 1) == b""
    assert not (tmp_path / "out").exists()


async def test_the_header_stands_before_tls_with_passthrough(tmp_path: Path) -> None:
    port = free_port(HOME)
    options, context = tls_options(tmp_path)
    text = site(tmp_path, port, "proxied-tls-passthrough", options)

    def send() -> None:
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(V1)
            with context.wrap_socket(sock, server_hostname=HOME) as tls:
                tls.sendall(LINE)
                tls.unwrap()  # a close with unread session tickets is a reset

    async with Daemon(text, tmp_path):
        await asyncio.to_thread(send)
        assert await lines_of(tmp_path / "out", 1) == [PROXIED]


async def test_the_header_stands_inside_tls_with_proxied_tls(tmp_path: Path) -> None:
    port = free_port(HOME)
    options, context = tls_options(tmp_path)

    def send() -> None:
        with (
            socket.create_connection((HOME, port)) as sock,
            context.wrap_socket(sock, server_hostname=HOME) as tls,
        ):
            tls.sendall(V1)
            tls.sendall(LINE)
            tls.unwrap()

    async with Daemon(site(tmp_path, port, "proxied-tls", options), tmp_path):
        await asyncio.to_thread(send)
        assert await lines_of(tmp_path / "out", 1) == [PROXIED]


async def test_datagrams_carry_headers_of_version_two(tmp_path: Path) -> None:
    port = free_port(HOME)
    async with Daemon(site(tmp_path, port, "proxied-udp"), tmp_path) as daemon:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.connect((HOME, port))
            sock.send(V1 + LINE)
            await daemon.wait_for("Error parsing PROXY protocol header")
            sock.send(v2(2) + LINE)
            assert await lines_of(tmp_path / "out", 1) == [PROXIED]


async def test_auto_tells_text_counted_octets_and_tls_apart(tmp_path: Path) -> None:
    port = free_port(HOME)
    options, context = tls_options(tmp_path)

    def send(data: bytes) -> None:
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(data)

    def send_tls() -> None:
        with (
            socket.create_connection((HOME, port)) as sock,
            context.wrap_socket(sock, server_hostname=HOME) as tls,
        ):
            tls.sendall(LINE.replace(b"one", b"three"))
            tls.unwrap()

    async with Daemon(site(tmp_path, port, "auto", options), tmp_path):
        await asyncio.to_thread(send, LINE)
        await lines_of(tmp_path / "out", 1)
        frame = LINE.replace(b"one", b"two")
        await asyncio.to_thread(send, b"%d %b" % (len(frame), frame))
        await lines_of(tmp_path / "out", 2)
        await asyncio.to_thread(send_tls)
        lines = await lines_of(tmp_path / "out", 3)
    assert [line.split()[-1] for line in lines] == [b"one", b"two", b"three"]


async def test_text_with_nuls_keeps_them(tmp_path: Path) -> None:
    port = free_port(HOME)
    async with Daemon(site(tmp_path, port, "text-with-nuls"), tmp_path):
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(LINE.replace(b"one", b"o\0ne"))
            (line,) = await lines_of(tmp_path / "out", 1)
    assert line.endswith(b" o\0ne")


async def test_a_dynamic_window_widens_that_of_a_busy_client(tmp_path: Path) -> None:
    """Without it 100 messages fill the window and nothing more is read."""
    port = free_port(HOME)
    text = f"""
    source s {{
        network(
            localip("{HOME}") port({port}) log-iw-size(10) max-connections(10)
            dynamic-window-size(100000) dynamic-window-stats-freq(0.1)
            dynamic-window-realloc-ticks(1)
        );
    }};
    log {{
        source(s);
        destination {{ network("{HOME}" port({free_port(HOME)}) time-reopen(100)); }};
        flags(flow-control);
    }};
    """
    async with Daemon(text, tmp_path, "-d") as daemon:
        with socket.create_connection((HOME, port)) as sock:
            sock.sendall(LINE * 200)
            await daemon.wait_for("Source has been suspended")
            await daemon.wait_for("Source has been resumed")
