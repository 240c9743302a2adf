"""
Talking to systemd: ready, reloading, stopping, and the watchdog (sd_notify(3)).

Without ``NOTIFY_SOCKET`` in the environment everything here does nothing. The watchdog
is fed from the event loop, so a loop that hangs is noticed; twice per interval.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time

__all__ = ["ServiceNotifier", "is_journal"]


class ServiceNotifier:
    """Tells the service manager what the daemon does."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._watchdog: asyncio.TimerHandle | None = None
        self._interval_s = _watchdog_interval_s()

    def ready(self, status: str) -> None:
        """Say that the daemon runs, and begin to feed the watchdog."""
        self._send(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={status}")
        if self._interval_s and self._address:
            self._feed()

    def reloading(self) -> None:
        """Say that a reload begins; ``ready`` ends it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """Say that the daemon ends."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._send("STOPPING=1")

    def _feed(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._send("WATCHDOG=1")
        loop = asyncio.get_running_loop()
        self._watchdog = loop.call_later(self._interval_s, self._feed)

    def _send(self, text: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):  # the abstract namespace, unix(7)
            address = "\0" + address[1:]
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.connect(address)
            sock.send(text.encode())


def _watchdog_interval_s() -> float:
    """Return how often the watchdog wants to hear from us, or 0."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(microseconds) / 1e6 / 2


def is_journal(descriptor: int) -> bool:
    """Tell whether ``descriptor`` leads into systemd's journal (systemd.exec(5))."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    if not device.isdigit() or not inode.isdigit():
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (int(device), int(inode))
