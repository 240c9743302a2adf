"""
One open file: read on from an offset, notice truncation.

The only place of the file sources that reads files. A truncated file, and one that
was written anew from its beginning while nobody looked (``copytruncate``), begins at
offset 0 again: the first bytes tell.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from logferry.limits import READ_SIZE_BYTES
from logferry.sources.file.position import HEAD_BYTES_MAX, Mark, Settlement
from logferry.syslog.framing import LineFramer

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.sources.multi_line import TextFramer
    from logferry.syslog.framing import Frames

__all__ = ["OpenedFile", "open_file"]

_BUFFER = bytearray(2 * READ_SIZE_BYTES)
_VIEW = memoryview(_BUFFER)


def open_file(path: str) -> int:
    """Return a descriptor; raises ``OSError``."""
    # A FIFO would end with its last writer: so we are one too.
    mode = os.stat(path).st_mode  # noqa: PTH116 - beside os.open
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    flags = os.O_RDWR if stat.S_ISFIFO(mode) else os.O_RDONLY
    flags |= os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    return os.open(path, flags)


class OpenedFile:
    """
    A regular file that is being read.

    Args:
        descriptor: open for reading; owned by this object from now on.
        settlement: where reading begins.
        make_framer: makes what cuts the text into frames.

    Attributes:
        is_current: the followed path still names this file.
        changed_at: when something was last read (monotonic).

    """

    def __init__(
        self,
        descriptor: int,
        settlement: Settlement,
        make_framer: Callable[[], TextFramer],
        now: float,
    ) -> None:
        status = os.fstat(descriptor)
        self.descriptor = descriptor
        self.device = status.st_dev
        self.inode = status.st_ino
        self.settlement = settlement
        self.is_current = True
        self.changed_at = now
        self._make_framer = make_framer
        self._framer = make_framer()
        self._offset = settlement.handed_on  # of the next read
        self._head = os.pread(descriptor, HEAD_BYTES_MAX, 0)[: self._offset]
        self._written_ns = -1
        self._is_rewritten = False

    @property
    def is_open(self) -> bool:
        """Tell whether it can still be read."""
        return self.descriptor >= 0

    @property
    def has_rest(self) -> bool:
        """Tell whether a message has begun whose end has not come."""
        return bool(self._framer.rest)

    def mark(self) -> Mark:
        """Return the place up to which everything was settled."""
        offset = self.settlement.offset
        return Mark.of(self.device, self.inode, offset, self._head)

    def place(self) -> Mark:
        """Return the place up to which everything was read."""
        return Mark.of(self.device, self.inode, self._offset, self._head)

    def go_on(self, descriptor: int) -> None:
        """Read on from another descriptor of the same file."""
        self.descriptor = descriptor
        self.device = os.fstat(descriptor).st_dev

    def size(self) -> int:
        """Return the file's size now."""
        return os.fstat(self.descriptor).st_size

    def has_news(self) -> bool:
        """Tell whether there is something to read, truncation included."""
        if not self.is_open:
            return False
        status = os.fstat(self.descriptor)
        if status.st_size != self._offset or self._is_rewritten:
            return True
        if status.st_mtime_ns != self._written_ns:
            # Written since the last look and as long as what was read: mostly that is
            # what was read, but it may have been cut and have grown to the same size.
            self._written_ns = status.st_mtime_ns
            self._is_rewritten = self._begins_otherwise()
        return self._is_rewritten

    def is_rewritten(self) -> bool:
        """Tell whether the file was cut, or begins otherwise than it did."""
        if self.size() < self._offset or self._is_rewritten:
            return True
        return self._begins_otherwise()

    def _begins_otherwise(self) -> bool:
        return os.pread(self.descriptor, len(self._head), 0) != self._head

    def begin_anew(self) -> Frames:
        """
        Go back to the beginning; return the message that was under way.

        What was read before is not in the file any more: it gets a settlement of its
        own, which no position depends on.
        """
        frames = self._framer.finish()
        self._framer = self._make_framer()
        self._offset = 0
        self._head = b""
        self._is_rewritten = False
        on_advance = self.settlement.on_advance
        self.settlement.on_advance = None
        self.settlement = Settlement(0)
        self.settlement.on_advance = on_advance
        return frames

    def read(self, now: float) -> tuple[Frames, int]:
        """
        Read once; return complete frames, and where they end in the file.

        Raises ``OSError``. No frames and the old end: there is nothing to read.
        """
        framer, before = self._framer, self._offset
        frames: Frames
        if isinstance(framer, LineFramer) and framer.size_max <= READ_SIZE_BYTES:
            rest = len(framer.rest)
            _BUFFER[:rest] = framer.rest
            view = _VIEW[rest : rest + READ_SIZE_BYTES]
            count = os.preadv(self.descriptor, [view], before)
            frames = framer.feed_buffer(_BUFFER, rest + count) if count else b""
        else:
            data = os.pread(self.descriptor, READ_SIZE_BYTES, before)
            count = len(data)
            frames = framer.feed(data) if count else b""
        if count:
            self.changed_at = now
            self._offset = before + count
            if len(self._head) < HEAD_BYTES_MAX:
                size = min(HEAD_BYTES_MAX, self._offset)
                self._head = os.pread(self.descriptor, size, 0)
        return frames, self._offset - len(framer.rest)

    def finish(self) -> tuple[Frames, int]:
        """Return the message that has no end, and where the file ends."""
        return self._framer.finish(), self._offset

    def close(self) -> None:
        """Close the descriptor."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1
