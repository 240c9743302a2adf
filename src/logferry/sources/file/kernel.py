"""
The kernel's messages: ``/dev/kmsg`` and ``/proc/kmsg``.

``/dev/kmsg`` gives one record a read, ``priority,sequence,microseconds,flags;text``,
with properties of the device on lines of their own, which are left out. The sequence
number, together with the boot's id, is the position: a restart goes on behind the last
record that arrived. Source: the kernel's ``Documentation/ABI/testing/dev-kmsg``.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["KERNEL_PATHS", "KmsgFramer"]

KERNEL_PATHS: Final = frozenset({"/dev/kmsg", "/proc/kmsg"})

_record = re.compile(rb"(\d+),(\d+),\d+,[^;]*;([^\n]*)")
_escape = re.compile(rb"\\x([0-9a-fA-F]{2})")


class KmsgFramer:
    """
    Turns records into frames ``<priority>kernel: text``.

    Args:
        sequence: records up to this one are left out; -1 takes all.

    """

    def __init__(self, sequence: int = -1) -> None:
        self.sequence = sequence
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
        text = _escape.sub(lambda found: bytes((int(found[1], 16),)), match[3])
        return [b"<%d>kernel: %b" % (int(match[1]) & 0x3FF, text)]

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return nothing: a read is a whole record."""
        return []
