"""``hook-commands( … )``: options that drivers of every kind have."""

from __future__ import annotations

from logferry.config.kinds import TextKind
from logferry.config.schema import Option, Options

__all__ = ["HookOptions"]


class HookOptions(Options):
    """Commands, each run by a shell."""

    title = "hook-commands"

    startup = Option(TextKind("a command"), "", doc="When the daemon has started.")
    setup = Option(TextKind("a command"), "", doc="At every start of the driver.")
    teardown = Option(TextKind("a command"), "", doc="At every end of the driver.")
    shutdown = Option(TextKind("a command"), "", doc="When the daemon ends.")
