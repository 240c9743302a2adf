"""
Going into the background the way daemons do, and saying at the end whether it worked.

The process that was started stays until the daemon runs or has failed, shows what it
says meanwhile, and exits with its status: a script may rely on the daemon being there
when the command returns.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["run_in_background"]


def run_in_background(run: Callable[[Callable[[], None]], int]) -> int:
    """
    Call ``run`` in a process of its own, in a session of its own.

    ``run`` calls its argument when it is ready; its result is the exit status. Returns
    in the process that was started, never in the other one.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        is_ready = os.read(reader, 1) == b"+"
        os.close(reader)
        if is_ready:
            return 0
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    os.close(reader)
    os.setsid()
    status = 1
    try:
        status = run(lambda: _detach(writer))
    finally:
        os._exit(status)


def _detach(writer: int) -> None:
    """Let the starting process go, and its terminal."""
    os.write(writer, b"+")
    os.close(writer)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
