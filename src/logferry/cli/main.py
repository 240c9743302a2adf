"""
The command line.

Commands import what they need when they run: ``logferry check`` must not wait for the
HTTP client to load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from logferry import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="logferry",
    help="A log forwarder that survives outages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[
    Path, typer.Option("-f", "--file", help="The configuration file.")
]


@app.command()
def run(
    file: ConfigFile,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where queues and positions are kept.")
    ] = None,
    control: Annotated[str, typer.Option(help="Path of the control socket.")] = "",
    pidfile: Annotated[str, typer.Option(help="Write the process id here.")] = "",
    verbose: Annotated[bool, typer.Option("-v", help="Say more.")] = False,
    debug: Annotated[bool, typer.Option("-d", help="Say much more.")] = False,
) -> None:
    """Run the daemon in the foreground."""
    from logferry.cli.run import default_control, default_state_dir, run_daemon
    from logferry.daemon.process import DaemonOptions
    from logferry.telemetry.events import Level

    level = Level.DEBUG if debug else Level.INFO if verbose else Level.NOTICE
    folder = state_dir or default_state_dir()
    options = DaemonOptions(file, folder, pidfile, control or default_control(folder))
    raise typer.Exit(run_daemon(options, level))


@app.command()
def check(
    file: ConfigFile,
    print_program: Annotated[
        bool, typer.Option(help="Show the generated code.")
    ] = False,
    explain: Annotated[
        bool, typer.Option(help="Say how each source is processed, and why.")
    ] = False,
) -> None:
    """Check a configuration: 0 good, 1 bad, 2 wrong use of this command."""
    from logferry.cli.check import check as check_file

    raise typer.Exit(check_file(file, prints_program=print_program, explains=explain))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def ctl(
    words: Annotated[
        list[str], typer.Argument(help="The command, such as: pool, stats, reload.")
    ],
    control: Annotated[str, typer.Option(help="Path of the control socket.")] = "",
) -> None:
    """Talk to a running daemon."""
    from logferry.cli.ctl import run_command
    from logferry.cli.run import default_control, default_state_dir

    path = control or default_control(default_state_dir())
    raise typer.Exit(run_command(words, path))


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(f"logferry {__version__}")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
