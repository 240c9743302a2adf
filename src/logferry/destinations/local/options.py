"""Options of ``pipe()``, ``program()``, ``unix-stream/dgram()`` and ``usertty()``."""

from __future__ import annotations

from logferry.config.kinds import Integer, TextKind, YesNo
from logferry.config.schema import Option
from logferry.destinations.options import (
    MARK_MODES,
    FilePermissionOptions,
    WriterOptions,
)
from logferry.runtime.socket_options import SocketOptions

__all__ = [
    "PipeDestinationOptions",
    "ProgramDestinationOptions",
    "StdoutDestinationOptions",
    "TerminalDestinationOptions",
    "UnixDestinationOptions",
]

_HANDED_ON = "a reload keeps whatever did not change"


class PipeDestinationOptions(WriterOptions, FilePermissionOptions):
    """``pipe()``: a FIFO, which is made when it is missing."""

    title = "destination pipe"

    mark_mode = Option(MARK_MODES, "none", doc="When MARK messages are written.")

    path = Option(
        TextKind("a path"),
        "",
        doc="The FIFO; made when it is missing.",
        positional=True,
        required=True,
    )
    time_reap = Option(
        Integer(minimum=0),
        0,
        doc="An option of file().",
        unit="s",
        no_effect="a pipe has one name and stays open",
    )


class ProgramDestinationOptions(WriterOptions):
    """``program()``: the standard input of a command."""

    title = "destination program"

    mark_mode = Option(MARK_MODES, "none", doc="When MARK messages are written.")

    command = Option(
        TextKind("a command"),
        "",
        doc="Run by /bin/sh in a process group of its own; started again when it "
        "ends, unless with 127.",
        positional=True,
        required=True,
    )
    keep_alive = Option(
        YesNo(), default=False, doc="Keep it over a reload.", no_effect=_HANDED_ON
    )
    inherit_environment = Option(
        YesNo(), default=True, doc="The command sees our environment variables."
    )


class UnixDestinationOptions(WriterOptions, SocketOptions):
    """``unix-stream()`` and ``unix-dgram()``: a socket of another program."""

    title = "destination unix"

    mark_mode = Option(MARK_MODES, "none", doc="When MARK messages are written.")

    path = Option(
        TextKind("a path"),
        "",
        doc="The socket that somebody listens on.",
        positional=True,
        required=True,
    )
    keep_alive = Option(
        YesNo(), default=True, doc="Keep it over a reload.", no_effect=_HANDED_ON
    )
    close_on_input = Option(
        YesNo(),
        default=True,
        doc="Close the connection when the other side sends something.",
    )


class TerminalDestinationOptions(WriterOptions):
    """``usertty()``: the terminals of users who are logged in."""

    title = "destination usertty"

    mark_mode = Option(MARK_MODES, "none", doc="When MARK messages are written.")

    user = Option(
        TextKind("a user name or *"),
        "*",
        doc="Whose terminals; * is everybody's.",
        positional=True,
        required=True,
    )


class StdoutDestinationOptions(WriterOptions):
    """``stdout()``: the daemon's standard output."""

    title = "destination stdout"
