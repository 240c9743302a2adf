"""``logferry run``: the daemon in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.cli.state_dir import default_control, default_state_dir
from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.events import StartFailed
from logferry.daemon.instance import InstanceLock
from logferry.daemon.process import Daemon, DaemonOptions
from logferry.daemon.registry import default_registry
from logferry.daemon.selflog import SelfLog, Verbosity
from logferry.daemon.service import is_journal
from logferry.errors import ConfigError, LogferryError, TransportError
from logferry.limits import OPEN_FILES_WANTED
from logferry.runtime.environment import wall_clock

if TYPE_CHECKING:
    from logferry.config.options import GlobalOptions, MetricsPageOptions
    from logferry.daemon.crew import Crew
from logferry.web.metrics_page import MetricsPage, page_of

__all__ = ["arguments", "main", "run_daemon"]


EXIT_GOOD, EXIT_BAD_CONFIGURATION, EXIT_CANNOT_START = 0, 1, 2


def arguments() -> argparse.ArgumentParser:
    """Return the parser of ``logferry run``."""
    parser = argparse.ArgumentParser("logferry run", description=main.__doc__)
    add = parser.add_argument
    add("-f", "--file", type=Path, required=True, help="the configuration file")
    add("--state-dir", type=Path, help="where queues and positions are kept")
    add("--control", default="", help="path of the control socket")
    add("--pidfile", default="", help="write the process id here")
    add("--user", default="", help="become this user after binding")
    add("--group", default="", help="become this group after binding")
    add(
        "--processes",
        type=_process_count,
        metavar="N",
        help="worker processes; by default workers() of the global options",
    )
    add("--worker", default="", help=argparse.SUPPRESS)  # by the supervisor: 0/4
    add("--lifeline", type=int, default=-1, help=argparse.SUPPRESS)
    add("-v", "--verbose", action="store_true", help="say more")
    add("-d", "--debug", action="store_true", help="say much more")
    add("-t", "--trace", action="store_true", help="say everything")
    add("-e", "--stderr", action="store_true", help="log to stderr (always done)")
    return parser


def _process_count(text: str) -> int:
    from logferry.daemon.crew import PROCESSES_MAX  # late: one process needs no crew

    count = int(text)
    if not 1 <= count <= PROCESSES_MAX:
        raise argparse.ArgumentTypeError(f"expected 1 to {PROCESSES_MAX}")
    return count


def main(words: list[str]) -> int:
    """Run the daemon in the foreground until it is told to stop."""
    given = arguments().parse_args(words)
    folder = given.state_dir or default_state_dir()
    index, _, count = given.worker.partition("/")
    options = DaemonOptions(
        config_file=given.file,
        state_dir=folder,
        pid_file=given.pidfile,
        control=given.control or default_control(folder),
        user=given.user,
        group=given.group,
        worker_index=int(index or 0),
        worker_count=int(count or 1),
        lifeline=given.lifeline,
    )
    chosen = [name for name in ("trace", "debug", "verbose") if getattr(given, name)]
    processes = 1 if given.worker else given.processes
    return run_daemon(options, (*chosen, "default")[0], processes=processes)


def run_daemon(
    options: DaemonOptions,
    verbosity: str = "default",
    on_ready: Callable[[], None] = lambda: None,
    *,
    processes: int | None = 1,
) -> int:
    """
    Run until stopped; return the exit status.

    Args:
        options: how to run.
        verbosity: default, verbose, debug or trace.
        on_ready: called when everything runs.
        processes: how many workers share the work; ``None`` leaves it to the
            configuration.

    """
    gc.disable()  # nothing made while starting is garbage; the daemon turns it on
    if verbosity not in list(Verbosity):
        sys.stderr.write(f"logferry: there is no log level '{verbosity}'\n")
        return EXIT_BAD_CONFIGURATION
    try:
        _prepare_process(options)
        configuration, diagnostics = load_configuration(
            options.config_file, default_registry(), os.environ
        )
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return EXIT_BAD_CONFIGURATION
    except OSError as error:
        sys.stderr.write(f"logferry: cannot prepare the process: {error}\n")
        return EXIT_CANNOT_START
    if diagnostics.items:
        sys.stderr.write(render_diagnostics(diagnostics.in_order()))
    log = SelfLog(wall_clock, verbosity=Verbosity(verbosity), is_journal=is_journal(2))

    globals_ = cast("GlobalOptions", configuration.options)
    options = replace(options, shutdown_grace_s=globals_.shutdown_grace)
    count = processes or globals_.workers
    if count > 1:
        from logferry.daemon.crew import Crew

        crew = Crew(options, count, log, verbosity, on_ready)
        page = MetricsPage(log, partial(_counters_of, crew))
        place = cast("MetricsPageOptions | None", globals_.metrics_page)
        return _run_crew(crew, page, place, log)

    async def live() -> None:
        # A worker of a crew serves no page: the supervisor does, for all of them.
        make_page = page_of if options.worker_count == 1 else None
        try:
            await Daemon(options, log, on_ready, make_page).run(configuration)
        finally:
            await _ignore_signals()

    try:
        lock = _take_state(options)
        _run(live())
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return EXIT_CANNOT_START
    except (LogferryError, _StateOutOfReach) as error:
        sys.stderr.write(f"logferry: {error}\n")
        return EXIT_CANNOT_START
    except sqlite3.Error as error:
        sys.stderr.write(
            f"logferry: cannot use the persist file {options.state_file}: {error}\n"
        )
        return EXIT_CANNOT_START
    lock.release()
    return EXIT_GOOD


async def _ignore_signals() -> None:
    """
    Let nobody's impatience turn an end in good order into a death by signal.

    Blocked first: between our handler and none there is a moment with the default
    action. A thread that is left would take the signal then.
    """
    loop = asyncio.get_running_loop()
    await loop.shutdown_default_executor()
    numbers = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number in numbers:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def _counters_of(crew: Crew) -> str:
    """Return the counters of all workers. Raises ``TransportError``."""
    answer = await crew.answer("STATS", ["PROMETHEUS"])
    if answer.startswith("FAIL"):
        raise TransportError(answer.removeprefix("FAIL").strip())
    return answer


def _run_crew(
    crew: Crew, page: MetricsPage, place: MetricsPageOptions | None, log: SelfLog
) -> int:
    """Run the supervisor of several workers; return the exit status."""

    async def move_page() -> None:
        # The workers run it already: it loads here too, unless somebody edits it now.
        with contextlib.suppress(ConfigError):
            configuration, _ = load_configuration(
                crew.config_file, default_registry(), os.environ
            )
            globals_ = cast("GlobalOptions", configuration.options)
            try:
                await page.set(cast("MetricsPageOptions | None", globals_.metrics_page))
            except LogferryError as error:
                log.emit(StartFailed(str(error)))

    async def live() -> None:
        await page.set(place)
        crew.on_reloaded = move_page
        try:
            await crew.run()
        finally:
            await page.stop()

    try:
        _run(live())
    except (LogferryError, OSError) as error:
        sys.stderr.write(f"logferry: {error}\n")
        return EXIT_CANNOT_START
    return EXIT_GOOD


class _StateOutOfReach(Exception):
    """The state directory cannot be used."""


def _take_state(options: DaemonOptions) -> InstanceLock:
    """Make the state directory and lock it."""
    try:
        options.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = "logferry.lock"
        if options.persist_file is not None:
            name = f"{options.persist_file.name}.lock"
        return InstanceLock(options.state_dir / name)
    except OSError as error:
        raise _StateOutOfReach(
            f"cannot make the state directory {options.state_dir}: "
            f"{error.strerror}; name another with --state-dir"
        ) from error


def _prepare_process(options: DaemonOptions) -> None:
    """Set limits and confine the process. Raises ``OSError``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if options.open_files_max:
        hard = max(hard, options.open_files_max)
        resource.setrlimit(resource.RLIMIT_NOFILE, (options.open_files_max, hard))
    elif soft < (wanted := min(hard, OPEN_FILES_WANTED)):
        # The usual soft limit of 1024 is for programs that use select(2).
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if options.dumps_core:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    if options.chroot:
        _load_everything()
        os.chroot(options.chroot)
        os.chdir("/")


def _load_everything() -> None:
    """Import every module: inside a chroot there is no Python to import from."""
    import encodings.idna
    import pkgutil
    from importlib import import_module

    import logferry

    del encodings
    for module in pkgutil.walk_packages(logferry.__path__, "logferry."):
        if not module.name.startswith("logferry.cli."):
            import_module(module.name)


def _run(main: Coroutine[object, object, None]) -> None:
    """Run ``main`` on uvloop where it exists."""
    try:
        import uvloop  # late: not on every system
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
