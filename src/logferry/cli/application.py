"""
The commands that may take their time to load, and the help of all.

The quick ones (``cli/main.py``) are listed here too, so that ``logferry --help`` shows
them; they read their arguments themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from logferry.cli.main import QUICK

__all__ = ["app"]

app = typer.Typer(
    name="logferry",
    help="A log forwarder that survives outages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _list_quick(name: str, command: Callable[[list[str]], int]) -> None:
    """Show ``name`` in the help, and pass its arguments on untouched."""

    def pass_on(context: typer.Context) -> None:
        raise typer.Exit(command(context.args))

    app.command(
        name,
        help=command.__doc__,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(pass_on)


for _name, _command in QUICK.items():
    _list_quick(_name, _command)
