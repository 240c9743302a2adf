"""
The command line.

Importing typer and building its parsers takes longer than the daemon needs to start,
and scripts poll ``ctl``: so the commands in :data:`QUICK` have a plain ``argparse``
parser of their own (``arguments`` beside each), and typer, which draws the help, is
loaded for the others only. Every command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QUICK", "main"]


def _run(arguments: list[str]) -> int:
    """Run the daemon in the foreground."""
    from logferry.cli.run import main as run

    return run(arguments)


def _check(arguments: list[str]) -> int:
    """Check a configuration: 0 good, 1 bad, 2 wrong use of this command."""
    from logferry.cli.check import main as check

    return check(arguments)


def _ctl(arguments: list[str]) -> int:
    """Talk to a running daemon: ``ctl stats``, ``ctl pool``, ``ctl reload``."""
    from logferry.cli.ctl import run_command
    from logferry.cli.state_dir import default_control, default_state_dir

    return run_command(arguments, default_control(default_state_dir()))


def _drop_in(arguments: list[str]) -> int:
    """Write executables that stand in for syslog-ng's own into a folder."""
    from logferry.cli.drop_in import main as drop_in

    return drop_in(arguments)


def _queue(arguments: list[str]) -> int:
    """Look into disk-buffer files: list, show, export, verify, adopt, purge."""
    from logferry.cli.queue import main as queue

    return queue(arguments)


def _dead_letters(arguments: list[str]) -> int:
    """What no server took: list, show, replay, purge."""
    from logferry.cli.dead_letters import main as dead_letters

    return dead_letters(arguments)


def _options(arguments: list[str]) -> int:
    """Show the options of a driver: ``options destination http``."""
    from logferry.cli.options import main as options

    return options(arguments)


def _patterndb(arguments: list[str]) -> int:
    """Check, try and merge pattern databases: test, match, merge."""
    from logferry.cli.patterndb import main as patterndb

    return patterndb(arguments)


def _version(arguments: list[str]) -> int:
    """Show the version."""
    from logferry import __version__

    del arguments
    print(f"logferry {__version__}")
    return 0


QUICK: dict[str, Callable[[list[str]], int]] = {
    "run": _run,
    "check": _check,
    "ctl": _ctl,
    "queue": _queue,
    "dead-letters": _dead_letters,
    "drop-in": _drop_in,
    "options": _options,
    "patterndb": _patterndb,
    "version": _version,
}
"""Commands that take their arguments themselves, and return the exit status."""


def main() -> None:
    """Run the command line."""
    command = QUICK.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command is not None:
        try:
            sys.exit(command(sys.argv[2:]))
        except BrokenPipeError:  # whoever reads our output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
    from logferry.cli.application import app

    app()


if __name__ == "__main__":
    main()
