"""A SOCKS proxy for tests (RFC 1928 and 1929; SOCKS 4 and 4a)."""

from __future__ import annotations

import asyncio
import contextlib
import socket


class SocksProxy:
    """
    Leads to wherever it is asked to.

    Attributes:
        asked: hosts and ports that were asked for, in order.
        users: names and passwords that came.
        refuses: everything.

    """

    def __init__(self, *, needs_password: bool = False) -> None:
        self.asked: list[tuple[str, int]] = []
        self.users: list[tuple[bytes, bytes]] = []
        self.refuses = False
        self._needs_password = needs_password
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SocksProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), closing(writer):
            version = (await reader.readexactly(1))[0]
            host, port = await (self._five if version == 5 else self._four)(
                reader, writer
            )
            self.asked.append((host, port))
            code = (0x05 if version == 5 else 0x5B) if self.refuses else None
            good = 0 if version == 5 else 0x5A
            head = b"\x05%c\0\x01" if version == 5 else b"\0%c"
            writer.write(head % (good if code is None else code) + bytes(6))
            if code is None:
                there, onwards = await asyncio.open_connection(host, port)
                with closing(onwards):
                    await asyncio.gather(copy(reader, onwards), copy(there, writer))

    async def _four(
        self, reader: asyncio.StreamReader, _: asyncio.StreamWriter
    ) -> tuple[str, int]:
        _, high, low, *address = await reader.readexactly(7)
        await reader.readuntil(b"\0")
        host = ".".join(map(str, address))
        if host.startswith("0.0.0."):
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        return host, high << 8 | low

    async def _five(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int]:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x02" if self._needs_password else b"\x05\0")
        if self._needs_password:
            await reader.readexactly(1)
            name = await reader.readexactly((await reader.readexactly(1))[0])
            word = await reader.readexactly((await reader.readexactly(1))[0])
            self.users.append((name, word))
            writer.write(b"\x01\0")
        kind = (await reader.readexactly(4))[3]
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, await reader.readexactly(size))
        return host, int.from_bytes(await reader.readexactly(2), "big")


@contextlib.contextmanager
def closing(writer: asyncio.StreamWriter):
    """Close ``writer`` in the end."""
    try:
        yield
    finally:
        writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy to the end."""
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
