"""``logferry check``: read a configuration, say what is wrong, show what it becomes."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.process import local_time_zone
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.errors import ConfigError, LogferryError
from logferry.runtime.environment import Environment

__all__ = ["arguments", "check", "main"]


def arguments() -> argparse.ArgumentParser:
    """Return the parser of ``logferry check``."""
    parser = argparse.ArgumentParser("logferry check", description=main.__doc__)
    add = parser.add_argument
    add("-f", "--file", type=Path, required=True, help="the configuration file")
    add("--print-program", action="store_true", help="show the generated code")
    add("--explain", action="store_true", help="say how each source is processed")
    return parser


def main(words: list[str]) -> int:
    """Check a configuration: 0 good, 1 bad, 2 wrong use of this command."""
    given = arguments().parse_args(words)
    return check(given.file, prints_program=given.print_program, explains=given.explain)


def check(path: Path, *, prints_program: bool = False, explains: bool = False) -> int:
    """Check the configuration at ``path``; return the exit status."""
    gc.disable()  # a short life needs no collector
    try:
        configuration, diagnostics = load_configuration(
            path, default_registry(), os.environ
        )
        environment = Environment(time_zone=local_time_zone())
        topology = build_topology(configuration, environment, QueueStore(environment))
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return 1
    except LogferryError as error:
        sys.stderr.write(f"{path}: error: {error}\n")
        return 1
    if diagnostics.items:
        sys.stderr.write(render_diagnostics(tuple(diagnostics.items)))
    for name, program in topology.programs.items():
        if explains:
            print(f"{name}: {program.explain()}")
        if prints_program:
            print(program.source)
    return 0
