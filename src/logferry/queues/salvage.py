"""
Read what can be read from a damaged queue file, page by page.

SQLite gives up at the first page of its tree that makes no sense; the rows behind it
are still there. Here every page is looked at for itself: a leaf of a table holds cells,
a cell holds a row, long rows go on in a chain of overflow pages (file format:
https://www.sqlite.org/fileformat2.html, sections 1.5 to 2.1, and 4 for the write-ahead
log). Nothing is believed but rows whose own checksum matches.

Pages in the write-ahead log stand for those in the file. Freed pages keep their
content: rows below ``head`` were delivered before, whatever a page says.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Final

from logferry.errors import CorruptRecord
from logferry.queues.rows import Ranges, Row, decode_ranges
from logferry.queues.storage import PAGE_BYTES, meta_checksum
from logferry.queues.work import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["Salvage", "SavedMeta"]

_LEAF: Final = 0x0D  # a leaf of a table
_WAL_HEADER: Final = struct.Struct(">8I")
_FRAME_HEADER: Final = struct.Struct(">6I")
_PAGES_MAX: Final = 1 << 28
_ROW_COLUMNS: Final = 6
_META_COLUMNS: Final = 7
_GONE_COLUMNS: Final = 2
_RECORD_BYTES_MAX: Final = 1 << 30
_INTEGER_BYTES: Final = (0, 1, 2, 3, 4, 6, 8)
_PAGES_BETWEEN_REPORTS: Final = 64

Value = int | bytes | None
SavedMeta = tuple[str, Totals, int]
"""Owner, totals and head."""


def _go_on(part: float) -> None:
    """Nobody listens."""
    del part


class _Nonsense(Exception):
    """These bytes are not what they should be."""


class Salvage:
    """
    A damaged file, open for reading.

    Attributes:
        commits: the transactions in the log: where the pages of each are.
        meta: what the file should hold, by its most recent sound note, if any; known
            after ``look``.

    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self._page_bytes = self._read_page_bytes()
        size = path.stat().st_size
        self._page_count = -(-size // self._page_bytes)
        wal = path.with_name(path.name + "-wal")
        self._wal: BinaryIO | None = wal.open("rb") if wal.exists() else None
        self.commits: list[dict[int, int]] = []
        self._frames = self._read_frames() if self._wal is not None else {}
        self._gone: dict[int, bytes] = {}
        self.meta: SavedMeta | None = None
        self._rows: list[tuple[int, int, int]] = []  # first, page, cell

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def _read_page_bytes(self) -> int:
        head = self._file.read(18)
        size = int.from_bytes(head[16:18], "big") if len(head) == 18 else 0
        size = 65536 if size == 1 else size
        is_sane = 512 <= size <= 65536 and not size & (size - 1)
        return size if is_sane else PAGE_BYTES

    def _read_frames(self) -> dict[int, int]:
        """
        Return where in the log the last committed version of each page is.

        A frame belongs to the log when its salts are the header's (or, when that is
        damaged, those of most frames); its own checksum is not looked at.
        """
        wal = self._wal
        assert wal is not None
        head = wal.read(_WAL_HEADER.size).ljust(_WAL_HEADER.size, b"\0")
        salts: tuple[int, int] = _WAL_HEADER.unpack(head)[4:6]
        found: list[tuple[int, int, tuple[int, int], int]] = []
        while len(header := wal.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size:
            page, committed_pages, salt, other, _, _ = _FRAME_HEADER.unpack(header)
            found.append((page, committed_pages, (salt, other), wal.tell()))
            wal.seek(self._page_bytes, 1)
        if found and all(item[2] != salts for item in found):
            salts = Counter(item[2] for item in found).most_common(1)[0][0]
        frames: dict[int, int] = {}
        pending: dict[int, int] = {}
        for page, committed_pages, frame_salts, offset in found:
            if frame_salts != salts:
                continue
            pending[page] = offset
            if committed_pages:
                self.commits.append(pending)
                frames |= pending
                pending = {}
                if committed_pages <= _PAGES_MAX:
                    self._page_count = max(self._page_count, committed_pages)
        return frames

    def logged_totals(self) -> list[Totals]:
        """Return what each transaction in the log noted, the last one last."""
        found = []
        saved = self.meta
        for commit in self.commits:
            self.meta = None
            for number in commit:
                page = self._page_at(commit[number])
                for cell, rowid, columns in self._cells(number, page):
                    if len(columns) == _META_COLUMNS:
                        self._note(number, cell, rowid, columns)
            noted: SavedMeta | None = self.meta
            if noted is not None:
                found.append(noted[1])
        self.meta = saved
        return found

    def _page_at(self, offset: int) -> bytes:
        assert self._wal is not None
        self._wal.seek(offset)
        return self._wal.read(self._page_bytes).ljust(self._page_bytes, b"\0")

    def _page(self, number: int) -> bytes:
        if not 0 < number <= self._page_count:
            raise _Nonsense
        offset = self._frames.get(number)
        if offset is not None:
            return self._page_at(offset)
        self._file.seek((number - 1) * self._page_bytes)
        return self._file.read(self._page_bytes).ljust(self._page_bytes, b"\0")

    @property
    def row_count(self) -> int:
        """Rows that were seen, some perhaps more than once; known after ``look``."""
        return len(self._rows)

    def look(self, on_progress: Callable[[float], None] = _go_on) -> None:
        """
        Note where rows are, and read everything else: takes one reading of it.

        ``on_progress`` hears now and then which part is read.
        """
        for number in range(1, self._page_count + 1):
            if not number % _PAGES_BETWEEN_REPORTS:
                on_progress(number / self._page_count)
            page = self._page(number)
            for cell, rowid, columns in self._cells(number, page):
                self._note(number, cell, rowid, columns)
        self._rows.sort()

    def _note(self, page: int, cell: int, rowid: int, columns: list[Value]) -> None:
        match columns:
            case [None, int(), int(), bytes(), _, _]:
                self._rows.append((rowid, page, cell))
            case [None, bytes(ranges)]:
                self._gone[rowid] = ranges
            case [
                None,
                bytes(owner),
                int(next_first),
                int(count),
                int(size_bytes),
                int(head),
                int(crc),
            ]:
                name = owner.decode("utf-8", "surrogateescape")
                sound = meta_checksum(name, next_first, count, size_bytes, head)
                is_newer = self.meta is None or next_first >= self.meta[1].next_first
                if crc == sound and is_newer:
                    totals = Totals(next_first, count, size_bytes)
                    self.meta = (name, totals, head)
            case _:
                pass

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are whole, in order, each once."""
        head = self.meta[2] if self.meta is not None else 0
        next_first = 0
        for first, number, cell in self._rows:
            if first < max(head, next_first):
                continue
            try:
                columns = self._record(self._page(number), cell)[1]
                row = Row.decode((first, *columns[1:]))
            except (_Nonsense, IndexError, CorruptRecord):
                continue
            next_first = first + row.count
            row.gone = self._gone_of(row)
            yield row

    def _gone_of(self, row: Row) -> Ranges:
        ranges = self._gone.get(row.first)
        return [] if ranges is None else decode_ranges(ranges, row.count)

    def _cells(
        self, number: int, page: bytes
    ) -> Iterator[tuple[int, int, list[Value]]]:
        """Yield (offset, rowid, columns) of a leaf's cells, long values left out."""
        start = 100 if number == 1 else 0
        if page[start] != _LEAF:
            return
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        pointers = page[start + 8 : start + 8 + 2 * count]
        for index in range(0, len(pointers) - 1, 2):
            cell = int.from_bytes(pointers[index : index + 2], "big")
            try:
                rowid, columns = self._record(page, cell, reads_all=False)
            except (_Nonsense, IndexError):
                continue
            if len(columns) in {_ROW_COLUMNS, _META_COLUMNS, _GONE_COLUMNS}:
                yield cell, rowid, columns

    def _record(
        self, page: bytes, cell: int, *, reads_all: bool = True
    ) -> tuple[int, list[Value]]:
        """Return rowid and columns of the record at ``cell``."""
        size, offset = _varint(page, cell)
        rowid, offset = _varint(page, offset)
        if size > _RECORD_BYTES_MAX:
            raise _Nonsense
        local = _local_bytes(size, self._page_bytes)
        payload = page[offset : offset + local]
        if local < size and reads_all:
            chain = int.from_bytes(page[offset + local : offset + local + 4], "big")
            payload += self._overflow(chain, size - local)
        return rowid, _columns(payload)

    def _overflow(self, number: int, size: int) -> bytes:
        """Return ``size`` bytes of a chain of overflow pages."""
        parts = []
        while size > 0:
            page = self._page(number)
            number = int.from_bytes(page[:4], "big")
            part = page[4 : 4 + size]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _local_bytes(size: int, usable: int) -> int:
    """Return how much of a payload stands in the leaf itself (section 1.6)."""
    limit = usable - 35
    if size <= limit:
        return size
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    return local if local <= limit else least


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return the number at ``offset`` and where it ends (section 1.6)."""
    value = 0
    for index in range(8):
        byte = data[offset + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + index + 1
    return value << 8 | data[offset + 8], offset + 9


def _columns(payload: bytes) -> list[Value]:
    """Return the values of a record; those beyond ``payload`` come shortened."""
    header_bytes, offset = _varint(payload, 0)
    if not 0 < header_bytes <= len(payload) or header_bytes > 100:
        raise _Nonsense
    types = []
    while offset < header_bytes:
        kind, offset = _varint(payload, offset)
        types.append(kind)
    values: list[Value] = []
    for kind in types:
        if kind == 0:
            values.append(None)
        elif kind in {8, 9}:
            values.append(kind - 8)
        elif kind < len(_INTEGER_BYTES):
            size = _INTEGER_BYTES[kind]
            number = payload[offset : offset + size]
            values.append(int.from_bytes(number, "big", signed=True))
            offset += size
        elif kind >= 12:
            size = (kind - 12) // 2
            values.append(payload[offset : offset + size])
            offset += size
        else:
            raise _Nonsense
    return values
