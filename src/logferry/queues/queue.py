"""
The contract of a queue: what a destination's worker may rely on.

Nothing leaves before its ack. Records come out in the order they went in; after a
rewind the same records come again, in the same order. Several leases may be out at
once and may be acked in any order. A queue never blocks and knows no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from logferry.message.batch import RecordBatch
from logferry.queues.ledger import Ledger
from logferry.records import record

__all__ = ["Full", "Lease", "PushResult", "Pushed", "Queue"]


@record
class Pushed:
    """All records were taken in."""

    count: int


@record
class Full:
    """
    The queue is at a limit.

    Attributes:
        accepted: records of the batch that were still taken in, its first ones.
        rejected: the rest; the queue has counted them as dropped, and forgotten them.

    """

    accepted: int
    rejected: int


PushResult: TypeAlias = Pushed | Full


@record
class Lease:
    """
    Records handed out for delivery and not yet acknowledged.

    Attributes:
        token: names the lease in ``ack`` and ``rewind``.
        batch: the records; the queue keeps owning them until the ack.

    """

    token: int
    batch: RecordBatch


class Queue(Protocol):
    """
    A bounded, acknowledged, rewindable queue of records.

    Attributes:
        ledger: what became of its records.
        on_ready: set by who peeks: called when records can be leased again after
            ``peek`` returned ``None`` although records wait, because they first had
            to be read from disk.

    """

    ledger: Ledger
    on_ready: Callable[[], None]

    def push(self, batch: RecordBatch) -> PushResult:
        """
        Append ``batch``; when it does not fit whole, keep its first records.

        The receipt of the batch is settled by the queue: when the last accepted
        record was acked (memory), or when it is durable (reliable disk). The receipt
        of a batch rejected whole is settled at once: its messages are in the
        dropped column.
        """
        ...

    def peek(self, count_max: int, bytes_max: int) -> Lease | None:
        """
        Lease the next records that are not leased yet, at least one.

        A lease never spans two routing keys and holds at most ``count_max`` records
        and ``bytes_max`` bytes (one record may exceed the latter). ``None`` when
        nothing is waiting, or nothing can be leased before ``on_ready``.
        """
        ...

    def ack(self, token: int, count: int | None = None) -> None:
        """
        Remove the first ``count`` records of a lease (all of them by default).

        After a partial ack the rest of the lease stays leased under the same token.
        Raises ``StateError`` for a token that is not out.
        """
        ...

    def drop(self, token: int, reason: str, count: int | None = None) -> None:
        """Like ``ack``, but the records go to the dropped column."""
        ...

    def dead_letter(self, token: int, count: int | None = None) -> None:
        """Like ``ack``, but the records go to the dead-lettered column."""
        ...

    def rewind(self, token: int | None = None) -> None:
        """Put one lease (or all) back to where its records came from, in order."""
        ...

    @property
    def count(self) -> int:
        """Records in the queue, leased ones included."""
        ...

    @property
    def waiting_count(self) -> int:
        """Records that are not leased."""
        ...

    @property
    def bytes(self) -> int:
        """Bytes of all records in the queue."""
        ...
