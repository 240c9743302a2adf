"""
Cutting a stream of bytes into frames; incremental, bounded, no I/O.

A framer is fed with whatever the socket brought and returns the frames that are
complete. Text framers return one *chunk*: ``bytes`` in which every frame ends with
its only ``\\n``, holds no NUL, no ``\\r`` at its end, and is not longer than the
limit, so that a program can run regular expressions over the whole chunk. Empty lines
may be in it; programs skip them, which costs nothing where there are none. The others
return a list of frames, which may hold anything.

Cost: on clean text a feed is a handful of searches over the chunk, nothing per line.

Limits: what is kept between two feeds is at most one frame, and a frame is at most
``size_max`` bytes; text that is longer is cut into frames of that size, as the
reference does.
"""

from __future__ import annotations

import re
from typing import Protocol, TypeAlias

from logferry.errors import FramingError
from logferry.limits import FRAME_HEADER_DIGITS_MAX

__all__ = [
    "AutoFramer",
    "Framer",
    "Frames",
    "LineFramer",
    "OctetCountFramer",
    "SeparatorFramer",
    "make_framer",
]

Frames: TypeAlias = bytes | list[bytes]
"""A chunk of lines, or frames one by one; false when there are none."""

_HEADER_SHOWN_BYTES = 10
_carriage_returns = re.compile(rb"\r+\n")


class Framer(Protocol):
    """Cuts a stream into frames."""

    def feed(self, data: bytes) -> Frames:
        """
        Return the frames that ``data`` completed.

        Raises ``FramingError`` when the stream cannot be understood any more; what
        was complete before is then in ``take()``, and the connection should end.
        """
        ...

    def take(self) -> Frames:
        """Return the frames completed before an error, once."""
        ...

    def finish(self) -> Frames:
        """Return what is left at the end of the stream."""
        ...


class LineFramer:
    """
    Text: a frame ends at LF or NUL (reference: transport tcp, tls).

    Args:
        size_max: the longest frame, in bytes; longer ones are cut into several.

    """

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return the lines that ``data`` completed."""
        if b"\0" in data:
            data = data.replace(b"\0", b"\n")
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        if end == len(data):
            self._rest = b""
            return self._clean(data)
        self._rest = data[end:]
        chunk = self._clean(data[:end])
        if len(self._rest) >= self.size_max:
            chunk += self._cut_rest()
        return chunk

    @property
    def rest(self) -> bytes:
        """The beginning of a line whose end has not come yet."""
        return self._rest

    def feed_buffer(self, buffer: bytearray, size: int) -> bytes:
        """
        Return the lines in ``buffer[:size]``, which begins with ``rest``.

        The same as ``feed`` without copying twice: whoever reads from a socket puts
        ``rest`` into the buffer first and reads behind it.
        """
        end = buffer.rfind(b"\n", 0, size) + 1
        with memoryview(buffer) as view:
            chunk, rest = bytes(view[:end]), bytes(view[end:size])
        if not end or len(rest) >= self.size_max or b"\0" in chunk or b"\0" in rest:
            self._rest = b""
            return self.feed(chunk + rest)
        self._rest = rest
        return self._clean(chunk)

    def _cut_rest(self) -> bytes:
        """Return pieces of a line whose end is not in sight."""
        size = self.size_max
        whole = len(self._rest) - len(self._rest) % size
        pieces = _pieces(self._rest[:whole], size)
        self._rest = self._rest[whole:]
        return b"\n".join(pieces) + b"\n"

    def _clean(self, chunk: bytes) -> bytes:
        if b"\r" in chunk:
            chunk = _carriage_returns.sub(b"\n", chunk)
        if len(chunk) > self.size_max and self._has_long_line(chunk):
            chunk = self._cut(chunk)
        return chunk

    def _has_long_line(self, chunk: bytes) -> bool:
        """Hop from line end to line end, each the last one within the limit."""
        start, last = 0, len(chunk)
        while last - start > self.size_max:
            end = chunk.rfind(b"\n", start, start + self.size_max + 1)
            if end < 0:
                return True
            start = end + 1
        return False

    def _cut(self, chunk: bytes) -> bytes:
        lines: list[bytes] = []
        for line in chunk.split(b"\n"):
            if len(line) <= self.size_max:
                lines.append(line)
            else:
                lines.extend(_pieces(line, self.size_max))
        return b"\n".join(lines)

    def take(self) -> bytes:
        """Return nothing: text has no errors."""
        return b""

    def finish(self) -> bytes:
        """Return the line that has no end."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        return rest + b"\n" if rest else b""


class SeparatorFramer:
    """
    Frames that end at one byte and may hold every other.

    LF for ``text-with-nuls`` and for ``flags(empty-lines)``, NUL for
    ``nul-terminated``.
    """

    def __init__(
        self, separator: bytes, size_max: int, *, keeps_empty: bool = False
    ) -> None:
        assert len(separator) == 1
        self._separator = separator
        self._size_max = size_max
        self._keeps_empty = keeps_empty
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """The beginning of a frame whose end has not come yet."""
        return self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that ``data`` completed."""
        frames = (self._rest + data).split(self._separator)
        self._rest = frames.pop()
        complete = self._clean(frames)
        if len(self._rest) >= self._size_max:
            size = self._size_max
            whole = len(self._rest) - len(self._rest) % size
            complete.extend(_pieces(self._rest[:whole], size))
            self._rest = self._rest[whole:]
        return complete

    def _clean(self, frames: list[bytes]) -> list[bytes]:
        cleaned: list[bytes] = []
        for frame in frames:
            stripped = frame.rstrip(b"\r\n") if frame.endswith(b"\r") else frame
            if stripped or self._keeps_empty:
                cleaned.extend(_pieces(stripped, self._size_max))
        return cleaned

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return the frame that has no end."""
        rest, self._rest = self._rest, b""
        return self._clean([rest]) if rest else []


class OctetCountFramer:
    """
    RFC 6587, 3.4.1: ``length SP frame``.

    Args:
        size_max: the longest frame, in bytes.
        trims: cut longer frames to that size instead of giving up.

    """

    def __init__(self, size_max: int, *, trims: bool = False) -> None:
        self._size_max = size_max
        self._trims = trims
        self._rest = b""
        self._skip_bytes = 0  # of a trimmed frame, still to come
        self._complete: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that ``data`` completed."""
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(data))
            self._skip_bytes -= skipped
            data = data[skipped:]
        if self._rest:
            data = self._rest + data
        position = self._cut(data)
        self._rest = data[position:]
        return self.take()

    def _cut(self, data: bytes) -> int:
        """Cut frames off ``data`` and return where the incomplete rest begins."""
        position, size = 0, len(data)
        size_max = self._size_max
        append = self._complete.append
        while position < size:
            space = data.find(b" ", position, position + FRAME_HEADER_DIGITS_MAX + 1)
            digits = data[position:space] if space > 0 else b""
            if not digits.isdigit():
                self._check_header(data, position, space)
                break
            start = space + 1
            length = int(digits)
            end = start + length
            if length > size_max:
                self._check_size(length)
                if start + size_max > size:
                    break
                append(data[start : start + size_max])
                self._skip_bytes = max(0, end - size)
                position = min(end, size)
                continue
            if end > size:
                break
            if length:
                # The sender's own line end (the reference's default format has one).
                append(data[start : end - 1 if data[end - 1] == 10 else end])
            position = end
        return position

    def _check_header(self, data: bytes, position: int, space: int) -> None:
        """Raise unless more bytes may complete the header."""
        header = data[position : position + FRAME_HEADER_DIGITS_MAX + 1]
        if space < 0 and header.isdigit() and len(header) <= FRAME_HEADER_DIGITS_MAX:
            return
        self._rest = b""
        raise FramingError(
            "Invalid frame header", data[position : position + _HEADER_SHOWN_BYTES]
        )

    def _check_size(self, length: int) -> None:
        if not self._trims:
            self._rest = b""
            raise FramingError(
                f"Incoming frame larger than log_msg_size(): {length} bytes"
            )

    def take(self) -> list[bytes]:
        """Return the frames completed before an error."""
        # In place: feed() holds the list's append.
        frames = self._complete[:]
        self._complete.clear()
        return [frame for frame in frames if frame]

    def finish(self) -> list[bytes]:
        """Return nothing: a frame that is cut off is not a frame."""
        self._rest = b""
        return []


class AutoFramer:
    """
    Octet counting when the stream begins with a digit, else text.

    RFC 6587, 3.4: a frame of text begins with ``<``, so one byte is enough.
    """

    def __init__(self, size_max: int, *, trims: bool = False) -> None:
        self._size_max = size_max
        self._trims = trims
        self._framer: LineFramer | OctetCountFramer | None = None

    def feed(self, data: bytes) -> Frames:
        """Return the frames that ``data`` completed."""
        if self._framer is None:
            if not data:
                return b""
            if data[:1].isdigit():
                self._framer = OctetCountFramer(self._size_max, trims=self._trims)
            else:
                self._framer = LineFramer(self._size_max)
        return self._framer.feed(data)

    def take(self) -> Frames:
        """Return the frames completed before an error."""
        return self._framer.take() if self._framer is not None else b""

    def finish(self) -> Frames:
        """Return what is left."""
        return self._framer.finish() if self._framer is not None else b""


def make_framer(
    kind: str, size_max: int, *, trim: bool = False, keep_empty: bool = False
) -> Framer:
    """
    Return a framer.

    Args:
        kind: ``line``, ``line-with-nuls``, ``nul``, ``octet-count`` or ``auto``.
        size_max: ``log-msg-size()``, in bytes.
        trim: ``trim-large-messages()``.
        keep_empty: ``flags(empty-lines)``.

    """
    match kind:
        case "octet-count":
            return OctetCountFramer(size_max, trims=trim)
        case "auto":
            return AutoFramer(size_max, trims=trim)
        case "nul":
            return SeparatorFramer(b"\0", size_max, keeps_empty=keep_empty)
        case "line" if not keep_empty:
            return LineFramer(size_max)
        case _:
            return SeparatorFramer(b"\n", size_max, keeps_empty=keep_empty)


def _pieces(frame: bytes, size: int) -> list[bytes]:
    if len(frame) <= size:
        return [frame]
    return [frame[start : start + size] for start in range(0, len(frame), size)]
