"""An ``http()`` destination in this process, between a program and web servers."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, cast

from helpers.programs import NOW, ORIGIN
from helpers.web import Script, WebServer
from logferry.config.load import load_configuration
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.runtime.environment import Environment
from logferry.telemetry.events import Event, NullLog, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logferry.destinations.http.destination import HttpDestination
    from logferry.queues.ledger import Ledger
    from logferry.queues.queue import Queue
    from logferry.runtime.stores import DeadLetter, MemoryDeadLetters


class EventList(NullLog):
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep ``event``."""
        self.events.append(event)

    def lines(self) -> list[str]:
        """Return the events as log lines."""
        return [render(event) for event in self.events]


class HttpScene:
    """
    A destination and its servers; ``%0``, ``%1`` … in the options are their URLs.

    ``async with HttpScene(folder, 'url("%0/logs" "%1/logs")', script, script)``.
    """

    def __init__(self, folder: Path, options: str, *scripts: Script | None) -> None:
        self.servers = [WebServer("127.0.0.1", script) for script in scripts]
        self.log = EventList()
        self.environment = Environment(log=self.log, state_dir=folder)
        self._config = folder / "http.conf"
        self._options = options
        self._queues = QueueStore(self.environment)
        self.preamble = ""  # of the configuration
        self.sent = 0
        self._pushed = 0

    def __getitem__(self, index: int) -> WebServer:
        return self.servers[index]

    async def __aenter__(self) -> HttpScene:
        for server in self.servers:
            await server.start()
        try:
            await self.open(self._options)
        except BaseException:
            await self._stop_servers()
            raise
        return self

    async def open(self, options: str) -> None:
        """Start the destination."""
        options = re.sub(
            r"%(\d)(?![0-9A-F])", lambda m: self.servers[int(m[1])].url, options
        )
        self._config.write_text(
            "@version: 4.27\noptions { keep-hostname(yes); time-reopen(0.2); };\n"
            f"{self.preamble}\n"
            "source s { internal(); };\n"
            f"destination d {{ http({options}); }};\n"
            "log { source(s); destination(d); };\n"
        )
        configuration, self.diagnostics = load_configuration(
            self._config, default_registry(), {}
        )
        self.topology = build_topology(configuration, self.environment, self._queues)
        await self.topology.start()

    async def close(self, grace_s: float = 0.0) -> None:
        """Stop the destination."""
        await self.topology.stop(grace_s)

    async def __aexit__(self, kind: object, *error: object) -> None:
        queues = list(self._queues)
        await self.close()
        await self._stop_servers()
        if kind is None:
            self._check_ledger([queue for _, queue in queues])

    def _check_ledger(self, queues: list[Queue]) -> None:
        """Check that every record that was pushed is in exactly one column."""
        pushed = 0
        for queue in queues:
            ledger = queue.ledger
            pushed += ledger.accepted - ledger.found + ledger.rejected.total()
            ends = ledger.delivered + ledger.dropped.total() + ledger.dead_lettered
            assert ledger.accepted == ends + queue.count, vars_of(ledger)
        assert pushed == self._pushed, f"{self._pushed} pushed, {pushed} known"

    async def _stop_servers(self) -> None:
        for server in self.servers:
            await server.stop()

    @property
    def destination(self) -> HttpDestination:
        """The driver."""
        running = self.topology.destinations["d#0"]
        return cast("HttpDestination", running.destination)

    @property
    def queue(self) -> Queue:
        """Its queue."""
        ((_, queue),) = self._queues
        return queue

    @property
    def letters(self) -> list[DeadLetter]:
        """Its dead letters."""
        letters = cast("MemoryDeadLetters", self.environment.dead_letters)
        return list(letters.letters)

    def push(self, frames: list[bytes]) -> None:
        """Send messages through the compiled program."""
        program = self.topology.programs["s#0"]
        for batches in program.frames(frames, ORIGIN, NOW):
            for batch in batches:
                self._pushed += batch.count
                self.destination.push(batch)

    def send(self, count: int, host: str = "h") -> None:
        """Send ``count`` numbered messages."""
        numbers = range(self.sent, self.sent + count)
        self.push(
            [
                b"<13>Nov 21 12:00:00 %b app: number %06d" % (host.encode(), n)
                for n in numbers
            ]
        )
        self.sent += count

    async def until(self, is_so: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until ``is_so``."""
        async with asyncio.timeout(timeout_s):
            while not is_so():
                await asyncio.sleep(0.005)

    async def settled(self, timeout_s: float = 30.0) -> None:
        """Wait until the queue is empty."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.queue.count:
                    await asyncio.sleep(0.002)
        except TimeoutError:
            log = "\n".join(self.log.lines()[-30:])
            raise AssertionError(f"{self.queue.count} left:\n{log}") from None


def vars_of(ledger: Ledger) -> dict[str, object]:
    """Return the columns of a ledger by name."""
    return {name: getattr(ledger, name) for name in ledger.__slots__}
