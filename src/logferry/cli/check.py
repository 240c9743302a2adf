"""``logferry check``: read a configuration, say what is wrong, show what it becomes."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.diagnostics import LANGUAGE_RULES, did_you_mean
from logferry.config.lint import RULES, lint
from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.local_zone import local_time_zone
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.errors import ConfigError, LogferryError
from logferry.runtime.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["arguments", "check", "main"]

EXIT_GOOD, EXIT_BAD_CONFIGURATION, EXIT_USAGE = 0, 1, 2


def arguments() -> argparse.ArgumentParser:
    """Return the parser of ``logferry check``."""
    parser = argparse.ArgumentParser("logferry check", description=main.__doc__)
    add = parser.add_argument
    add("-f", "--file", type=Path, required=True, help="the configuration file")
    add("--print-program", action="store_true", help="show the generated code")
    add("--explain", action="store_true", help="say how each source is processed")
    add("--graph", type=Path, metavar="OUT.svg", help="draw the log paths")
    add(
        "--disable",
        action="append",
        default=[],
        metavar="RULE",
        help="leave out the warnings of this rule (more than once, or with commas)",
    )
    add("--rules", action=_ShowRules, help="list the rules and end")
    return parser


def main(words: list[str]) -> int:
    """Check a configuration: 0 good, 1 bad, 2 wrong use of this command."""
    given = arguments().parse_args(words)
    disabled = {name for item in given.disable for name in item.split(",")}
    unknown = disabled - RULES.keys() - LANGUAGE_RULES.keys()
    if unknown:
        known = (*RULES, *LANGUAGE_RULES)
        hints = [f"{name}: {did_you_mean(name, known)}" for name in sorted(unknown)]
        sys.stderr.write(f"no such rule: {'; '.join(hints)}\n")
        return EXIT_USAGE
    return check(
        given.file,
        disabled,
        given.graph,
        prints_program=given.print_program,
        explains=given.explain,
    )


class _ShowRules(argparse.Action):
    """``--rules``: the names of all rules and what they look for."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, *arguments: object) -> None:
        """Print and end."""
        del arguments
        rows = {name: rule.doc for name, rule in RULES.items()} | LANGUAGE_RULES
        for name, doc in rows.items():
            print(f"{name:24}{doc}")
        sys.exit(EXIT_GOOD)


def check(
    path: Path,
    disabled: Collection[str] = (),
    graph: Path | None = None,
    *,
    prints_program: bool = False,
    explains: bool = False,
) -> int:
    """
    Check the configuration at ``path``; return the exit status.

    Warnings of the ``disabled`` rules are left out; ``graph`` is where the drawing of
    the log paths goes.
    """
    gc.disable()  # a short life needs no collector
    try:
        configuration, diagnostics = load_configuration(
            path, default_registry(), os.environ
        )
        environment = Environment(time_zone=local_time_zone())
        topology = build_topology(configuration, environment, QueueStore(environment))
    except ConfigError as error:
        sys.stderr.write(render_diagnostics(error.diagnostics))
        return EXIT_BAD_CONFIGURATION
    except LogferryError as error:
        sys.stderr.write(f"{path}: error: {error}\n")
        return EXIT_BAD_CONFIGURATION
    lint(configuration, diagnostics, disabled)
    shown = tuple(item for item in diagnostics.in_order() if item.rule not in disabled)
    if shown:
        sys.stderr.write(render_diagnostics(shown))
    if graph is not None:
        from logferry.cli.graph import draw  # only who draws needs it

        graph.write_text(draw(configuration), encoding="utf-8")
    behind = [(station.id, station.program) for station in topology.stations]
    for name, program in [*topology.programs.items(), *behind]:
        if explains:
            print(f"{name}: {program.explain()}")
        if prints_program:
            print(program.source)
    return EXIT_GOOD
