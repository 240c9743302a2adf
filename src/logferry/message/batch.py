"""
Records in batches: the unit that queues keep and workers deliver.

A *record* is one message, rendered for one destination: finished bytes, framing
included where the destination's protocol frames. A :class:`RecordBatch` is a run of
records with one routing key. A :class:`Receipt` is what the source of a chunk waits
for before it counts the chunk as settled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

__all__ = ["Receipt", "RecordBatch"]


class Receipt:
    """
    Counts down the batches that were made from one chunk of a source.

    Each batch that still matters for the source holds the receipt; whoever takes
    responsibility for the batch (delivered, durably stored, dropped with a counted
    reason, dead-lettered) settles it. When the last one is settled, ``on_settled``
    is called once with the receipt.

    A message may also wait on the way for others (``group-lines()``): what keeps it
    *keeps* the receipt. A settled receipt gives the source its window back; only one
    that nobody keeps may move a position: see :meth:`when_released`.
    """

    __slots__ = (
        "_kept",
        "_on_delivered",
        "_on_released",
        "_on_settled",
        "_pending",
        "message_count",
    )

    def __init__(
        self, message_count: int, on_settled: Callable[[Receipt], None]
    ) -> None:
        self.message_count = message_count
        self._on_settled = on_settled
        self._pending = 1
        self._kept = 0
        self._on_delivered: list[Callable[[], object]] | None = None
        self._on_released: list[Callable[[], object]] | None = None

    def hold(self) -> None:
        """Wait for one more batch."""
        self._pending += 1

    def settle(self) -> None:
        """Stop waiting for one batch (or for the chunk's own initial hold)."""
        assert self._pending > 0
        self._pending -= 1
        if not self._pending:
            self._on_settled(self)
            if self._on_delivered is not None:
                actions, self._on_delivered = self._on_delivered, None
                for action in actions:
                    action()
            self._look()

    def keep(self) -> None:
        """Note that a message of the chunk waits for others."""
        self._kept += 1

    def release(self) -> None:
        """Note that what was made of such a message was delivered."""
        assert self._kept > 0
        self._kept -= 1
        self._look()

    def _look(self) -> None:
        if self._on_released is not None and not self._kept and not self._pending:
            actions, self._on_released = self._on_released, None
            for action in actions:
                action()

    def when_delivered(self, action: Callable[[], object]) -> None:
        """Call ``action`` once every batch is settled."""
        if not self._pending:
            action()
        elif self._on_delivered is None:
            self._on_delivered = [action]
        else:
            self._on_delivered.append(action)

    def when_released(self, action: Callable[[], object]) -> None:
        """Call ``action`` once every batch is settled and no message waits."""
        if not self._pending and not self._kept:
            action()
        elif self._on_released is None:
            self._on_released = [action]
        else:
            self._on_released.append(action)


_GUESS_ERROR_MAX = 32
"""A guess that is farther off than so many lines is no help."""


class RecordBatch:
    """
    Records for one destination, joined.

    Attributes:
        data: all records, one after the other, as they go on the wire.
        count: how many records there are, at least one.
        ends: the end offset of each record in ``data``; ``None`` means that each
            record ends with its only newline, so that offsets need not be kept.
        key: the routing key (templated URL, partition key), empty when there is none.
        receipt: what the source waits for, or ``None`` when it does not.
        is_patient: the source stops reading until the receipt is settled
            (``flags(flow-control)``), so a full queue takes the batch all the same:
            the sources' windows bound it, and nothing need be dropped.

    """

    __slots__ = ("count", "data", "ends", "is_patient", "key", "receipt")

    def __init__(
        self,
        data: bytes,
        count: int,
        ends: Sequence[int] | None = None,
        key: bytes = b"",
        receipt: Receipt | None = None,
    ) -> None:
        self.data = data
        self.count = count
        self.ends = ends
        self.key = key
        self.receipt = receipt
        self.is_patient = False

    @classmethod
    def of(
        cls, records: Sequence[bytes], key: bytes = b"", receipt: Receipt | None = None
    ) -> RecordBatch:
        """Join ``records`` (at least one) into a batch."""
        return cls(
            b"".join(records),
            len(records),
            tuple(accumulate(map(len, records))),
            key,
            receipt,
        )

    def __len__(self) -> int:
        """Return the number of records."""
        return self.count

    def offsets(self) -> Sequence[int]:
        """Return the end offset of each record."""
        if self.ends is None:
            lines = self.data.split(b"\n")
            lines.pop()
            self.ends = tuple(accumulate(len(line) + 1 for line in lines))
            assert len(self.ends) == self.count
        return self.ends

    def records(self) -> list[bytes]:
        """Return the records one by one."""
        start = 0
        records = []
        for end in self.offsets():
            records.append(self.data[start:end])
            start = end
        return records

    def slice(self, start: int, stop: int) -> RecordBatch:
        """
        Return records ``start`` to ``stop`` (exclusive) as a batch of their own.

        The receipt is not handed on: who splits a batch decides which part settles
        it (the last one).
        """
        assert 0 <= start < stop <= self.count
        if not start and stop == self.count:
            part = RecordBatch(self.data, self.count, self.ends, self.key)
            part.is_patient = self.is_patient
            return part
        part = self.split(start)[1] if start else self
        return part.split(stop - start)[0] if stop < self.count else part

    def split(self, count: int) -> tuple[RecordBatch, RecordBatch]:
        """Return the first ``count`` records and the rest, both without receipt."""
        assert 0 < count < self.count
        if self.ends is None:
            # Offsets of all records would cost more than finding the one newline.
            size = end_of_line(self.data, count, self.count)
            rest = self.data[size:]
            head_ends = rest_ends = None
        else:
            size = self.ends[count - 1]
            rest = self.data[size:]
            head_ends = self.ends[:count]
            rest_ends = [end - size for end in self.ends[count:]]
        head = RecordBatch(self.data[:size], count, head_ends, self.key)
        tail = RecordBatch(rest, self.count - count, rest_ends, self.key)
        head.is_patient = tail.is_patient = self.is_patient
        return head, tail


def end_of_line(data: bytes, number: int, total: int) -> int:
    """
    Return the offset behind line ``number`` (from 1) of ``total`` lines.

    Lines of about the same length let us guess where that is; counting the newlines
    before costs 43 ns a line, splitting them off 66.
    """
    size = len(data) * number // total
    found = data.count(b"\n", 0, size)
    if abs(found - number) > _GUESS_ERROR_MAX:
        return len(data) - len(data.split(b"\n", number)[-1])
    while found < number:
        size = data.index(b"\n", size) + 1
        found += 1
    while found > number:
        size = data.rindex(b"\n", 0, size)
        found -= 1
    return data.rindex(b"\n", 0, size) + 1
