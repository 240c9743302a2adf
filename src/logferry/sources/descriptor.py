"""
Reads text from a descriptor that can be waited for: a FIFO, a program, a device.

The same path as a connection's: a read becomes a chunk, and reading stops while the
window is full, so that the writer has to wait.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from logferry.limits import READ_SIZE_BYTES
from logferry.syslog.framing import LineFramer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from logferry.message.batch import Receipt
    from logferry.message.model import Origin
    from logferry.sources.base import Intake
    from logferry.sources.multi_line import TextFramer
    from logferry.syslog.framing import Frames

__all__ = ["DescriptorReader"]

_BUFFER = bytearray(2 * READ_SIZE_BYTES)
_VIEW = memoryview(_BUFFER)


class DescriptorReader:
    """
    Reads one descriptor until its end.

    Args:
        descriptor: open and non-blocking; owned by the reader from now on.
        framer: cuts the text into frames.
        limit: how many messages may be unacknowledged.
        flush_s: ``multi-line-timeout()``; 0 is never.
        on_end: called once, at the end of the input or after an error.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        framer: TextFramer,
        *,
        origin: Origin,
        intake: Intake,
        limit: int,
        flush_s: float,
        on_end: Callable[[OSError | None], None],
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._framer = framer
        self._origin = origin
        self._intake = intake
        self._limit = limit
        self._flush_s = flush_s
        self._on_end = on_end
        self._unsettled_count = 0
        self._is_reading = False
        self._is_closed = False
        self._flush_timer: asyncio.TimerHandle | None = None

    @property
    def unsettled_count(self) -> int:
        """Messages that are on their way."""
        return self._unsettled_count

    def start(self) -> None:
        """Begin to read; raises ``OSError`` for what cannot be waited for."""
        self._loop.add_reader(self._descriptor, self._on_readable)
        self._is_reading = True

    def _pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._descriptor)

    def _on_readable(self) -> None:
        try:
            frames = self._read()
        except (BlockingIOError, BrokenPipeError):
            return  # EPIPE: /dev/kmsg has lost records, and goes on with later ones
        except OSError as error:
            self._end(error)
            return
        if frames is None:
            self._end(None)
            return
        self._deliver(frames)
        self._arm_flush()

    def _read(self) -> Frames | None:
        """Return complete frames; ``None`` at the end."""
        framer = self._framer
        if isinstance(framer, LineFramer) and framer.size_max <= READ_SIZE_BYTES:
            rest = len(framer.rest)
            _BUFFER[:rest] = framer.rest
            view = _VIEW[rest : rest + READ_SIZE_BYTES]
            count = os.readv(self._descriptor, [view])
            return framer.feed_buffer(_BUFFER, rest + count) if count else None
        data = os.read(self._descriptor, READ_SIZE_BYTES)
        return framer.feed(data) if data else None

    def _deliver(self, frames: Frames) -> None:
        if not frames:
            return
        if isinstance(frames, bytes):
            receipt = self._intake.lines(frames, self._origin, self._on_settled)
        else:
            receipt = self._intake.frames(frames, self._origin, self._on_settled)
        self._unsettled_count += receipt.message_count
        if self._unsettled_count >= self._limit:
            self._pause()

    def _on_settled(self, receipt: Receipt) -> None:
        self._unsettled_count -= receipt.message_count
        is_idle = not self._is_reading and not self._is_closed
        if is_idle and self._unsettled_count < self._limit:
            self.start()

    def _arm_flush(self) -> None:
        """Give out an unfinished message when nothing comes for a while."""
        if not self._flush_s:
            return
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._flush_timer = self._loop.call_later(self._flush_s, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self._deliver(self._framer.finish())

    def _end(self, error: OSError | None) -> None:
        self.close()
        self._on_end(error)

    def drain(self) -> None:
        """Read what is there, without waiting; for a writer that has ended."""
        with contextlib.suppress(OSError):
            while not self._is_closed:
                frames = self._read()
                if frames is None:
                    return
                self._deliver(frames)

    def close(self) -> None:
        """Deliver what has no end, and close the descriptor."""
        if self._is_closed:
            return
        self._pause()
        self._is_closed = True
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._deliver(self._framer.finish())
        os.close(self._descriptor)
