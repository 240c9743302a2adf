"""
Leases: what waits, what is out for delivery, and how it comes back in order.

The part of a queue that memory and disk have in common. Entries are runs of records
in the order of their positions; a lease normally is one pushed batch, handed on
without copying. Small batches with the same key are joined into one lease, and a batch
is split only when a limit demands it: offsets of its records are computed then, not
before.

Every entry knows the position of its first record since the queue began. Rewinding
puts entries back by position, so order is kept whatever was leased, acked or put back
meanwhile.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from logferry.errors import StateError
from logferry.message.batch import RecordBatch
from logferry.queues.ledger import Ledger
from logferry.queues.queue import Lease

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Entry", "LeasingQueue", "Parcel", "join_batches"]


class Parcel(Protocol):
    """What was pushed (or stored) as one, until its last record is gone."""

    def release(self, entry: Entry) -> None:
        """Let go of the records of ``entry``: they were delivered or given up."""


class Entry:
    """Consecutive records of one parcel."""

    __slots__ = ("batch", "parcel", "position")

    def __init__(self, position: int, batch: RecordBatch, parcel: Parcel) -> None:
        self.position = position
        self.batch = batch
        self.parcel = parcel

    def split(self, count: int) -> tuple[Entry, Entry]:
        """Return the first ``count`` records and the rest."""
        batch = self.batch
        assert 0 < count < batch.count
        head, tail = batch.split(count)
        return (
            Entry(self.position, head, self.parcel),
            Entry(self.position + count, tail, self.parcel),
        )


def _ignore() -> None:
    """Nobody waits for records."""


class LeasingQueue:
    """Entries that wait and entries that are leased; see ``queue.Queue``."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.on_ready: Callable[[], None] = _ignore
        self._waiting: deque[Entry] = deque()
        self._leases: dict[int, list[Entry]] = {}
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
        return Lease(token, join_batches([entry.batch for entry in entries]))

    def _take_first(self, count_max: int, bytes_max: int) -> Entry:
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
        before = self._leased_bytes
        removed = self._remove(token, count)
        self.ledger.deliver(removed, before - self._leased_bytes)

    def drop(self, token: int, reason: str, count: int | None = None) -> None:
        """Remove the first ``count`` records of a lease as given up."""
        self.ledger.drop(self._remove(token, count), reason)

    def dead_letter(self, token: int, count: int | None = None) -> None:
        """Remove the first ``count`` records of a lease: they are dead letters now."""
        self.ledger.dead_letter(self._remove(token, count))

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

    def _forget(self, entry: Entry) -> None:
        self._leased_count -= entry.batch.count
        self._leased_bytes -= len(entry.batch.data)
        entry.parcel.release(entry)

    def _entries(self, token: int) -> list[Entry]:
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


def join_batches(batches: list[RecordBatch]) -> RecordBatch:
    """Return the records of ``batches`` (of one key) as one batch."""
    first = batches[0]
    if len(batches) == 1:
        return first
    data = b"".join([batch.data for batch in batches])
    ends: list[int] | None = None
    if any(batch.ends is not None for batch in batches):
        ends = []
        base = 0
        for batch in batches:
            ends.extend(base + end for end in batch.offsets())
            base += len(batch.data)
    count = sum([batch.count for batch in batches])
    joined = RecordBatch(data, count, ends, first.key)
    joined.is_patient = any(batch.is_patient for batch in batches)
    return joined
