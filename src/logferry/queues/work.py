"""
What a disk queue wants done with its file, as data.

The queue decides in the event loop, a thread does; only these values pass between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from logferry.errors import QueueError
from logferry.queues.rows import Ranges, Row
from logferry.records import record

__all__ = ["Done", "Found", "Health", "Load", "Totals", "Urgency", "Work"]


class Urgency(IntEnum):
    """How soon the queue wants its work done."""

    NONE = 0
    LATER = 1  # removals: their loss would only mean duplicates after a crash
    SOON = 2  # records that are being delivered, and need not be stored if that is fast
    NOW = 3


class Health(IntEnum):
    """What the disk still does; each state lacks more than the one before."""

    GOOD = 0
    FULL = 1  # nothing is stored
    READ_ONLY = 2  # nothing is written
    BROKEN = 3  # nothing works


@record
class Totals:
    """
    What a queue file should hold: the yardstick for a loss.

    Attributes:
        next_first: the number that the next stored record gets.
        count: records not yet gone.
        size_bytes: their bytes.

    """

    next_first: int = 0
    count: int = 0
    size_bytes: int = 0


@record
class Load:
    """Read rows with ``start <= first < stop``, at most about ``size_bytes``."""

    start: int
    stop: int
    size_bytes: int


@dataclass(slots=True)
class Work:
    """
    One transaction, and reading ahead.

    Attributes:
        inserts: rows to store.
        deletes: ``first`` of rows to remove.
        gone: by ``first``, the records of a row that are gone while others are not.
        damaged: ``first`` of rows to set aside, inside the file.
        totals: what the file holds after it.
        is_note: write the totals down, even when nothing else changes.
        load: what to read, or ``None``.

    """

    inserts: list[Row] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    gone: dict[int, Ranges] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    is_note: bool = False
    load: Load | None = None

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to write."""
        rows = self.inserts or self.deletes or self.gone or self.damaged
        return self.is_note or bool(rows)


@dataclass(slots=True)
class Done:
    """
    What reading brought.

    Attributes:
        rows: the rows read, in order.
        damaged: ``first`` of rows that do not match their checksum.
        next_start: where the next read goes on; ``load.stop`` when this was all.
        error: why nothing could be read.

    """

    rows: list[Row] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    next_start: int = 0
    error: QueueError | None = None


@record
class Found:
    """
    What was in a file when it was opened.

    Attributes:
        totals: what it should hold.
        kept_as: the name of the damaged file that it was recovered from, or "".
        error: why that one could not be used.
        recovered_count: records that were copied from it.
        lost_count: records that were not.
        is_loss_exact: ``False`` when the file no longer told how many there were.

    """

    totals: Totals
    kept_as: str = ""
    error: str = ""
    recovered_count: int = 0
    lost_count: int = 0
    is_loss_exact: bool = True
