"""
The disk queue: memory at both ends, a file in the middle.

::

    delivered ◀── leases ◀── waiting ◀── [ gap: only in the file ] ◀── tail ◀── push

Records come in at the tail (which is ``waiting`` itself while there is no gap), are
stored in rows, and stay in memory until there is too much of it; then what is stored
is forgotten, which opens the gap. When ``waiting`` runs low, rows are read ahead from
the gap.

The queue does not touch its file. It offers ``Work`` (one transaction, and a read),
which a thread performs, and hears what came of it; meanwhile it goes on. All pushes
between two transactions share one commit.

*Reliable*: a record is accepted, and its receipt settled, when its row is durable or
the record was delivered, whichever comes first. While deliveries are under way a commit
waits a moment, twice that at most: what is delivered by then need never be written.

*Not reliable*: a record is accepted at once; rows are written only when more than
``memory_count_max`` records wait, and at the stop.

*Held*: as long as something has to come first (the file is being recovered, or the
records of the queue before this one are still on their way), pushes are kept aside, in
memory, and nothing is delivered or stored.

Every record counts in exactly one place: what is held, ``waiting``, ``tail``, the
leases or the gap.
``totals`` says what the file holds once all work so far is done; whatever the file is
short of in the end was lost by damage, and is counted so.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from logferry.queues.leasing import Entry, LeasingQueue
from logferry.queues.parcels import DiskParcel, Stored
from logferry.queues.queue import Full, Pushed, PushResult
from logferry.queues.rows import Row, merge_ranges
from logferry.queues.unstored import Storing, Unstored
from logferry.queues.work import Done, Health, Load, Totals, Urgency, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.batch import Receipt, RecordBatch
    from logferry.queues.ledger import Ledger
    from logferry.queues.queue import Lease

__all__ = ["DiskLimits", "DiskQueue"]

CACHE_BYTES: Final = 4 * 1024 * 1024
"""What is read ahead, and what is kept in memory of records that are stored."""

HURRY_BYTES: Final = 8 * 1024 * 1024
"""With so much not stored yet a commit waits no longer."""

_LOST: Final = "damaged"
_EVERYTHING: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """
    What a disk queue may hold and how it behaves.

    Attributes:
        capacity_bytes: bytes of all records in the queue.
        is_reliable: accept what is durable, not what is in memory.
        memory_bytes_max: bytes that may wait for the disk, when it does not keep up
            (``flow-control-window-bytes()``).
        memory_count_max: records kept in memory only, when not reliable
            (``front-cache-size()``).

    """

    capacity_bytes: int = 1024 * 1024
    is_reliable: bool = True
    memory_bytes_max: int = 163_840_000
    memory_count_max: int = 1000


def _stored(entry: Entry) -> Stored | None:
    """Return the row that ``entry`` is in, if it is stored."""
    return cast("DiskParcel", entry.parcel).stored


def _ignore(urgency: Urgency) -> None:
    """Nobody does the work yet."""
    del urgency


class DiskQueue(LeasingQueue):
    """
    A queue on disk; see :class:`logferry.queues.queue.Queue` for the contract.

    Args:
        limits: capacity and manner.
        found: what its file held when it was opened.
        ledger: where its columns are kept.

    Attributes:
        on_work: told when work becomes more urgent than it was said last.
        on_ready: told when records can be peeked again after ``peek`` returned
            ``None`` although records wait.
        health: what the disk does now; set by who does the work, with ``set_health``.

    """

    def __init__(
        self,
        limits: DiskLimits,
        found: Totals | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(ledger)
        found = found or Totals()
        self.limits = limits
        self.on_work: Callable[[Urgency], None] = _ignore
        self.health = Health.GOOD
        self._announced = Urgency.NONE
        self._is_closing = False
        self._is_starved = False
        # what something else has to come before
        self._holds = 0
        self._held: list[tuple[RecordBatch, Receipt | None]] = []
        self._held_count = 0
        self._held_bytes = 0
        # the gap
        self._gap_count = 0
        self._gap_bytes = 0
        self._gap_start = 0
        self._gap_stop = 0
        self._gap_position = 0
        self._is_loading = False
        # the tail
        self._tail: deque[Entry] = deque()
        self._tail_count = 0
        self._tail_bytes = 0
        # what the file does not have yet
        self._unstored = Unstored()
        self._storing: list[Storing] = []
        self._released: dict[int, Stored] = {}
        self._releasing: list[tuple[Stored, int, int]] = []
        self._damaged: list[int] = []
        self._is_unnoted = False  # a loss is not in the file's own note yet
        self._totals = Totals()
        self.set_found(found)

    # -- numbers --------------------------------------------------------------

    @property
    def count(self) -> int:
        """Records in the queue, leased ones included."""
        return self.waiting_count + self._leased_count

    @property
    def waiting_count(self) -> int:
        """Records that are not leased."""
        stored = self._waiting_count + self._gap_count + self._tail_count
        return stored + self._held_count

    @property
    def bytes(self) -> int:
        """Bytes of all records in the queue."""
        return self.memory_bytes + self._gap_bytes

    @property
    def memory_bytes(self) -> int:
        """Bytes of the records that are in memory."""
        moving = self._waiting_bytes + self._tail_bytes + self._leased_bytes
        return moving + self._held_bytes

    @property
    def unstored_bytes(self) -> int:
        """Bytes of the records that are not in the file."""
        return self._unstored.size_bytes + self._held_bytes

    @property
    def unstored_count(self) -> int:
        """Records that are not in the file."""
        return self._unstored.count + self._held_count

    @property
    def stored(self) -> Totals:
        """What the file holds when the work so far is done."""
        return self._totals

    # -- what comes first -----------------------------------------------------

    @property
    def is_held(self) -> bool:
        """Tell whether something has to come before what is pushed."""
        return self._holds > 0

    def hold(self) -> None:
        """Keep pushes aside until ``let_go``; each hold needs one of its own."""
        self._holds += 1

    def let_go(self) -> None:
        """What had to come first is here."""
        assert self._holds > 0
        self._holds -= 1
        if self._holds:
            return
        held, self._held = self._held, []
        self._held_count = self._held_bytes = 0
        for batch, receipt in held:
            self._append(batch, receipt)
        self.reconsider()
        self._wake()

    def set_found(self, found: Totals) -> None:
        """Take note of what the file holds; only while nothing else is in it."""
        assert not self._next_position
        self._gap_count = found.count
        self._gap_bytes = found.size_bytes
        self._gap_stop = found.next_first if found.count else 0
        self._totals = found
        self._next_position = found.next_first
        self.ledger.find(found.count)

    def put_before(self, batches: list[RecordBatch]) -> None:
        """
        Let ``batches`` come before all that was pushed since ``hold``.

        They were accepted by the queue before this one, which had the same ledger.
        """
        assert self.is_held
        self._held[:0] = [(batch, batch.receipt) for batch in batches]
        self._held_count += sum(batch.count for batch in batches)
        self._held_bytes += sum(len(batch.data) for batch in batches)

    # -- intake ---------------------------------------------------------------

    def push(self, batch: RecordBatch) -> PushResult:
        """Append ``batch``, or its first records when it does not fit whole."""
        count, room = batch.count, self._room(batch)
        result: PushResult = Pushed(count)
        if room < count:
            reason = "disk-full" if self.health else "queue-full"
            self.ledger.rejected[reason] += count - room
            result = Full(room, count - room)
        if room:
            accepted = batch if room == count else batch.slice(0, room)
            self.ledger.accept(room)
            if self._holds:
                self._held.append((accepted, batch.receipt))
                self._held_count += room
                self._held_bytes += len(accepted.data)
            else:
                self._append(accepted, batch.receipt)
        elif batch.receipt is not None:
            batch.receipt.settle()
        return result

    def _room(self, batch: RecordBatch) -> int:
        """Return how many records of ``batch`` may come in."""
        if batch.is_patient:
            return batch.count
        limits = self.limits
        free_bytes = min(
            limits.capacity_bytes - self.bytes,
            limits.memory_bytes_max - self.unstored_bytes,
        )
        if len(batch.data) <= free_bytes:
            return batch.count
        return sum(1 for end in batch.offsets() if end <= free_bytes)

    def _append(self, batch: RecordBatch, receipt: Receipt | None) -> None:
        count, size_bytes = batch.count, len(batch.data)
        is_over = self.bytes + size_bytes > self.limits.capacity_bytes
        parcel = DiskParcel(self, self._next_position, batch, count, size_bytes)
        parcel.receipt = receipt
        if not self.limits.is_reliable and not is_over:
            parcel.settle()
        entry = Entry(self._next_position, batch, parcel)
        self._next_position += count
        if self._gap_count:
            self._tail.append(entry)
            self._tail_count += count
            self._tail_bytes += size_bytes
        else:
            self._waiting.append(entry)
            self._waiting_count += count
            self._waiting_bytes += size_bytes
        self._unstored.append(parcel)
        self.announce()

    # -- delivery -------------------------------------------------------------

    def peek(self, count_max: int, bytes_max: int) -> Lease | None:
        """Lease the next records; ``None`` also while they are being read."""
        lease = super().peek(count_max, bytes_max)
        self._is_starved = lease is None
        if self._gap_count:
            self.announce()
        return lease

    def rewind(self, token: int | None = None) -> None:
        """Put one lease (or all) back to where its records came from."""
        super().rewind(token)
        self.announce()

    def note_release(self, stored: Stored) -> None:
        """Have it written down that records of a row are gone."""
        self._released[stored.first] = stored
        self.announce()

    def note_unstored_release(self, size_bytes: int) -> None:
        """Forget records that need never be stored."""
        self._unstored.size_bytes -= size_bytes

    # -- work -----------------------------------------------------------------

    def urgency(self) -> Urgency:
        """Return how soon work should be done."""
        if self._holds:
            return Urgency.NONE
        if self._wants_load():
            return Urgency.NOW
        if self._wants_store():
            is_idle = not self._leases or self._is_closing
            if is_idle or self._unstored.size_bytes >= HURRY_BYTES:
                return Urgency.NOW
            return Urgency.SOON
        if self._wants_removal():
            return Urgency.NOW if self._is_closing else Urgency.LATER
        return Urgency.NONE

    def announce(self) -> None:
        """Say how urgent work is, when it is more urgent than was said before."""
        urgency = self.urgency()
        if urgency > self._announced:
            self._announced = urgency
            self.on_work(urgency)

    def reconsider(self) -> None:
        """Say again how urgent work is."""
        self._announced = Urgency.NONE
        self.announce()

    def set_health(self, health: Health) -> None:
        """The disk got better or worse."""
        self.health = health
        self.reconsider()

    def _wants_removal(self) -> bool:
        is_due = bool(self._released or self._damaged or self._is_unnoted)
        return is_due and self.health < Health.READ_ONLY

    def _wants_load(self) -> bool:
        return (
            self._gap_count > 0
            and self.health < Health.BROKEN
            and not self._is_loading
            and not self._is_closing
            and self._waiting_bytes < CACHE_BYTES // 2
        )

    def _wants_store(self) -> bool:
        if not self._unstored.size_bytes or self.health is not Health.GOOD:
            return False
        if not self._unstored.fits(self._free_bytes()):
            return False
        if self.limits.is_reliable or self._is_closing or self._gap_count:
            return True
        if self._unstored.size_bytes > CACHE_BYTES:
            return True
        return self.waiting_count > self.limits.memory_count_max

    def _free_bytes(self) -> int:
        """Return how much more may be stored; at the end, everything."""
        if self._is_closing:
            return _EVERYTHING
        return self.limits.capacity_bytes - self._totals.size_bytes

    def close_intake(self) -> None:
        """Ask for everything to be stored, whatever the capacity: the end is near."""
        self._is_closing = True
        self.announce()

    def take_work(self) -> Work:
        """
        Return what is to be done now; ``on_done`` or ``on_failed`` must follow.

        What the health of the disk does not allow is left out.
        """
        self._announced = Urgency.NOW  # until the result is here
        work = Work()
        if self._wants_store():
            self._storing = self._unstored.take(
                self._totals.next_first,
                self._free_bytes(),
                self._next_position,
                takes_new=self.urgency() is Urgency.NOW and not self._wants_load(),
            )
            work.inserts = [item.row for item in self._storing]
            work.gone = {row.first: row.gone for row in work.inserts if row.gone}
        if self._wants_removal():
            self._take_removals(work)
        work.totals = self._totals_after(work)
        if self._wants_load():
            self._is_loading = True
            work.load = Load(self._gap_start, self._gap_stop, CACHE_BYTES)
        return work

    def _take_removals(self, work: Work) -> None:
        """Put into ``work`` what is gone."""
        for stored in self._released.values():
            if stored.remaining:
                stored.gone = merge_ranges(stored.gone)
                work.gone[stored.first] = list(stored.gone)
            else:
                work.deletes.append(stored.first)
            self._releasing.append((stored, stored.remaining, stored.remaining_bytes))
        self._released = {}
        work.damaged, self._damaged = self._damaged, []
        work.is_note, self._is_unnoted = self._is_unnoted, False

    def _totals_after(self, work: Work) -> Totals:
        """Return what the file holds when ``work`` is done."""
        totals = self._totals
        count, size_bytes = totals.count, totals.size_bytes
        for item in self._storing:
            count += item.remaining
            size_bytes += item.remaining_bytes
        for stored, remaining, remaining_bytes in self._releasing:
            count -= stored.saved_count - remaining
            size_bytes -= stored.saved_bytes - remaining_bytes
        next_first = totals.next_first + sum(row.count for row in work.inserts)
        return Totals(next_first, count, size_bytes)

    def on_done(self, work: Work, done: Done) -> None:
        """The work was done."""
        self._totals = work.totals
        for item in self._storing:
            self._note_stored(item)
        self._storing = []
        for stored, remaining, remaining_bytes in self._releasing:
            stored.saved_count, stored.saved_bytes = remaining, remaining_bytes
        self._releasing = []
        if work.load is not None:
            self._take_in(done)
        self._forget_stored()
        self._announced = Urgency.NONE
        self.announce()

    def _note_stored(self, item: Storing) -> None:
        """A row is in the file; records of it may have gone meanwhile."""
        stored = Stored(self, item.row, item.remaining, item.remaining_bytes)
        stored.remaining = sum(parcel.remaining for parcel in item.parcels)
        stored.remaining_bytes = sum(parcel.remaining_bytes for parcel in item.parcels)
        stored.gone = []
        for parcel in item.parcels:
            offset = parcel.offset
            stored.gone += [(offset + a, offset + b) for a, b in parcel.gone]
            if not parcel.remaining:
                stored.gone.append((offset, offset + parcel.count))
            parcel.stored = stored
            parcel.gone = []
        self._unstored.note_stored(item)
        for parcel in item.parcels:
            parcel.settle()
        if stored.remaining != stored.saved_count:
            self._released[stored.first] = stored

    def on_failed(self, work: Work) -> None:
        """Nothing was done: all of it is still to do."""
        self._storing = []
        for stored, _, _ in self._releasing:
            self._released[stored.first] = stored
        self._releasing = []
        self._damaged = work.damaged + self._damaged
        self._is_unnoted |= work.is_note
        if work.load is not None:
            self._is_loading = False

    # -- the gap --------------------------------------------------------------

    def _take_in(self, done: Done) -> None:
        """Put what was read behind what waits."""
        self._is_loading = False
        self._damaged += done.damaged
        for row in done.rows:
            self._take_row(row)
        self._gap_start = done.next_start
        if self._gap_start >= self._gap_stop or self._gap_count <= 0:
            self._close_gap()
        self._wake()

    def _wake(self) -> None:
        """Tell who found nothing that there is something now."""
        if self._is_starved and self._waiting:
            self._is_starved = False
            self.on_ready()

    def _take_row(self, row: Row) -> None:
        parts = row.parts()
        count = sum(batch.count for _, batch in parts)
        size_bytes = sum(len(batch.data) for _, batch in parts)
        position = self._gap_position
        self._gap_position += row.count
        self._gap_count -= count
        self._gap_bytes -= size_bytes
        parcel = DiskParcel(self, position, None, count, size_bytes)
        parcel.stored = Stored(self, row, count, size_bytes)
        if not parts:
            self._released[row.first] = parcel.stored
        for offset, batch in parts:
            self._waiting.append(Entry(position + offset, batch, parcel))
        self._waiting_count += count
        self._waiting_bytes += size_bytes

    def _close_gap(self) -> None:
        """Join head and tail; what the file was short of is lost."""
        lost, self._gap_count = self._gap_count, 0
        lost_bytes, self._gap_bytes = self._gap_bytes, 0
        if lost or lost_bytes:
            if lost > 0:
                self.ledger.drop(lost, _LOST)
            else:
                self.ledger.accepted -= lost  # more than the file knew of
            self._is_unnoted = True
            totals = self._totals
            self._totals = Totals(
                totals.next_first, totals.count - lost, totals.size_bytes - lost_bytes
            )
        self._waiting += self._tail
        self._waiting_count += self._tail_count
        self._waiting_bytes += self._tail_bytes
        self._tail = deque()
        self._tail_count = self._tail_bytes = 0

    def _forget_stored(self) -> None:
        """Keep only the beginning of the queue in memory when there is too much."""
        if self._gap_count:
            if self._tail_bytes > CACHE_BYTES:
                self._extend_gap()
        elif self._waiting_bytes > 2 * CACHE_BYTES:
            self._split_waiting()
            self._extend_gap()
            if not self._gap_count:
                self._close_gap()

    def _split_waiting(self) -> None:
        """Keep the cache's worth and go on to a row that can be forgotten."""
        waiting = self._waiting
        kept: deque[Entry] = deque()
        kept_bytes = kept_count = 0
        last: Stored | None = None
        while waiting:
            stored = _stored(waiting[0])
            is_whole = stored is not None and stored.remaining == stored.count
            if kept_bytes >= CACHE_BYTES and is_whole and stored is not last:
                break
            entry = waiting.popleft()
            kept.append(entry)
            kept_count += entry.batch.count
            kept_bytes += len(entry.batch.data)
            last = stored
        self._tail, self._waiting = waiting, kept
        self._tail_count = self._waiting_count - kept_count
        self._tail_bytes = self._waiting_bytes - kept_bytes
        self._waiting_count, self._waiting_bytes = kept_count, kept_bytes

    def _extend_gap(self) -> None:
        """Forget rows at the beginning of the tail, as long as they are whole."""
        tail = self._tail
        while tail:
            stored = _stored(tail[0])
            if stored is None or stored.remaining != stored.count:
                break
            if not self._gap_count:
                self._gap_start = stored.first
                self._gap_position = tail[0].position
            self._gap_stop = stored.first + stored.count
            while tail and _stored(tail[0]) is stored:
                tail.popleft()
            self._gap_count += stored.count
            self._gap_bytes += stored.remaining_bytes
            self._tail_count -= stored.count
            self._tail_bytes -= stored.remaining_bytes
