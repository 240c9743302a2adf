"""The real daemon in a process of its own, watched through its log and control socket."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import random
import signal
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

from helpers.metrics import parse_prometheus, rows_of, unbalanced
from logferry.cli.ctl import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_TIMEOUT_S = 20.0


_SLOT_PORTS = 400
_SLOTS = 30  # from 20,000 up to the kernel's own range


def _claim_slot() -> int:
    """
    Return a range of ports that no other test process on this machine has.

    The lock is kept until the process ends. A port that a test does not hold all the
    time would else be taken by somebody else's test in between.
    """
    for slot in random.sample(range(_SLOTS), _SLOTS):
        path = f"{tempfile.gettempdir()}/logferry-test-ports-{slot}"
        lock = -1
        try:
            lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # taken, or another user's
            if lock >= 0:
                os.close(lock)
        else:
            return slot
    raise RuntimeError("too many test processes at the same time")


def _ports() -> Iterator[int]:
    """
    Yield ports in random order.

    They are below the range from which the kernel takes ports for outgoing
    connections, and every test process has a range of its own: a port that was free is
    still free when the daemon binds it.
    """
    first = 20_000 + _claim_slot() * _SLOT_PORTS
    numbers = list(range(first, first + _SLOT_PORTS))
    random.shuffle(numbers)
    yield from itertools.cycle(numbers)


_PORTS = _ports()


def free_port(*addresses: str) -> int:
    """Return a port that is free on all ``addresses`` now, for TCP and UDP."""
    for port in itertools.islice(_PORTS, _SLOT_PORTS):
        with contextlib.ExitStack() as stack:
            try:
                for address in addresses:
                    stack.enter_context(socket.create_server((address, port)))
                    datagrams = socket.socket(type=socket.SOCK_DGRAM)
                    stack.enter_context(datagrams).bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class Daemon:
    """
    A running ``logferry run``.

    ``async with Daemon(text, folder) as daemon:`` starts it and stops it again; the
    exit status is then in ``returncode``.
    """

    def __init__(self, text: str, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.config = folder / "logferry.conf"
        self.config.write_text("@version: 4.27\n" + text)
        self.control = os.path.relpath(folder / "ctl")
        self.events: list[str] = []
        self.asked: set[str] = set()
        self.returncode: int | None = None
        self._arguments = arguments
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Daemon:
        await self.start()
        return self

    async def __aexit__(self, kind: object, *error: object) -> None:
        await self.stop(is_checked=kind is None)

    async def check_ledger(self) -> None:
        """
        Check that every destination can say where all its records are.

        What it was handed, and found in its queue at start, it accepted or rejected;
        what it accepted is delivered, dropped, a dead letter, or in its queue.
        """
        try:
            # In this order: what comes in between is in the ledger, not in the rows.
            csv = await self._ask("STATS", "CSV")
            text = await self._ask("STATS", "PROMETHEUS")
        except OSError:
            return  # it does not run any more, or was told not to answer
        samples = parse_prometheus(text)
        if not any(sample.name == "ledger_events_total" for sample in samples):
            return
        handed = {}
        if "RESET_STATS" not in self.asked:
            handed = {
                key[1]: row[1]
                for key, row in rows_of(csv).items()
                if key[0] == "destination"
            }
        if wrong := unbalanced(samples, handed):
            raise AssertionError("\n".join(wrong))

    async def _ask(self, *words: str) -> str:
        return await asyncio.to_thread(ask, self.control, list(words), 5.0)

    async def start(self) -> None:
        """Start the daemon and wait until it says that it runs."""
        starts = sum("starting up" in event for event in self.events)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logferry.cli.main", "run"),
            *("-f", str(self.config), "--state-dir", str(self.folder / "state")),
            *("--control", self.control),
            *self._arguments,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        await self.wait_for("starting up", START_TIMEOUT_S, starts + 1)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.events.append(line.decode("utf-8", "replace").rstrip("\n"))
            self._changed.set()
        self._changed.set()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    async def wait_for(self, text: str, timeout_s: float = 30.0, count: int = 1) -> str:
        """Wait until ``count`` events hold ``text``; return the last of them."""

        def found() -> list[str]:
            return [event for event in self.events if text in event]

        try:
            async with asyncio.timeout(timeout_s):
                while len(found()) < count:
                    assert self._process is not None
                    assert self._process.returncode is None, "\n".join(self.events)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log = "\n".join(self.events)
            raise AssertionError(f"no {text!r} ({count}x) in:\n{log}") from None
        return found()[count - 1]

    async def ctl(self, *words: str) -> str:
        """Send one command to the control socket and return the answer."""
        self.asked.add(" ".join(words))
        return await asyncio.to_thread(ask, self.control, list(words))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self, *, is_checked: bool = True) -> int:
        """Stop with TERM, after a look at the ledger; return the exit status."""
        assert self._process is not None
        try:
            if is_checked and self._process.returncode is None:
                await self.check_ledger()
        finally:
            status = await self._stop()
        return status

    async def _stop(self) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(30):
                self.returncode = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            self.returncode = await self._process.wait()
        if self._reader is not None:
            await self._reader
        return self.returncode

    async def kill(self) -> None:
        """Kill with KILL."""
        assert self._process is not None
        self._process.kill()
        self.returncode = await self._process.wait()

    def resident_kib(self) -> int:
        """Return the resident memory in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1])
        raise AssertionError("no VmHWM")
