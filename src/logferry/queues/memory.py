"""
The memory queue.

Entries are whole pushed batches; a lease normally is one of them, handed on without
copying. Small batches with the same key are joined into one lease, and a batch is
split only when a limit demands it: offsets of its records are computed then, not
before.

Every entry knows the position of its first record since the queue began. Rewinding
puts entries back by position, so order is kept whatever was leased, acked or put back
meanwhile.

Limits count what *waits*. Records under way are bounded by the send window of the
driver; if they counted too, a fast destination that is waiting for acknowledgements
would look like a slow one. Patient batches (``flags(flow-control)``) are never
rejected: the windows of their sources bound them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from logferry.errors import StateError
from logferry.message.batch import RecordBatch
from logferry.queues.ledger import Ledger
from logferry.queues.queue import Full, Lease, Pushed, PushResult

if TYPE_CHECKING:
    from logferry.message.batch import Receipt

__all__ = ["MemoryQueue"]


class _Parcel:
    """A pushed batch until its last record is gone; settles the receipt then."""

    __slots__ = ("receipt", "remaining")

    def __init__(self, receipt: Receipt | None, remaining: int) -> None:
        self.receipt = receipt
        self.remaining = remaining

    def release(self, count: int) -> None:
        self.remaining -= count
        assert self.remaining >= 0
        if not self.remaining and self.receipt is not None:
            self.receipt.settle()
            self.receipt = None


class _Entry:
    """Consecutive records of one parcel."""

    __slots__ = ("batch", "parcel", "position")

    def __init__(self, position: int, batch: RecordBatch, parcel: _Parcel) -> None:
        self.position = position
        self.batch = batch
        self.parcel = parcel

    def split(self, count: int) -> tuple[_Entry, _Entry]:
        """Return the first ``count`` records and the rest."""
        batch = self.batch
        assert 0 < count < batch.count
        head, tail = batch.slice(0, count), batch.slice(count, batch.count)
        return (
            _Entry(self.position, head, self.parcel),
            _Entry(self.position + count, tail, self.parcel),
        )


class MemoryQueue:
    """
    A queue in memory; see :class:`logferry.queues.queue.Queue` for the contract.

    Args:
        count_limit: records that may wait (``log-fifo-size()``).
        bytes_limit: bytes that may wait.
        ledger: where its columns are kept.

    """

    def __init__(
        self,
        count_limit: int = 10_000,
        bytes_limit: int = 1 << 40,
        ledger: Ledger | None = None,
    ) -> None:
        self.count_limit = count_limit
        self.bytes_limit = bytes_limit
        self.ledger = ledger or Ledger()
        self._waiting: deque[_Entry] = deque()
        self._leases: dict[int, list[_Entry]] = {}
        self._waiting_count = 0
        self._waiting_bytes = 0
        self._leased_count = 0
        self._leased_bytes = 0
        self._next_position = 0
        self._next_token = 1

    @property
    def count(self) -> int:
        """Records in the queue, leased ones included."""
        return self._waiting_count + self._leased_count

    @property
    def waiting_count(self) -> int:
        """Records that are not leased."""
        return self._waiting_count

    @property
    def bytes(self) -> int:
        """Bytes of all records in the queue."""
        return self._waiting_bytes + self._leased_bytes

    def push(self, batch: RecordBatch) -> PushResult:
        """Append ``batch``, or its first records when it does not fit whole."""
        count, room = batch.count, self._room(batch)
        if room >= count:
            self._append(batch, batch.receipt)
            return Pushed(count)
        self.ledger.rejected["queue-full"] += count - room
        if room:
            self._append(batch.slice(0, room), batch.receipt)
        elif batch.receipt is not None:
            batch.receipt.settle()
        return Full(room, count - room)

    def _room(self, batch: RecordBatch) -> int:
        """Return how many records of ``batch`` may come in."""
        if batch.is_patient:
            return batch.count
        room = max(0, self.count_limit - self._waiting_count)
        free_bytes = self.bytes_limit - self._waiting_bytes
        if len(batch.data) > free_bytes:
            fitting = sum(1 for end in batch.offsets() if end <= free_bytes)
            room = min(room, fitting)
        return room

    def _append(self, batch: RecordBatch, receipt: Receipt | None) -> None:
        entry = _Entry(self._next_position, batch, _Parcel(receipt, batch.count))
        self._next_position += batch.count
        self._waiting.append(entry)
        self._waiting_count += batch.count
        self._waiting_bytes += len(batch.data)
        self.ledger.accepted += batch.count

    def peek(self, count_max: int, bytes_max: int) -> Lease | None:
        """Lease the next records that are not leased yet."""
        assert count_max > 0
        waiting = self._waiting
        if not waiting:
            return None
        entry = self._take_first(count_max, bytes_max)
        entries = [entry]
        count, size = entry.batch.count, len(entry.batch.data)
        while waiting:
            following = waiting[0].batch
            if (
                following.key != entry.batch.key
                or count + following.count > count_max
                or size + len(following.data) > bytes_max
            ):
                break
            entries.append(waiting.popleft())
            count += following.count
            size += len(following.data)
        self._waiting_count -= count
        self._waiting_bytes -= size
        self._leased_count += count
        self._leased_bytes += size
        token = self._next_token
        self._next_token += 1
        self._leases[token] = entries
        return Lease(token, _join(entries, count))

    def _take_first(self, count_max: int, bytes_max: int) -> _Entry:
        """Take the first entry off, split when it is over a limit."""
        entry = self._waiting.popleft()
        batch = entry.batch
        count = min(batch.count, count_max)
        if len(batch.data) > bytes_max and batch.count > 1:
            fitting = 0
            for end in batch.offsets():
                if end > bytes_max:
                    break
                fitting += 1
            count = min(count, max(1, fitting))
        if count < batch.count:
            entry, rest = entry.split(count)
            self._waiting.appendleft(rest)
        return entry

    def ack(self, token: int, count: int | None = None) -> None:
        """Remove the first ``count`` records of a lease as delivered."""
        self.ledger.delivered += self._remove(token, count)

    def drop(self, token: int, reason: str, count: int | None = None) -> None:
        """Remove the first ``count`` records of a lease as given up."""
        self.ledger.dropped[reason] += self._remove(token, count)

    def dead_letter(self, token: int, count: int | None = None) -> None:
        """Remove the first ``count`` records of a lease: they are dead letters now."""
        self.ledger.dead_lettered += self._remove(token, count)

    def _remove(self, token: int, count: int | None) -> int:
        entries = self._entries(token)
        total = sum(entry.batch.count for entry in entries)
        left = total if count is None else count
        if not 0 <= left <= total:
            raise StateError(f"lease {token} has {total} records, not {left}")
        removed = left
        index = 0
        while left:
            entry = entries[index]
            if entry.batch.count > left:
                head, entries[index] = entry.split(left)
                self._forget(head)
                break
            left -= entry.batch.count
            index += 1
            self._forget(entry)
        del entries[:index]
        if not entries:
            del self._leases[token]
        return removed

    def _forget(self, entry: _Entry) -> None:
        self._leased_count -= entry.batch.count
        self._leased_bytes -= len(entry.batch.data)
        entry.parcel.release(entry.batch.count)

    def _entries(self, token: int) -> list[_Entry]:
        try:
            return self._leases[token]
        except KeyError:
            raise StateError(f"no lease {token} is out") from None

    def rewind(self, token: int | None = None) -> None:
        """Put one lease (or all) back to where its records came from."""
        if token is None:
            for other in sorted(self._leases, reverse=True):
                self.rewind(other)
            return
        entries = self._entries(token)
        del self._leases[token]
        for entry in entries:
            count, size = entry.batch.count, len(entry.batch.data)
            self._leased_count -= count
            self._leased_bytes -= size
            self._waiting_count += count
            self._waiting_bytes += size
        waiting = self._waiting
        if waiting and waiting[0].position < entries[-1].position:
            merged = sorted((*entries, *waiting), key=lambda entry: entry.position)
            self._waiting = deque(merged)
        else:
            waiting.extendleft(reversed(entries))


def _join(entries: list[_Entry], count: int) -> RecordBatch:
    """Return the records of ``entries`` as one batch."""
    first = entries[0].batch
    if len(entries) == 1:
        return first
    batches = [entry.batch for entry in entries]
    data = b"".join([batch.data for batch in batches])
    ends: list[int] | None = None
    if any(batch.ends is not None for batch in batches):
        ends = []
        base = 0
        for batch in batches:
            ends.extend(base + end for end in batch.offsets())
            base += len(batch.data)
    joined = RecordBatch(data, count, ends, first.key)
    joined.is_patient = any(batch.is_patient for batch in batches)
    return joined
