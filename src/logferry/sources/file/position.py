"""
Where reading of a file goes on after a restart.

A :class:`Mark` names a file by device, inode and its first bytes (inodes are used
again, and after a reboot devices have other numbers), and the offset up to which
every byte was settled by every destination. The persisted position of a path is a
list of marks, oldest first: after a rotation the renamed file and the new one may
both have messages on their way.

A :class:`Settlement` moves the offset: chunks may be settled in any order, the offset
follows the oldest one that is not.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["HEAD_BYTES_MAX", "Mark", "Settlement", "decode_marks", "encode_marks"]

HEAD_BYTES_MAX: Final = 256
"""First bytes that tell one file from another with the same inode."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A place in a file.

    Attributes:
        head_bytes: how many of the first bytes ``digest`` covers.
        digest: of those bytes, in hex.

    """

    device: int
    inode: int
    offset: int
    head_bytes: int
    digest: str

    @classmethod
    def of(cls, device: int, inode: int, offset: int, head: bytes) -> Mark:
        """Return the mark of a file that begins with ``head``."""
        head = head[: min(offset, HEAD_BYTES_MAX)]
        return cls(device, inode, offset, len(head), digest_of(head))

    def fits(self, device: int, inode: int, size: int, head: bytes) -> bool:
        """Tell whether a file with these properties is the one that was marked."""
        if inode != self.inode or size < self.offset:
            return False
        if not self.head_bytes:
            return device == self.device
        return digest_of(head[: self.head_bytes]) == self.digest


def digest_of(head: bytes) -> str:
    """Return a short digest of the first bytes of a file."""
    return hashlib.blake2b(head, digest_size=16).hexdigest()


def encode_marks(marks: Sequence[Mark]) -> bytes:
    """Return ``marks`` as they are persisted."""
    rows = [
        [mark.device, mark.inode, mark.offset, mark.head_bytes, mark.digest]
        for mark in marks
    ]
    return json.dumps({"version": _VERSION, "files": rows}).encode()


def decode_marks(data: bytes | None) -> list[Mark]:
    """Return what was persisted; what cannot be understood counts as nothing."""
    if data is None:
        return []
    try:
        content: Any = json.loads(data)
        if content["version"] != _VERSION:
            return []
        return [
            Mark(int(device), int(inode), int(offset), int(size), str(digest))
            for device, inode, offset, size, digest in content["files"]
        ]
    except (ValueError, KeyError, TypeError):
        return []


@dataclass(slots=True)
class _Chunk:
    """A chunk that was handed on; ``end`` is where it ends in the file."""

    end: int
    is_delivered: bool = False
    is_settled: bool = False


class Settlement:
    """
    Knows up to which offset everything of a file was settled.

    Attributes:
        offset: every byte before it was settled.
        handed_on: every byte before it was handed on; reading goes on here while
            the process lives.

    """

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.handed_on = offset
        self.on_advance: Callable[[], None] | None = None
        self._chunks: deque[_Chunk] = deque()

    def begin(self, end: int) -> _Chunk:
        """Note a chunk up to ``end`` that is about to be handed on."""
        chunk = _Chunk(end)
        self._chunks.append(chunk)
        self.handed_on = end
        return chunk

    def deliver(self, chunk: _Chunk) -> bool:
        """
        Note that ``chunk`` was delivered; true when it was the oldest that was not.

        It may yet have messages that wait for others on their way.
        """
        chunk.is_delivered = True
        for item in self._chunks:
            if item is chunk:
                return True
            if not item.is_delivered:
                return False
        return True

    def settle(self, chunk: _Chunk) -> bool:
        """Note that ``chunk`` was settled; true when the offset moved."""
        chunk.is_settled = True
        chunks = self._chunks
        if not chunks or not chunks[0].is_settled:
            return False
        while chunks and chunks[0].is_settled:
            self.offset = chunks.popleft().end
        if self.on_advance is not None:
            self.on_advance()
        return True

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing is on its way."""
        return not self._chunks
