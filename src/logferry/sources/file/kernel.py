"""
The kernel's messages: ``/dev/kmsg`` and ``/proc/kmsg``.

``/dev/kmsg`` gives one record a read, ``priority,sequence,microseconds,flags;text``,
with properties of the device on lines of their own, which are left out. The sequence
number, together with the boot's id, is the position: a restart goes on behind the last
record that arrived. Source: the kernel's ``Documentation/ABI/testing/dev-kmsg``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["KERNEL_PATHS", "KmsgFramer"]

KERNEL_PATHS: Final = frozenset({"/dev/kmsg", "/proc/kmsg"})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_record = re.compile(rb"(\d+),(\d+),(\d+),[^;]*;([^\n]*)")
_escape = re.compile(rb"\\x([0-9a-fA-F]{2})")


class KmsgFramer:
    """
    Turns records into frames ``<priority>stamp kernel: text``.

    Args:
        sequence: records up to this one are left out; -1 takes all.
        booted_ns: when the kernel's clock was 0.

    """

    def __init__(self, sequence: int, booted_ns: int) -> None:
        self.sequence = sequence
        self._booted_us = booted_ns // 1000
        self.rest = b""  # a read is a whole record

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frame of one record, if it is new."""
        match = _record.match(data)
        if match is None:
            return []
        sequence = int(match[2])
        if sequence <= self.sequence:
            return []
        self.sequence = sequence
        text = _escape.sub(lambda found: bytes((int(found[1], 16),)), match[4])
        moment_us = self._booted_us + int(match[3])
        stamp = _EPOCH + timedelta(microseconds=moment_us)
        date = stamp.isoformat(timespec="microseconds").encode()
        return [b"<%d>%b kernel: %b" % (int(match[1]) & 0x3FF, date, text)]

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return nothing: a read is a whole record."""
        return []
