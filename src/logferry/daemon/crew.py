"""
Several worker processes under one supervisor: ``--processes N``, ``workers(N)``.

Every worker is a whole daemon. All of them bind the same ports (``SO_REUSEPORT``) and
the kernel spreads connections and datagrams over them; a connection stays with its
worker, so its messages keep their order. Sources that cannot be shared (files, pipes,
standard input) run in the first worker only.

Queues are a worker's own. Worker 0 keeps its state where a single process keeps it;
worker *k* in ``worker-k`` below. When fewer workers are asked for than before, what
the others left behind is named in the log, and delivered as soon as they run again.

A worker notices by the end of a pipe (its *lifeline*) that the supervisor is gone, and
stops: nobody would pass on signals or start it again.

The supervisor moves no messages. It starts a worker again that died, after a wait
that grows from ``RESTART_MIN_S`` to ``RESTART_MAX_S``; it passes on signals, and
answers on the control socket for all (``merge.py``). A worker that is just starting is
waited for; one that dies while it is asked is left out: its counters begin at 0 again,
and whatever it was told holds for its successor by the configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry import __version__
from logferry.daemon import events
from logferry.daemon.attach import Attachments
from logferry.daemon.commands import Commands
from logferry.daemon.control import ControlServer
from logferry.daemon.merge import merge_answers
from logferry.daemon.service import ServiceNotifier
from logferry.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from logferry.daemon.control import Command
    from logferry.daemon.process import DaemonOptions
    from logferry.daemon.selflog import SelfLog

__all__ = ["PROCESSES_MAX", "Crew"]

PROCESSES_MAX: Final = 64
RESTART_MIN_S: Final = 1.0
RESTART_MAX_S: Final = 30.0
STEADY_S: Final = 60.0
"""A worker that lived this long begins with the shortest wait again."""

START_TIMEOUT_S: Final = 60.0
ANSWER_PATIENCE_S: Final = 10.0
"""A worker that has just been started may take so long until it answers."""

STOP_MARGIN_S: Final = 10.0
"""A worker may take this much longer than ``shutdown-grace()`` to end."""

_POLL_S = 0.02
_ANSWER_BYTES_MAX = 64 * 1024 * 1024


@dataclass(slots=True)
class _Worker:
    index: int
    state_dir: Path
    control: str
    process: asyncio.subprocess.Process | None = None
    restart_delay_s: float = RESTART_MIN_S
    arguments: list[str] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Crew:
    """
    The supervisor and its workers.

    Args:
        options: those of the daemon; each worker gets them with its own folders.
        count: how many workers.
        log: where the supervisor's own events go.
        verbosity: default, verbose, debug or trace.
        on_ready: called when all workers run.

    """

    def __init__(
        self,
        options: DaemonOptions,
        count: int,
        log: SelfLog,
        verbosity: str,
        on_ready: Callable[[], None],
    ) -> None:
        assert 1 < count <= PROCESSES_MAX
        self._options = options
        self._log = log
        self._on_ready = on_ready
        self._service = ServiceNotifier()
        arguments = [] if verbosity == "default" else [f"--{verbosity}"]
        for name in ("user", "group"):
            if getattr(options, name):
                arguments += [f"--{name}", getattr(options, name)]
        self._workers = [
            self._worker(index, count, arguments) for index in range(count)
        ]
        self._stop_requested = asyncio.Event()
        # Never written to; the kernel closes our end when we are gone.
        self._lifeline, self._our_end = os.pipe()
        self._attachments = Attachments(log)
        self._control = ControlServer(options.control, _Relay(self), log, self._attach)
        self._tasks: set[asyncio.Task[object]] = set()
        self.on_reloaded: Callable[[], Awaitable[None]] | None = None
        """Called when the workers run a new configuration."""

    def _worker(self, index: int, count: int, arguments: list[str]) -> _Worker:
        options = self._options
        folder = options.state_dir / f"worker-{index}" if index else options.state_dir
        control = str(options.state_dir / f"worker-{index}.ctl")
        words = ["-f", str(options.config_file), "--state-dir", str(folder)]
        words += ["--control", control, "--worker", f"{index}/{count}", *arguments]
        return _Worker(index, folder, control, arguments=words)

    @property
    def config_file(self) -> Path:
        """The main configuration file."""
        return self._options.config_file

    # -- life --------------------------------------------------------------------

    async def run(self) -> None:
        """
        Run until a stop is requested.

        Raises ``TransportError`` when a worker cannot start.
        """
        self._watch_signals()
        self._name_leftovers()
        try:
            for worker in self._workers:
                await self._start(worker)
            for worker in self._workers:
                await self._wait_until_ready(worker)
            if self._options.control:
                await self._control.start()
        except TransportError as error:
            self._log.emit(events.StartFailed(str(error)))
            await self._stop_workers()
            raise
        if self._options.pid_file:
            Path(self._options.pid_file).write_text(f"{os.getpid()}\n")
        self._log.emit(events.StartingUp(__version__, "logferry"))
        self._on_ready()
        self._service.ready(f"{len(self._workers)} workers")
        keepers = [asyncio.create_task(self._keep(item)) for item in self._workers]
        await self._stop_requested.wait()
        self._log.emit(events.ShuttingDown(__version__, "logferry"))
        self._service.stopping()
        for task in keepers:
            task.cancel()
        await self._stop_workers()
        if self._options.control:
            await self._control.stop()
        if self._options.pid_file:
            Path(self._options.pid_file).unlink(missing_ok=True)

    def request_stop(self) -> None:
        """End the run."""
        self._stop_requested.set()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.request_stop)
        loop.add_signal_handler(signal.SIGINT, self.request_stop)
        loop.add_signal_handler(signal.SIGHUP, self._order, "RELOAD")
        loop.add_signal_handler(signal.SIGUSR1, self._order, "REOPEN")

    def _order(self, command: str) -> None:
        """Let all workers do what a signal asks for."""
        task = asyncio.get_running_loop().create_task(self.answer(command, []))
        self._tasks.add(task)  # asyncio itself keeps only a weak reference
        task.add_done_callback(self._tasks.discard)

    def _name_leftovers(self) -> None:
        """Say which folders hold the state of workers that do not run any more."""
        known = {worker.state_dir for worker in self._workers}
        for folder in sorted(self._options.state_dir.glob("worker-*/")):
            if folder not in known and any(folder.iterdir()):
                self._log.emit(events.WorkerLeftState(str(folder)))

    # -- workers -----------------------------------------------------------------

    async def _start(self, worker: _Worker) -> None:
        worker.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(worker.control).unlink(missing_ok=True)
        worker.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "logferry.cli.main", "run"),
            *worker.arguments,
            *("--lifeline", str(self._lifeline)),
            pass_fds=(self._lifeline,),
            env=_environment(),
            # Only the first worker reads standard input.
            stdin=None if worker.index == 0 else asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C reaches us alone
        )

    async def _wait_until_ready(self, worker: _Worker) -> None:
        """Wait until the control socket answers. Raises ``TransportError``."""
        assert worker.process is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while worker.is_running:
                    with contextlib.suppress(OSError):
                        await _ask(worker.control, ["LICENSE"])
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise TransportError(f"worker {worker.index} does not get ready") from None
        status = worker.process.returncode
        raise TransportError(f"worker {worker.index} ended with status {status}")

    async def _keep(self, worker: _Worker) -> None:
        """Start ``worker`` again whenever it ends."""
        loop = asyncio.get_running_loop()
        while True:
            assert worker.process is not None
            started_at = loop.time()
            status = await worker.process.wait()
            if loop.time() - started_at >= STEADY_S:
                worker.restart_delay_s = RESTART_MIN_S
            delay_s = worker.restart_delay_s
            self._log.emit(events.WorkerDied(worker.index, status, f"{delay_s:g}"))
            await asyncio.sleep(delay_s)
            worker.restart_delay_s = min(2 * delay_s, RESTART_MAX_S)
            await self._start(worker)

    async def _stop_workers(self) -> None:
        running = [worker for worker in self._workers if worker.is_running]
        for worker in running:
            assert worker.process is not None
            worker.process.terminate()
        await asyncio.gather(*(self._end(worker) for worker in running))

    async def _end(self, worker: _Worker) -> None:
        assert worker.process is not None
        try:
            async with asyncio.timeout(self._options.shutdown_grace_s + STOP_MARGIN_S):
                await worker.process.wait()
        except TimeoutError:
            worker.process.kill()
            await worker.process.wait()

    # -- the control socket ---------------------------------------------------------

    async def answer(self, command: str, words: list[str]) -> str:
        """Ask every worker and return their answers as one."""
        asked = [worker for worker in self._workers if worker.is_running]
        answers = await asyncio.gather(
            *(self._ask(worker, [command, *words]) for worker in asked),
            return_exceptions=True,
        )
        texts = []
        for answer in answers:
            if isinstance(answer, str):
                texts.append(answer)
            elif not isinstance(answer, OSError):
                raise answer
        if not texts:
            return "FAIL no worker answers"
        if command == "STOP":
            self.request_stop()
        answer = merge_answers(command, words, texts)
        is_reloaded = command == "RELOAD" and not answer.startswith("FAIL")
        if is_reloaded and self.on_reloaded is not None:
            await self.on_reloaded()
        return answer

    async def _ask(self, worker: _Worker, words: list[str]) -> str:
        """Ask one worker, which may be starting. Raises ``OSError``."""
        async with asyncio.timeout(ANSWER_PATIENCE_S) as patience:
            while True:
                try:
                    connection = await _connect(worker.control)
                except OSError:
                    if not worker.is_running:
                        raise
                    await asyncio.sleep(_POLL_S)
                    continue
                patience.reschedule(None)  # a reload may take longer
                return await _converse(*connection, words)

    async def _attach(
        self,
        words: list[str],
        descriptors: list[int],
        say: Callable[[str], Awaitable[None]],
    ) -> str:
        """Show what the supervisor and all its workers say."""
        running = [worker for worker in self._workers if worker.is_running]
        workers = [
            asyncio.create_task(_attach_to(worker.control, words, descriptors))
            for worker in running
        ]
        try:
            return await self._attachments.attach(words, descriptors, say)
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


class _Relay(dict[str, "Command"]):
    """Commands by name: the workers answer them."""

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def get(self, name: str, default: object = None) -> Command | None:  # type: ignore[override]
        """Return what asks the workers, if they know the command."""
        del default
        if name not in Commands.METHODS:
            return None

        async def ask_all(words: list[str]) -> str:
            return await self._crew.answer(name, words)

        return ask_all


def _environment() -> dict[str, str]:
    """Return ours without what is meant for the main process of a service."""
    ours = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    return {name: value for name, value in os.environ.items() if name not in ours}


async def _ask(path: str, words: list[str]) -> str:
    """Send one command to a worker. Raises ``OSError`` when no answer comes."""
    return await _converse(*await _connect(path), words)


async def _connect(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path, limit=_ANSWER_BYTES_MAX)


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: list[str]
) -> str:
    try:
        writer.write(" ".join(words).encode("utf-8", "surrogateescape") + b"\n")
        lines = []
        while (line := await reader.readline()) != b".\n":
            if not line:
                raise ConnectionError("the worker closed the connection")
            lines.append(line)
    finally:
        writer.close()
    return b"".join(lines).decode("utf-8", "surrogateescape")


async def _attach_to(path: str, words: list[str], descriptors: list[int]) -> None:
    """Pass the descriptors on to a worker, and hold the connection until cancelled."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, path)
        socket.send_fds(
            sock, [" ".join(["ATTACH", *words]).encode() + b"\n"], descriptors
        )
        while await loop.sock_recv(sock, 4096):
            pass  # it says that it is alive
