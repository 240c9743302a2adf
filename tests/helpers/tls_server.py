"""OpenSSL's own test server: it can ask for new keys in the middle of a connection."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from helpers.certificates import Certificates

# What it says of a command, also between the halves of a line.
_own_words = re.compile(rb"SSL_do_handshake -> -?\d+\n|KEYUPDATE\n")


class TlsServer:
    """
    ``openssl s_server`` with one connection; ``lines()`` is what it printed of it.

    ``command("K")`` updates the keys and demands that we do, ``"k"`` only its own,
    ``"r"`` and ``"R"`` renegotiate (TLS 1.2).
    """

    def __init__(
        self, certificates: Certificates, address: str, port: int, version: str
    ) -> None:
        cert, key = certificates.files(address)
        self._arguments = (
            *("s_server", "-accept", f"{address}:{port}", version),
            *("-cert", str(cert), "-key", str(key)),
            *("-CAfile", str(certificates.ca), "-Verify", "2"),
        )
        self._output = bytearray()

    async def __aenter__(self) -> TlsServer:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self._process = await asyncio.create_subprocess_exec(
            "openssl",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(30):
            while b"ACCEPT" not in self._output:
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(1 << 16):
            self._output += data

    def command(self, letter: str) -> None:
        """Type a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(letter.encode() + b"\n")

    def lines(self) -> list[bytes]:
        """Return the messages it printed, without its own words in their midst."""
        output = _own_words.sub(b"", self._output)
        return [line for line in output.split(b"\n") if b"number " in line]
