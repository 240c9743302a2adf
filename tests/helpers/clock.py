"""A wall clock that tests set, for a daemon in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["WallClock"]

# Imported by the interpreter at its start (site, "sitecustomize").
_SITECUSTOMIZE = """
import os, time

_file = os.open(os.environ["LOGFERRY_TEST_CLOCK"], os.O_RDONLY)
_time_ns = time.time_ns


def time_ns():
    return _time_ns() + int(os.pread(_file, 32, 0)) * 10**9


time.time_ns = time_ns
time.time = lambda: time_ns() / 1e9
"""


class WallClock:
    """
    How far the wall clock of daemons is off that are started from now on.

    The monotonic clock, and what C libraries read, stay what they are.
    """

    def __init__(self, folder: Path, monkeypatch) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(b"%32d" % 0)
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
        monkeypatch.setenv("LOGFERRY_TEST_CLOCK", str(self._file))

    def leap(self, seconds: float) -> None:
        """Show the true time plus ``seconds`` from now on."""
        with open(self._file, "r+b", buffering=0) as file:
            file.write(b"%32d" % int(seconds))  # never empty for who reads it now
