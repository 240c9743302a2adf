"""The drop-in ``syslog-ng-ctl``: see :mod:`logferry.cli.ctl`."""

from __future__ import annotations

import sys

from logferry.cli.ctl import run_command
from logferry.cli.paths import CONTROL_SOCKET

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    return run_command(words, CONTROL_SOCKET, "syslog-ng-ctl")


if __name__ == "__main__":
    sys.exit(main())
