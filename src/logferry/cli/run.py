"""``logferry run``: the daemon in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path

from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.process import Daemon, DaemonOptions
from logferry.daemon.registry import default_registry
from logferry.daemon.selflog import SelfLog
from logferry.errors import ConfigError, LogferryError
from logferry.runtime.environment import wall_clock
from logferry.telemetry.events import Level

__all__ = ["default_control", "default_state_dir", "run_daemon"]


def default_control(state_dir: Path) -> str:
    """Return the path of the control socket when nobody says."""
    return str(state_dir / "logferry.ctl")


EXIT_GOOD, EXIT_BAD_CONFIGURATION, EXIT_CANNOT_START = 0, 1, 2


def default_state_dir() -> Path:
    """Return where state is kept when nobody says."""
    chosen = os.environ.get("LOGFERRY_STATE_DIR")
    if chosen:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/logferry")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(base) / "logferry"


def run_daemon(options: DaemonOptions, level: Level = Level.NOTICE) -> int:
    """Run until stopped; return the exit status."""
    try:
        configuration, diagnostics = load_configuration(
            options.config_file, default_registry(), os.environ
        )
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return EXIT_BAD_CONFIGURATION
    if diagnostics.items:
        sys.stderr.write(render_diagnostics(tuple(diagnostics.items)))
    try:
        options.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        sys.stderr.write(
            f"logferry: cannot make the state directory {options.state_dir}: "
            f"{error.strerror}; name another with --state-dir\n"
        )
        return EXIT_CANNOT_START
    log = SelfLog(wall_clock, level=level)

    async def main() -> None:
        await Daemon(options, log).run(configuration)

    try:
        _run(main())
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return EXIT_CANNOT_START
    except LogferryError as error:
        sys.stderr.write(f"logferry: {error}\n")
        return EXIT_CANNOT_START
    return EXIT_GOOD


def _run(main: Coroutine[object, object, None]) -> None:
    """Run ``main`` on uvloop where it exists."""
    try:
        import uvloop  # late: not on every system
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
