"""A server behind a road that can vanish without a word; needs root and iproute2."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hole:
    """A network namespace behind a pair of interfaces, whose road back can vanish."""

    def __init__(self, number: int) -> None:
        self.name = f"lf{os.getpid()}-{number}"
        self._ours, self._theirs = f"lfa{os.getpid()}", f"lfb{os.getpid()}"
        self.near = f"10.213.{os.getpid() % 250}.1"
        self.address = f"10.213.{os.getpid() % 250}.2"

    def open(self) -> None:
        run = self._run
        run("netns", "add", self.name)
        run("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs)
        run("link", "set", self._theirs, "netns", self.name)
        run("addr", "add", f"{self.near}/30", "dev", self._ours)
        run("link", "set", self._ours, "up")
        run("-n", self.name, "addr", "add", f"{self.address}/30", "dev", self._theirs)
        run("-n", self.name, "link", "set", self._theirs, "up")

    def dig(self) -> None:
        """Answer nothing any more: no RST, no FIN, no ICMP."""
        self._run("-n", self.name, "route", "add", "blackhole", f"{self.near}/32")

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("netns", "del", self.name)
            self._run("link", "del", self._ours)

    @staticmethod
    def _run(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def black_hole() -> Iterator[Hole]:
    """A black hole; needs root."""
    found = Hole(0)
    try:
        found.open()
    except (OSError, subprocess.CalledProcessError):
        found.close()
        pytest.skip("network namespaces need root and iproute2")
    yield found
    found.close()
