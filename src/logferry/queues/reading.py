"""
Look into queue files without changing them, while their daemon runs or not.

Readers see one consistent state of the file, however long they read.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logferry.errors import CorruptRecord
from logferry.queues.refusal import connect_readonly
from logferry.queues.rows import Row, decode_ranges
from logferry.queues.storage import APPLICATION_ID, read_totals
from logferry.queues.work import Totals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["QueueReader", "Verdict"]


@dataclass(slots=True)
class Verdict:
    """
    What a look at every record found.

    Attributes:
        expected: what the file says it holds, ``None`` when that note is damaged.
        count: records that are whole.
        rows: rows that are whole.
        damaged: what is wrong, a line for each place.

    """

    expected: Totals | None
    count: int
    rows: int
    damaged: list[str]

    @property
    def is_good(self) -> bool:
        """Tell whether nothing is wrong."""
        is_complete = self.expected is not None and self.expected.count == self.count
        return is_complete and not self.damaged


class QueueReader:
    """An open queue file. Raises ``CorruptRecord`` for anything else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = connect_readonly(path)
            kind = self._connection.execute("PRAGMA application_id").fetchone()[0]
            if kind != APPLICATION_ID:
                raise CorruptRecord("this is no queue file of logferry")
            self._connection.execute("BEGIN")
            found = read_totals(self._connection)
        except sqlite3.Error as error:
            raise CorruptRecord(str(error)) from None
        self.owner = "" if found is None else found[0]
        self.totals = None if found is None else found[1]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self) -> Iterator[Row | CorruptRecord]:
        """Yield all rows in order, and an error for each that is damaged."""
        try:
            for columns in self._connection.execute(
                "SELECT r.first, r.count, r.crc, r.key, r.ends, r.data, g.ranges"
                " FROM rows r LEFT JOIN gone g USING (first) ORDER BY r.first"
            ):
                try:
                    row = Row.decode(columns[:6])
                except CorruptRecord as error:
                    yield CorruptRecord(f"row {columns[0]}: {error}", columns[0])
                    continue
                row.gone = decode_ranges(columns[6], row.count)
                yield row
        except sqlite3.Error as error:
            yield CorruptRecord(f"the file ends here: {error}")

    def records(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, routing key and record of all that waits; skip damage."""
        for row in self.rows():
            if isinstance(row, CorruptRecord):
                continue
            for offset, batch in row.parts():
                number = row.first + offset
                for record in batch.records():
                    yield number, row.key, record
                    number += 1

    def verify(self) -> Verdict:
        """Read everything."""
        verdict = Verdict(self.totals, 0, 0, [])
        for row in self.rows():
            if isinstance(row, CorruptRecord):
                verdict.damaged.append(str(row))
            else:
                verdict.rows += 1
                verdict.count += sum(batch.count for _, batch in row.parts())
        if self.totals is None:
            verdict.damaged.append("the note of the number of records is damaged")
        return verdict
