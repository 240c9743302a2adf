"""
Messages of several lines: back-traces, XML, reports.

A multi-line framer is fed with raw bytes and returns complete messages. It keeps in
``rest`` every byte that was not returned yet, so that a source that remembers its
position knows where to read again. No I/O, no clock: who wants a message to end after
a pause calls ``finish``.

Rules (the reference's):

* ``indented``: a line that begins with a space or a tab, or is empty, goes on with the
  message before it.
* ``prefix-garbage``: a line in which the prefix is found begins a message; what
  follows the place where the garbage is found is thrown away up to the end of the line.
* ``prefix-suffix``: like it, but the message ends behind the suffix.
* ``smart``: back-traces of common languages are joined, every other line is a message.

Limits: a message longer than ``size_max`` is cut into pieces of that size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from logferry.syslog.traces import TRACES, Trace

__all__ = [
    "BREAK",
    "GarbageRule",
    "IndentedFramer",
    "IndentedRule",
    "LineRule",
    "RecordFramer",
    "RuleFramer",
    "SingleRule",
    "SmartRule",
    "SuffixRule",
    "Verdict",
]

Search: TypeAlias = Callable[[bytes], Any]
"""What ``re.Pattern.search`` is: returns a match with ``start`` and ``end``."""

Verdict: TypeAlias = int | None
"""
What a line means for the message before it: ``None``, it goes on; ``BREAK``, a new
message begins here; a number, the message ends behind so many bytes of the line.
"""

BREAK = -1

_LINE_END = b"\r\n"
_new_message = re.compile(rb"\n(?=[^ \t\r\n])")


class LineRule(Protocol):
    """Decides line by line where messages end."""

    def first(self, line: bytes) -> Verdict:
        """Judge a line that begins a message; never ``BREAK``."""
        ...

    def following(self, line: bytes) -> Verdict:
        """Judge a line that comes after others of its message."""
        ...


class IndentedFramer:
    """``multi-line-mode(indented)``: one search over the whole chunk."""

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed."""
        messages = _new_message.split(self.rest + data)
        self.rest = messages.pop()
        frames: list[bytes] = []
        for message in messages:
            _append(frames, message, self.size_max)
        if len(self.rest) > self.size_max:
            whole = len(self.rest) - len(self.rest) % self.size_max
            _append(frames, self.rest[:whole], self.size_max)
            self.rest = self.rest[whole:]
        return frames

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return the message whose end nobody has seen."""
        frames: list[bytes] = []
        _append(frames, self.rest, self.size_max)
        self.rest = b""
        return frames


class RuleFramer:
    """
    The modes that judge each line by a rule.

    Args:
        rule: decides where messages end.
        size_max: the longest message, in bytes.

    """

    def __init__(self, rule: LineRule, size_max: int) -> None:
        self.size_max = size_max
        self.rest = b""
        self._rule = rule
        self._judged_bytes = 0  # of rest: lines that belong to its message
        self._is_open = False  # a message has begun

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completed."""
        data = self.rest + data
        frames: list[bytes] = []
        start, position = 0, self._judged_bytes
        while (end := data.find(b"\n", position)) >= 0:
            line = data[position:end]
            if line.endswith(b"\r"):
                line = line[:-1]
            verdict = self._judge(line)
            if verdict == BREAK:
                _append(frames, data[start:position], self.size_max)
                start = position
                verdict = self._rule.first(line)
            if verdict is None:
                if not line and not self._is_open:
                    start = end + 1  # no message begins with an empty line
                self._is_open = self._is_open or bool(line)
            else:
                _append(frames, data[start : position + verdict], self.size_max)
                start = end + 1
                self._is_open = False
            position = end + 1
        self.rest, self._judged_bytes = data[start:], position - start
        if len(self.rest) > self.size_max:
            self._cut(frames)
        return frames

    def _judge(self, line: bytes) -> Verdict:
        if self._is_open:
            return self._rule.following(line)
        return self._rule.first(line)

    def _cut(self, frames: list[bytes]) -> None:
        """Give out a message whose end is not in sight, in pieces."""
        whole = len(self.rest) - len(self.rest) % self.size_max
        _append(frames, self.rest[:whole], self.size_max)
        self.rest = self.rest[whole:]
        self._judged_bytes = max(0, self._judged_bytes - whole)
        self._is_open = True

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return the message whose end nobody has seen."""
        frames: list[bytes] = []
        _append(frames, self.rest, self.size_max)
        self.rest = b""
        self._judged_bytes = 0
        self._is_open = False
        return frames


class SingleRule:
    """No rule: lines belong together until something else ends their message."""

    def first(self, line: bytes) -> Verdict:
        """Wait for more."""
        del line
        return None

    def following(self, line: bytes) -> Verdict:
        """Wait for more."""
        del line
        return None


class IndentedRule:
    """``indented``: a line that begins with a space or a tab goes on."""

    def first(self, line: bytes) -> Verdict:
        """Wait for indented lines."""
        del line
        return None

    def following(self, line: bytes) -> Verdict:
        """Begin anew at a line with text that is not indented."""
        return None if line[:1] in {b"", b" ", b"\t"} else BREAK


class GarbageRule:
    """``prefix-garbage``; either pattern may be absent."""

    def __init__(self, prefix: Search | None, garbage: Search | None) -> None:
        self._prefix = prefix
        self._garbage = garbage

    def first(self, line: bytes) -> Verdict:
        """End a message at once whose first line holds garbage."""
        match = self._garbage(line) if self._garbage is not None else None
        return None if match is None else int(match.start())

    def following(self, line: bytes) -> Verdict:
        """Cut garbage off, and begin anew at a prefix."""
        verdict = self.first(line)
        if verdict is not None:
            return verdict
        if self._prefix is not None and self._prefix(line) is not None:
            return BREAK
        return None


class SuffixRule:
    """``prefix-suffix``; either pattern may be absent."""

    def __init__(self, prefix: Search | None, suffix: Search | None) -> None:
        self._prefix = prefix
        self._suffix = suffix

    def first(self, line: bytes) -> Verdict:
        """End a message of one line."""
        match = self._suffix(line) if self._suffix is not None else None
        return None if match is None else int(match.end())

    def following(self, line: bytes) -> Verdict:
        """End behind the suffix, or before a line with the prefix."""
        verdict = self.first(line)
        if verdict is not None:
            return verdict
        if self._prefix is not None and self._prefix(line) is not None:
            return BREAK
        return None


class SmartRule:
    """``smart``: lines that go on with a back-trace stay with its first line."""

    def __init__(self) -> None:
        self._traces: tuple[Trace, ...] = ()

    def first(self, line: bytes) -> Verdict:
        """Keep a line that may begin a back-trace; give out every other."""
        self._traces = tuple(trace for trace in TRACES if trace.head(line))
        return None if self._traces else len(line)

    def following(self, line: bytes) -> Verdict:
        """Go on as long as one of the languages says so."""
        going_on = tuple(trace for trace in self._traces if trace.body(line))
        if going_on:
            self._traces = going_on
            return None
        for trace in self._traces:
            if trace.tail is not None and trace.tail(line):
                return len(line)
        return BREAK


class RecordFramer:
    """
    ``pad-size()``: records of one size, filled up with NUL or line ends.

    Args:
        record_bytes: the size of a record.

    """

    def __init__(self, record_bytes: int) -> None:
        assert record_bytes > 0
        self.rest = b""
        self._record_bytes = record_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """Return the records that ``data`` completed."""
        data = self.rest + data
        size = self._record_bytes
        whole = len(data) - len(data) % size
        self.rest = data[whole:]
        return self._records(data[:whole])

    def _records(self, data: bytes) -> list[bytes]:
        size = self._record_bytes
        records = []
        for start in range(0, len(data), size):
            record = data[start : start + size].partition(b"\0")[0].rstrip(_LINE_END)
            if record:
                records.append(record)
        return records

    def take(self) -> list[bytes]:
        """Return nothing: there are no errors."""
        return []

    def finish(self) -> list[bytes]:
        """Return the record that was cut off."""
        rest, self.rest = self.rest, b""
        return self._records(rest)


def _append(frames: list[bytes], message: bytes, size_max: int) -> None:
    """Add ``message`` in pieces, without the line ends at their ends."""
    if len(message) <= size_max:
        message = message.rstrip(_LINE_END)
        if message:
            frames.append(message)
        return
    for start in range(0, len(message), size_max):
        piece = message[start : start + size_max].rstrip(_LINE_END)
        if piece:
            frames.append(piece)
