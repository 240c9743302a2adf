"""
``logferry drop-in DIR``: executables with the names and manners of syslog-ng's own.

Scripts, unit files and dashboards that call ``syslog-ng``, ``syslog-ng-ctl``,
``loggen``, ``dqtool``, ``pdbtool`` and ``persist-tool`` find them in ``DIR/sbin`` and
``DIR/bin``.
Each is a shell line that becomes the interpreter that wrote it (``exec``): the process
that was started is the daemon, with its pid, its signals and its exit status.

Scripts wait for the daemon, so its start counts. Half of it would be the compiling of
our modules where Python may not keep what it compiled (``PYTHONDONTWRITEBYTECODE``, or
a daemon that has no right to write there): it is done here, once.
"""

from __future__ import annotations

import argparse
import compileall
import shlex
import sys
from pathlib import Path

import logferry

__all__ = ["PROGRAMS", "compile_ahead", "main", "write_drop_in"]

PROGRAMS = {
    "sbin/syslog-ng": "logferry.cli.syslog_ng",
    "sbin/syslog-ng-ctl": "logferry.cli.syslog_ng_ctl",
    "bin/loggen": "logferry.cli.loggen",
    "bin/dqtool": "logferry.cli.dqtool",
    "bin/pdbtool": "logferry.cli.patterndb",
    "bin/persist-tool": "logferry.cli.persist_tool",
}
"""The executables, and the modules that they run."""

_MODE = 0o755


def write_drop_in(folder: Path, interpreter: str = sys.executable) -> list[Path]:
    """
    Write the executables below ``folder`` and return their paths.

    What stands there already is replaced. Raises ``OSError``.
    """
    written = []
    for name, module in PROGRAMS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # -P: a folder with a logging.py in it must not become part of the program
        # when somebody starts the daemon there.
        line = f'exec {shlex.quote(interpreter)} -P -m {module} "$@"'
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(f"#!/bin/sh\n{line}\n")
        draft.chmod(_MODE)
        draft.replace(path)
        written.append(path)
    return written


def compile_ahead(package: Path = Path(logferry.__path__[0])) -> None:
    """
    Compile the modules of ``package`` where that was not done by its installation.

    What cannot be written is left out: the programs run without it, but start later.
    """
    compileall.compile_dir(package, quiet=2)


def main(words: list[str]) -> int:
    """Write executables that stand in for syslog-ng's own into a folder."""
    parser = argparse.ArgumentParser("logferry drop-in", description=main.__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path, help="such as /opt/ferry")
    given = parser.parse_args(words)
    try:
        written = write_drop_in(given.folder)
    except OSError as error:
        sys.stderr.write(f"logferry: {error}\n")
        return 1
    compile_ahead()
    for path in written:
        print(path)
    return 0
