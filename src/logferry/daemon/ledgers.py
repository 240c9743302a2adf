"""
The ledgers of all queues as series: where every record is, to the last one.

For each destination, ``ledger_events_total`` by column: *accepted* into the queue, and
of those *delivered*, *dropped* (by reason), *dead_lettered* and still *queued*; and
what never got in, *rejected* (by reason). They balance at any moment::

    handed to the destination = accepted + rejected
    accepted = delivered + dropped + dead_lettered + queued

The ledgers are looked at when somebody reads, and cost nothing until then. A reset of
the counters leaves them alone: a ledger that somebody may set back proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from logferry.queues.memory import MemoryQueue
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.queues.queue import Queue
    from logferry.telemetry.counters import Metrics

__all__ = ["Ledgers"]

_SERIES = "ledger_events_total"


@runtime_checkable
class _Labelled(Protocol):
    """A destination with more labels than its driver's name and id."""

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all its series."""


@dataclass(frozen=True, slots=True)
class QueueFull(Event):
    """A queue was full and nothing held its sources back."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Destination queue full, dropping messages"

    driver: str
    count: int
    queue_len: int


@dataclass(frozen=True, slots=True)
class RecordsDropped(Event):
    """Records were given up for another reason."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Messages dropped"

    driver: str
    reason: str
    count: int


@dataclass(slots=True)
class _Followed:
    queue: Queue
    labels: dict[str, str]
    reported: Counter[str] = field(default_factory=Counter)

    def news(self) -> Iterator[Event]:
        """Yield what was dropped since the last call, by reason."""
        ledger = self.queue.ledger
        dropped = ledger.dropped + ledger.rejected
        for reason, count in (dropped - self.reported).items():
            driver = self.labels["id"]
            if reason == "queue-full":
                yield QueueFull(driver, count, self.queue.count)
            else:
                yield RecordsDropped(driver, reason, count)
        self.reported = dropped


class Ledgers:
    """Shows the ledgers of the queues it follows."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._followed: dict[str, _Followed] = {}
        metrics.on_read(self._refresh)

    def follow(
        self, name: str, queue: Queue, spec: Spec, destination: Destination
    ) -> None:
        """Show the queue called ``name``, which ``destination`` empties."""
        labels = {"driver": spec.kind, "id": spec.id}
        if isinstance(destination, _Labelled):
            labels.update(destination.metric_labels)
        known = self._followed.get(name)
        reported = known.reported if known is not None else Counter[str]()
        self._followed[name] = _Followed(queue, labels, reported)

    def take_news(self) -> list[Event]:
        """Return what was dropped since the last call: an event by queue and reason."""
        return [event for item in self._followed.values() for event in item.news()]

    def forget(self, name: str) -> None:
        """Show the last state of a queue that ends."""
        followed = self._followed.pop(name, None)
        if followed is not None:
            self._show(followed)

    def _refresh(self) -> None:
        for followed in self._followed.values():
            self._show(followed)

    def _show(self, followed: _Followed) -> None:
        queue, labels = followed.queue, followed.labels
        ledger = queue.ledger
        self._count(labels, "accepted", ledger.accepted)
        self._count(labels, "delivered", ledger.delivered)
        self._count(labels, "dead_lettered", ledger.dead_lettered)
        for column in ("dropped", "rejected"):
            reasons = ledger.dropped if column == "dropped" else ledger.rejected
            for reason, count in reasons.items():
                self._count({**labels, "reason": reason}, column, count)
        queued = {**labels, "result": "queued"}
        self._metrics.gauge(_SERIES, queued).value = queue.count
        if isinstance(queue, MemoryQueue):
            self._show_memory(queue, labels)

    def _count(self, labels: dict[str, str], column: str, count: int) -> None:
        labels = {**labels, "result": column}
        self._metrics.counter(_SERIES, labels, is_kept=True).value = count

    def _show_memory(self, queue: MemoryQueue, labels: dict[str, str]) -> None:
        metrics = self._metrics
        metrics.gauge("memory_queue_events", labels).value = queue.count
        metrics.gauge("memory_queue_memory_usage_bytes", labels).value = queue.bytes
        metrics.gauge("memory_queue_capacity", labels).value = queue.count_limit
        processed = metrics.counter("memory_queue_processed_events_total", labels)
        processed.value = queue.ledger.accepted
