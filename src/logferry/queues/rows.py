"""
Rows: batches of records as a queue file keeps them.

A row is a run of records with one routing key, 64-256 KiB when there is much to store.
``first`` numbers the records that were ever stored in a file, without holes: it is the
row's identity, its order, and what makes a loss countable. The checksum covers
everything that delivery depends on.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from dataclasses import dataclass, field
from typing import Final

from logferry.errors import CorruptRecord
from logferry.message.batch import RecordBatch

__all__ = ["Ranges", "Row", "decode_ranges", "encode_ranges", "merge_ranges"]

Ranges = list[tuple[int, int]]
"""Half-open ranges of records in a row, such as those that were delivered already."""

_NUMBER: Final = "I"  # 32 bits, in the file always little-endian
_CRC_BYTES: Final = 4


@dataclass(slots=True)
class Row:
    """
    One row of a queue file.

    Attributes:
        first: the number of its first record.
        count: its records, delivered ones included.
        key: the routing key.
        ends: the end offset of each record, or ``None`` when each ends with its only
            newline.
        data: the records.
        gone: ranges of records that are delivered already.

    """

    first: int
    count: int
    key: bytes
    ends: list[int] | None
    data: bytes
    gone: Ranges = field(default_factory=list)

    def batch(self) -> RecordBatch:
        """Return all records, delivered ones included."""
        return RecordBatch(self.data, self.count, self.ends, self.key)

    def parts(self) -> list[tuple[int, RecordBatch]]:
        """Return the records that are not gone, as (offset in the row, batch)."""
        whole = self.batch()
        if not self.gone:
            return [(0, whole)]
        found = []
        start = 0
        for gone_start, gone_stop in [*self.gone, (self.count, self.count)]:
            if start < gone_start:
                found.append((start, whole.slice(start, gone_start)))
            start = gone_stop
        return found

    def encode(self) -> tuple[int, int, int, bytes, bytes | None, bytes]:
        """Return the columns ``first, count, crc, key, ends, data``."""
        ends = None if self.ends is None else _encode_numbers(self.ends)
        crc = _checksum(self.first, self.count, self.key, ends, self.data)
        return self.first, self.count, crc, self.key, ends, self.data

    @classmethod
    def decode(cls, columns: tuple[object, ...]) -> Row:
        """Return the row of ``columns``; raise ``CorruptRecord`` for a damaged one."""
        match columns:
            case (
                int(first),
                int(count),
                int(crc),
                bytes(key),
                (None | bytes()) as ends,
                bytes(data),
            ):
                pass
            case _:
                raise CorruptRecord("a column has an impossible type")
        if not 0 < count < 1 << 32 or not 0 <= first < 1 << 62:
            raise CorruptRecord("impossible numbers")
        if _checksum(first, count, key, ends, data) != crc:
            raise CorruptRecord("the checksum does not match")
        return cls(first, count, key, _decode_numbers(ends), data)


def _checksum(
    first: int, count: int, key: bytes, ends: bytes | None, data: bytes
) -> int:
    head = b"%d %d %d %d " % (first, count, len(key), -1 if ends is None else len(ends))
    return zlib.crc32(data, zlib.crc32(ends or b"", zlib.crc32(head + key)))


def _encode_numbers(values: list[int]) -> bytes:
    numbers = array(_NUMBER, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _decode_numbers(data: bytes | None) -> list[int] | None:
    if data is None:
        return None
    numbers = array(_NUMBER, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def merge_ranges(ranges: Ranges) -> Ranges:
    """Return ``ranges`` sorted, with adjacent ones joined."""
    merged: Ranges = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def encode_ranges(ranges: Ranges) -> bytes:
    """Return ``ranges`` with a checksum of their own."""
    data = _encode_numbers([number for item in ranges for number in item])
    return zlib.crc32(data).to_bytes(_CRC_BYTES, "little") + data


def decode_ranges(data: object, count: int) -> Ranges:
    """
    Return what ``encode_ranges`` stored for a row of ``count`` records.

    Damaged ranges are no ranges: records are sent twice rather than never.
    """
    if not isinstance(data, bytes) or len(data) % 8 != _CRC_BYTES:
        return []
    crc, body = data[:_CRC_BYTES], data[_CRC_BYTES:]
    if zlib.crc32(body).to_bytes(_CRC_BYTES, "little") != crc:
        return []
    numbers = _decode_numbers(body) or []
    ranges = merge_ranges(list(zip(numbers[::2], numbers[1::2], strict=True)))
    is_sane = all(0 <= start < stop <= count for start, stop in ranges)
    return ranges if is_sane else []
