"""
The daemon: one configuration running, signals, reload, stop.

``Daemon.run`` is the life of the process: start, wait, stop. Whatever asks for
something (a signal, the control socket) calls ``request_stop``, ``reload`` or
``reopen``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from logferry import __version__
from logferry.config.options import DeadLetterOptions
from logferry.daemon import events
from logferry.daemon.attach import Attachments
from logferry.daemon.calendar import Calendar
from logferry.daemon.commands import Commands
from logferry.daemon.components import end_components
from logferry.daemon.control import ControlServer
from logferry.daemon.dead_letters import (
    LETTERS_FILE,
    LetterLimits,
    SqliteDeadLetters,
)
from logferry.daemon.identity import find_identity
from logferry.daemon.local_zone import local_time_zone
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.reload import Reload
from logferry.daemon.selflog import Verbosity
from logferry.daemon.service import ServiceNotifier
from logferry.daemon.state import PERSIST_FILE, SqliteState
from logferry.daemon.stats_clock import StatsClock, stats_options
from logferry.daemon.topology import Topology, build_topology
from logferry.errors import LogferryError
from logferry.runtime.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.nodes import Configuration, Spec
    from logferry.config.options import GlobalOptions, MetricsPageOptions
    from logferry.daemon.selflog import SelfLog
    from logferry.destinations.base import Destination
    from logferry.telemetry.events import Event

__all__ = ["Daemon", "DaemonOptions"]


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """
    How the daemon is run.

    Attributes:
        config_file: the main configuration file.
        state_dir: where queues and positions are kept.
        persist_file: where positions are kept, if not in ``state_dir``.
        pid_file: written at start, removed at stop; empty for none.
        control: path of the control socket; empty for none.
        worker_index: which of the worker processes this is.
        worker_count: how many there are.
        lifeline: a descriptor that becomes readable when we must stop; -1 for none.
        shutdown_grace_s: how long a stop may deliver what is queued, by the
            configuration at the start.
        user: become this user when everything is bound; empty for staying.
        group: likewise.
        chroot: confine the process to this folder before it reads anything.
        open_files_max: raise the limit of open files to this, if not 0.
        dumps_core: lift the limit of core files.
        is_startup_check: stop as soon as everything runs.
        is_startup_debugged: log at debug level until everything runs.

    """

    config_file: Path
    state_dir: Path
    persist_file: Path | None = None
    pid_file: str = ""
    control: str = ""
    worker_index: int = 0
    worker_count: int = 1
    lifeline: int = -1
    shutdown_grace_s: float = 5.0
    user: str = ""
    group: str = ""
    chroot: str = ""
    open_files_max: int = 0
    dumps_core: bool = False
    is_startup_check: bool = False
    is_startup_debugged: bool = False

    @property
    def state_file(self) -> Path:
        """Where positions and other small values are kept."""
        return self.persist_file or self.state_dir / PERSIST_FILE


class Page(Protocol):
    """The metrics page, which a higher layer makes (``web/metrics_page.py``)."""

    async def set(self, options: MetricsPageOptions | None) -> None:
        """Serve where ``options`` say, or nowhere. Raises ``TransportError``."""

    async def stop(self) -> None:
        """Stop serving."""


_RUN_ID = "run-id"


def _next_run_id(state: SqliteState) -> int:
    """Count a start of the daemon; a reload is none."""
    run_id = int(state.get(_RUN_ID) or 0) + 1
    state.put(_RUN_ID, b"%d" % run_id)
    return run_id


class Daemon:
    """The running program."""

    def __init__(
        self,
        options: DaemonOptions,
        log: SelfLog,
        on_ready: Callable[[], None] = lambda: None,
        make_page: Callable[[Environment], Page] | None = None,
    ) -> None:
        self._options = options
        self._on_ready = on_ready
        self._service = ServiceNotifier()
        self._identity = find_identity(options.user, options.group)
        self.log = log
        self._verbosity = log.verbosity  # as the command line has it
        self._state = SqliteState(options.state_file, log)
        self.environment = Environment(
            log=log,
            state_dir=options.state_dir,
            host_name=socket.gethostname().partition(".")[0],
            time_zone=local_time_zone(),
            worker_index=options.worker_index,
            worker_count=options.worker_count,
            stop=self._stop_at_end,
            state=self._state,
        )
        self.dead_letters = self.environment.dead_letters = SqliteDeadLetters(
            options.state_file.with_name(LETTERS_FILE),
            log,
            self.environment.metrics,
            Calendar(self.environment.now, self.environment.clock).trusted_now_ns,
        )
        self._queues = QueueStore(self.environment)
        self.topology: Topology | None = None
        self._control = ControlServer(
            options.control, Commands(self).table(), log, Attachments(log).attach
        )
        self._stop_requested = asyncio.Event()
        self._hurry_requested = asyncio.Event()
        self._reload = Reload(options.config_file, self.environment, self._queues)
        self._change = asyncio.Lock()  # of the topology: one at a time
        self._stats_clock = StatsClock(self.environment, self._take_news)
        self._page = make_page(self.environment) if make_page is not None else None

    async def run(self, configuration: Configuration) -> None:
        """
        Run until a stop is requested.

        Raises ``ConfigError`` or ``TransportError`` when it cannot start.
        """
        try:
            await self._run(configuration)
        finally:
            await self._queues.close()
            await end_components(self.log)
            await self.dead_letters.close()
            await self._state.close()

    async def _run(self, configuration: Configuration) -> None:
        if self._options.is_startup_debugged:
            self.log.verbosity = Verbosity.DEBUG
        self.environment.run_id = _next_run_id(self._state)
        options = cast("GlobalOptions", configuration.options)
        self.environment.metrics.level = stats_options(options).level
        topology = build_topology(configuration, self.environment, self._queues)
        try:
            await topology.start()
            self.topology = topology
            self._apply_options()
            self._note_configuration(is_good=True)
            await self._open_page()
            # The socket last: who can talk to us may rely on everything else.
            if self._options.control:
                await self._control.start()
            self._write_pid_file()
            self._queues.report_abandoned()
            if self._identity is not None:
                self._identity.take_on(self._belongings())
        except LogferryError as error:
            self.log.emit(events.StartFailed(str(error)))
            await self._control.stop()
            await topology.stop(0.0)
            raise
        self._watch_signals()
        self._settle_memory()
        self.log.emit(events.StartingUp(__version__, "logferry"))
        if self._options.is_startup_debugged:
            self.log.verbosity = self._verbosity
        self._service.ready(f"running {self._options.config_file}")
        self._on_ready()
        if not self._options.is_startup_check:
            await self._stop_requested.wait()
        self._service.stopping()
        self.log.emit(events.ShuttingDown(__version__, "logferry"))
        if self._options.control:
            await self._control.stop()
        self._stats_clock.report()
        self._stats_clock.stop()
        if self._page is not None:
            await self._page.stop()
        await self._stop_topology()
        self._remove_pid_file()

    async def _stop_topology(self) -> None:
        """Stop intake, deliver for a while; a second request ends that at once."""
        async with self._change:
            assert self.topology is not None
            grace_s = cast("GlobalOptions", self.configuration.options).shutdown_grace
            loop = asyncio.get_running_loop()
            stop = loop.create_task(self.topology.stop(grace_s), name="stop")
            hurry = loop.create_task(self._hurry_requested.wait(), name="hurry")
            await asyncio.wait({stop, hurry}, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
            if not stop.done():
                self.log.emit(events.HurryRequested())
                stop.cancel()
            await asyncio.gather(stop, hurry, return_exceptions=True)
            if not stop.cancelled():
                stop.result()

    def _settle_memory(self) -> None:
        # What lives from here on is the configuration: it need not be looked at by
        # the garbage collector again and again.
        gc.enable()  # off while starting: cli/run.py
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)

    def _belongings(self) -> list[Path]:
        """Return what the daemon must be able to write after a change of user."""
        options = self._options
        paths = [options.state_dir]
        if options.persist_file is not None:
            # The folder holds other things too, perhaps: only what is named like us.
            paths = [
                *options.state_dir.glob(options.persist_file.name + "*"),
                *options.state_dir.glob("syslog-ng-*qf*"),
                *options.state_dir.glob(LETTERS_FILE + "*"),
            ]
        paths += [Path(name) for name in (options.control, options.pid_file) if name]
        return paths

    def _note_configuration(self, *, is_good: bool) -> None:
        """Show when a configuration was read, when with success, and how old it is."""
        gauge = self.environment.metrics.gauge
        now_s = self.environment.now() // 1_000_000_000
        gauge("last_config_reload_timestamp_seconds").value = now_s
        if is_good:
            gauge("last_successful_config_reload_timestamp_seconds").value = now_s
            with contextlib.suppress(OSError):
                modified_s = int(self._options.config_file.stat().st_mtime)
                gauge(
                    "last_config_file_modification_timestamp_seconds"
                ).value = modified_s

    def _apply_options(self) -> None:
        """Take over what the configuration says of counters and stores."""
        options = cast("GlobalOptions", self.configuration.options)
        self._stats_clock.set(stats_options(options))
        if self.topology is not None:
            self.topology.retirement.ledgers.measure()
        if "log_level" in options.given and self._verbosity is Verbosity.DEFAULT:
            self.log.verbosity = Verbosity(options.log_level)
        letters = cast("DeadLetterOptions | None", options.dead_letters)
        chosen = letters or DeadLetterOptions()
        self.dead_letters.limits = LetterLimits(chosen.capacity_bytes, chosen.max_age)

    async def _open_page(self) -> None:
        """Serve ``metrics-page()``. Raises ``TransportError``."""
        if self._page is not None:
            options = cast("GlobalOptions", self.configuration.options)
            await self._page.set(
                cast("MetricsPageOptions | None", options.metrics_page)
            )

    def _take_news(self) -> list[Event]:
        """Return what was dropped lately, and why."""
        if self.topology is None:
            return []
        return self.topology.retirement.ledgers.take_news()

    def request_stop(self) -> None:
        """End the run; asked twice, without waiting for deliveries."""
        if self._stop_requested.is_set():
            self._hurry_requested.set()
        self._stop_requested.set()

    def _stop_at_end(self) -> None:
        """End the run because the input has ended (``flags(exit-on-eof)``)."""
        self.environment.is_at_end = True
        self.request_stop()

    @property
    def configuration(self) -> Configuration:
        """The configuration that runs."""
        assert self.topology is not None
        return self.topology.configuration

    @property
    def stats_level(self) -> int:
        """Which counters are shown (``stats(level())``)."""
        return self.environment.metrics.level

    @property
    def queues(self) -> QueueStore:
        """All queues, by the names they are kept under."""
        return self._queues

    def queue_growth(self) -> dict[str, float]:
        """Return how many messages more wait each second lately, by queue."""
        if self.topology is None:
            return {}
        return self.topology.retirement.ledgers.growth()

    def running_specs(self) -> list[Spec]:
        """Return the configuration of every running driver."""
        assert self.topology is not None
        running = (self.topology.sources, self.topology.destinations)
        return [item.spec for items in running for item in items.values()]

    def is_configuration_current(self) -> bool:
        """Tell whether the file on disk is what runs."""
        path = self._options.config_file
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return False
        return text == self.configuration.original

    def running_destinations(self) -> dict[str, Destination]:
        """Return the running destination drivers by id."""
        if self.topology is None:
            return {}
        return {
            name: running.destination
            for name, running in self.topology.destinations.items()
        }

    def source_states(self) -> dict[str, str]:
        """Return ``running`` or ``stopped`` for every source driver."""
        return self.topology.source_states() if self.topology is not None else {}

    async def switch_source(self, name: str, *, is_on: bool) -> None:
        """Stop or start one source by hand. Raises ``LogferryError``."""
        if self.topology is not None:
            await self.topology.switch_source(name, is_on=is_on)

    async def loop_latency(self) -> float:
        """Return how long the event loop takes to come around, in seconds."""
        started = self.environment.clock()
        await asyncio.sleep(0)
        return self.environment.clock() - started

    def reopen(self) -> None:
        """Reopen destination files."""
        if self.topology is not None:
            self.topology.reopen()

    async def reload(self) -> str:
        """
        Read the configuration again and switch to it.

        Returns an empty string, or why the old configuration goes on. One reload
        follows the other; a stop waits for the one under way.
        """
        async with self._change:
            if self._stop_requested.is_set() or self.topology is None:
                return "the daemon is stopping"
            self._service.reloading()
            self.topology, problem = await self._reload.replace(self.topology)
            self._apply_options()
            self._note_configuration(is_good=not problem)
            try:
                await self._open_page()
            except LogferryError as error:
                self.log.emit(events.StartFailed(str(error)))
            self._service.ready(f"running {self._options.config_file}")
            self._settle_memory()
            return problem

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.request_stop)
        loop.add_signal_handler(signal.SIGINT, self.request_stop)
        loop.add_signal_handler(signal.SIGUSR1, self.reopen)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        if self._options.lifeline >= 0:
            loop.add_reader(self._options.lifeline, self._on_lifeline_cut)

    def _on_lifeline_cut(self) -> None:
        asyncio.get_running_loop().remove_reader(self._options.lifeline)
        self.request_stop()

    def _on_hangup(self) -> None:
        task = asyncio.get_running_loop().create_task(self.reload())
        self._reload_task = task  # asyncio itself keeps only a weak reference

    def _write_pid_file(self) -> None:
        if not self._options.pid_file:
            return
        try:
            Path(self._options.pid_file).write_text(f"{os.getpid()}\n")
        except OSError as error:
            # Not worth a stop: who asked for logs gets logs (the reference's choice).
            event = events.PidFileFailed(self._options.pid_file, error.strerror or "")
            self.log.emit(event)

    def _remove_pid_file(self) -> None:
        if self._options.pid_file:
            with contextlib.suppress(OSError):  # no longer ours to remove
                Path(self._options.pid_file).unlink()
