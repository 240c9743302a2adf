"""A daemon that relays numbered messages from one input to one destination driver."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from helpers.collector import Sender
from helpers.daemon import Daemon, free_port

if TYPE_CHECKING:
    from pathlib import Path


class Relay:
    """
    ``source -> driver`` with flow control, a sender attached.

    ``async with Relay(folder, 'network("127.0.0.1" port(1))') as relay`` starts it;
    its exit status must be 0.
    """

    def __init__(self, folder: Path, driver: str, options: str = "") -> None:
        self.folder = folder
        self.input_port = free_port("127.0.0.1")
        self.options = options
        self.daemon = Daemon(self.text(driver), folder)
        self.sender = Sender("127.0.0.1", self.input_port)

    def text(self, driver: str) -> str:
        """Return the configuration with ``driver``."""
        return f"""
            options {{ time-reopen(0.2); {self.options} }};
            source s {{ network(localip("127.0.0.1") port({self.input_port})); }};
            destination d {{ {driver}; }};
            log {{ source(s); destination(d); flags(flow-control); }};
        """

    async def __aenter__(self) -> Relay:
        self.daemon.events.clear()  # of an earlier run
        await self.daemon.start()
        await self.sender.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.sender.__aexit__()
        status = await self.daemon.stop(is_checked=error[0] is None)
        assert status == 0 or error[0] is not None

    async def counter(self, name: str) -> int:
        """Return a counter of the destination, such as ``written``."""
        answer = await self.daemon.ctl("QUERY", "GET", f"dst.*.{name}")
        return int(answer.rpartition("=")[2])

    async def series(self, name: str) -> int:
        """Return the only series called ``name`` among those for Prometheus."""
        page = await self.daemon.ctl("STATS", "PROMETHEUS")
        (line,) = [item for item in page.split("\n") if f"_{name}{{" in item]
        return int(float(line.rpartition(" ")[2]))

    def said(self, text: str) -> list[str]:
        """Return the events that hold ``text``."""
        return [event for event in self.daemon.events if text in event]


class Load:
    """Messages without end, from now until ``stop``."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._is_over = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._is_over:
            await self._relay.sender.send(500)
            await asyncio.sleep(0.002)

    async def stop(self) -> int:
        """Send a last thousand, so that something follows; return how many it were."""
        self._is_over = True
        await self._task
        await self._relay.sender.send(1000)
        return self._relay.sender.sent
