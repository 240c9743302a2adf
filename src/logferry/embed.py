"""
logferry inside another Python program: pipelines, and a handler for ``logging``.

A pipeline runs a configuration in the program's event loop. Messages come in by
``push`` and ``send`` instead of a socket; filters, rewrites, queues, failover and
acknowledged delivery are those of the daemon::

    async with logferry.Pipeline.to('network("10.0.0.1" port(601))') as pipeline:
        await pipeline.send("hello", program="demo")

A message is *settled* when every destination on its way took responsibility for it:
the peer acknowledged it, a reliable disk buffer has it, or it was given up with a
counted reason (:meth:`Pipeline.counts`). Several pipelines may run side by side.

:class:`Handler` gives any program that uses ``logging`` the same, from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from logferry.codegen.python.messages import value_of_python
from logferry.config.load import load_configuration
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import Topology, build_topology
from logferry.errors import StateError
from logferry.message.model import Message, Stamp, UnixNanos
from logferry.message.timestamps import local_offset
from logferry.runtime.environment import Environment
from logferry.sources.application.source import ApplicationSource
from logferry.syslog.names import FACILITIES, SEVERITIES

if TYPE_CHECKING:
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Log

__all__ = ["Handler", "Pipeline"]

WINDOW = 10_000
"""Messages of one pipeline that may be on their way, if the program says nothing."""

_STOP_GRACE_S = 5.0


class Pipeline:
    """
    A configuration at work in this program's event loop.

    Args:
        configuration: the text of a configuration with an ``application()`` source,
            or the path of a file with one.
        state_dir: where disk buffers are kept.
        window: how many messages may be on their way.
        log: where events go (``emit(event)``); they are forgotten by default.

    Raises ``ConfigError`` with everything that is wrong with the configuration.
    """

    def __init__(
        self,
        configuration: str | Path,
        *,
        state_dir: str | Path = ".",
        window: int = WINDOW,
        log: Log | None = None,
    ) -> None:
        text, path = None, Path("<pipeline>")
        if isinstance(configuration, Path):
            path = configuration
        else:
            text = configuration
            if not text.lstrip().startswith("@version"):
                text = f"@version: 4.27\n{text}"
        self._configuration, _ = load_configuration(
            path, default_registry(), os.environ, text
        )
        self._environment = Environment(
            state_dir=Path(state_dir),
            host_name=socket.gethostname().partition(".")[0],
        )
        if log is not None:
            self._environment.log = log
        self._window = window
        self._queues: QueueStore | None = None
        self._topology: Topology | None = None
        self._sources: dict[str, ApplicationSource] = {}
        self._on_their_way = 0
        self._has_room = asyncio.Event()

    @classmethod
    def to(cls, destination: str, **arguments: object) -> Self:
        """Make a pipeline to one destination, such as ``network("10.0.0.1")``."""
        return cls(
            "log { source { application(); }; "
            f"destination {{ {destination}; }}; flags(flow-control); }};",
            **arguments,  # type: ignore[arg-type] # those of __init__
        )

    async def start(self) -> None:
        """Start all drivers. Raises ``ConfigError`` and ``TransportError``."""
        self._queues = QueueStore(self._environment)
        topology = build_topology(self._configuration, self._environment, self._queues)
        await topology.start()
        self._topology = topology
        self._sources = {
            name: item.source
            for name, item in topology.sources.items()
            if isinstance(item.source, ApplicationSource)
        }
        if not self._sources:
            await self.stop()
            raise StateError("the configuration has no application() source")

    async def stop(self, grace_s: float = _STOP_GRACE_S) -> None:
        """Deliver what waits for at most ``grace_s`` seconds, then stop."""
        if self._topology is not None:
            await self._topology.stop(grace_s)
        if self._queues is not None:
            await self._queues.close()
        self._topology = self._queues = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    @property
    def pending(self) -> int:
        """How many messages are not settled yet."""
        return self._on_their_way

    def push(self, text: str | bytes, **fields: object) -> asyncio.Future[None]:
        """
        Hand a message in; the future is done when it is settled.

        Fields are those of :meth:`message`. Raises ``BufferError`` when the window is
        full: await :meth:`send` instead, or an earlier future.
        """
        return self.push_message(self.message(text, **fields))  # type: ignore[arg-type] # checked there

    async def send(self, text: str | bytes, **fields: object) -> None:
        """Hand a message in, when there is room, and wait until it is settled."""
        while self._on_their_way >= self._window:
            self._has_room.clear()
            await self._has_room.wait()
        await self.push(text, **fields)

    def message(
        self,
        text: str | bytes,
        *,
        severity: str = "notice",
        facility: str = "user",
        program: str = "",
        pid: int | str | None = None,
        host: str = "",
        unix_ns: int | None = None,
        values: Mapping[str, object] | None = None,
    ) -> Message:
        """
        Return a message.

        Args:
            text: what ``$MSG`` is.
            severity: a name such as ``err``.
            facility: a name such as ``daemon``.
            program: ``$PROGRAM``; our own process's name by default.
            pid: ``$PID``; our own by default.
            host: ``$HOST``; this machine by default.
            unix_ns: its time, nanoseconds since the epoch; now by default.
            values: further name-value pairs, with the types of their values.

        """
        now = self._environment.now()
        moment = now if unix_ns is None else UnixNanos(unix_ns)
        source = next(iter(self._sources.values()), None)
        if source is None:
            raise StateError("the pipeline does not run")
        message = Message(
            source.origin,
            Stamp(moment, local_offset(moment)),
            Stamp(now, local_offset(now)),
        )
        message.pri = FACILITIES[facility] * 8 + SEVERITIES[severity]
        message.host = host.encode() or source.origin.host
        message.program = program.encode() or _own_name()
        message.pid = b"%d" % os.getpid() if pid is None else str(pid).encode()
        message.message = (
            text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        )
        message.utf8 = isinstance(text, str) and not text.isascii()
        for name, value in (values or {}).items():
            message.values[name], kind = value_of_python(value)
            if kind:
                message.types[name] = kind
        return message

    def push_message(self, message: Message) -> asyncio.Future[None]:
        """Hand a message in that :meth:`message` made; see :meth:`push`."""
        if self._topology is None:
            raise StateError("the pipeline does not run")
        if self._on_their_way >= self._window:
            raise BufferError(f"{self._window} messages are on their way")
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_their_way += 1
        left = kept = len(self._sources)

        def on_settled(receipt: Receipt) -> None:
            nonlocal left
            left -= 1
            if not left:
                self._on_their_way -= 1
                self._has_room.set()
            receipt.when_released(on_released)

        def on_released() -> None:
            nonlocal kept
            kept -= 1
            if not kept and not settled.done():
                settled.set_result(None)

        for source in self._sources.values():
            source.push([message], on_settled)
        return settled

    def counts(self) -> dict[str, int]:
        """Return what became of the records of all destinations, by column."""
        totals = {"delivered": 0, "dropped": 0, "dead-lettered": 0, "queued": 0}
        if self._topology is None:
            return totals
        for queue in self._topology.queues():
            ledger = queue.ledger
            totals["delivered"] += ledger.delivered
            totals["dropped"] += ledger.dropped_count
            totals["dead-lettered"] += ledger.dead_lettered
            totals["queued"] += ledger.queued()
        return totals


def _own_name() -> bytes:
    return Path(sys.argv[0] or "python").name.encode() or b"python"


_SEVERITIES = (
    (logging.CRITICAL, "crit"),
    (logging.ERROR, "err"),
    (logging.WARNING, "warning"),
    (logging.INFO, "info"),
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Handler(logging.Handler):
    """
    A ``logging`` handler with acknowledged delivery and failover.

    A thread of its own runs the pipeline; ``emit`` only hands the record over. When
    ``capacity`` records are on their way, further ones wait for at most ``patience_s``
    seconds and are then dropped and counted (:attr:`dropped`).

    Args:
        destination: a destination driver, such as ``network("10.0.0.1"
            failover(servers("10.0.0.2")))``; or a whole configuration, if it holds
            an ``application()`` source.
        program: ``$PROGRAM``; the name of the running program by default.
        facility: the syslog facility of all records.
        capacity: how many records may be on their way.
        patience_s: how long ``emit`` may wait for room, in seconds.
        state_dir: where disk buffers are kept.

    A record's logger, file, line, function, thread and ``extra`` attributes become
    name-value pairs under ``.python.``. Raises ``ConfigError`` when made.
    """

    def __init__(
        self,
        destination: str,
        *,
        program: str = "",
        facility: str = "user",
        capacity: int = WINDOW,
        patience_s: float = 0.0,
        state_dir: str | Path = ".",
    ) -> None:
        make = Pipeline if "application(" in destination else Pipeline.to
        self._pipeline = make(destination, state_dir=state_dir, window=capacity)
        super().__init__()  # known to logging.shutdown() from here on
        self._program = program
        self._facility = facility
        self._patience_s = patience_s
        self._room = threading.Semaphore(capacity)
        self._waiting: deque[logging.LogRecord] = deque()
        self._settled = threading.Condition()
        self._unsettled = 0
        self.dropped = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="logferry", daemon=True
        )
        self._thread.start()
        self._run(self._pipeline.start())

    def _run(
        self, coroutine: Coroutine[object, object, None], timeout_s: float | None = None
    ) -> None:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        future.result(timeout_s)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand ``record`` over; never raises, waits only for ``patience_s``."""
        if record.thread == self._thread.ident:
            return  # our own doings would have no end
        try:
            record.message = self.format(record)
            if not self._room.acquire(timeout=self._patience_s):
                self.dropped += 1
                return
            with self._settled:
                self._unsettled += 1
            self._waiting.append(record)
            self._loop.call_soon_threadsafe(self._take)
        except Exception:
            self.handleError(record)

    def _take(self) -> None:
        while self._waiting:
            record = self._waiting.popleft()
            message = self._pipeline.message(
                record.message,
                severity=_severity(record.levelno),
                facility=self._facility,
                program=self._program,
                unix_ns=int(record.created * 1e9),
                values=_values(record),
            )
            self._pipeline.push_message(message).add_done_callback(self._on_settled)

    def _on_settled(self, future: asyncio.Future[None]) -> None:
        del future
        self._room.release()
        with self._settled:
            self._unsettled -= 1
            self._settled.notify_all()

    def flush(self, timeout_s: float = _STOP_GRACE_S) -> None:
        """Wait until everything is settled, at most ``timeout_s`` seconds."""
        until = time.monotonic() + timeout_s
        with self._settled:
            while self._unsettled and (left := until - time.monotonic()) > 0:
                self._settled.wait(left)

    def counts(self) -> dict[str, int]:
        """Return what became of the records, by column."""
        return self._pipeline.counts()

    def close(self) -> None:
        """Deliver what waits, stop the pipeline and its thread."""
        if self._thread.is_alive():
            self.flush()
            with contextlib.suppress(TimeoutError):
                self._run(self._pipeline.stop(), _STOP_GRACE_S * 2)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_GRACE_S)
            self._loop.close()
        super().close()


def _severity(level: int) -> str:
    return next((name for least, name in _SEVERITIES if level >= least), "debug")


def _values(record: logging.LogRecord) -> dict[str, object]:
    values: dict[str, object] = {
        ".python.logger": record.name,
        ".python.file": record.pathname,
        ".python.line": record.lineno,
        ".python.function": record.funcName,
        ".python.thread": record.threadName,
    }
    for name, value in vars(record).items():
        if name not in _STANDARD:
            values[f".python.{name}"] = value
    return values
