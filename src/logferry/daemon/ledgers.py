"""
The ledgers of all queues as series: where every record is, to the last one.

For each destination, ``ledger_events_total`` by column: *accepted* into the queue, and
of those *delivered*, *dropped* (by reason), *dead_lettered* and still *queued*; and
what never got in, *rejected* (by reason); *found* are those that were in the queue at
start. They balance at any moment::

    handed to the destination + found = accepted + rejected
    accepted = delivered + dropped + dead_lettered + queued + abandoned

*Abandoned* is what a destination that was removed left in its file.

The ledgers are looked at when somebody reads, and cost nothing until then. A reset of
the counters leaves them alone: a ledger that somebody may set back proves nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from logferry.queues.memory import MemoryQueue
from logferry.records import record
from logferry.telemetry.counters import Legacy
from logferry.telemetry.delays import Delays
from logferry.telemetry.events import Event, Level
from logferry.telemetry.histograms import EVENT_LATENCY

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.queues.ledger import Ledger
    from logferry.queues.queue import Queue
    from logferry.telemetry.counters import Metrics

__all__ = ["Ledgers", "labels_of"]

_SERIES = "ledger_events_total"

_LENGTHS_MAX = 60
"""A minute: ``take_news`` is called once a second."""

_DELAY_LEVEL = _MEMORY_LEVEL = 1
_LATENCY_LEVEL = 2

_Key = tuple[tuple[str, str], ...]  # labels
_Column = tuple[str, str]  # column and reason


@runtime_checkable
class _Labelled(Protocol):
    """A destination with more labels than its driver's name and id."""

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all its series."""


@record
class QueueFull(Event):
    """A queue was full and nothing held its sources back."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Destination queue full, dropping messages"

    driver: str
    count: int
    queue_len: int


@record
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
    lengths: deque[tuple[float, int]] = field(
        default_factory=lambda: deque(maxlen=_LENGTHS_MAX)
    )

    def note_length(self, now: float) -> None:
        """Remember how long the queue is."""
        self.lengths.append((now, self.queue.count))

    def growth(self, now: float) -> float | None:
        """Return how many records a second came in more than went."""
        if not self.lengths or now <= self.lengths[0][0]:
            return None
        then, count = self.lengths[0]
        return (self.queue.count - count) / (now - then)

    @property
    def key(self) -> _Key:
        """What its series are shown under."""
        return tuple(sorted(self.labels.items()))

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
    """
    Shows the ledgers of the queues it follows.

    Queues may share their labels: one that is on its way out, and the one that took
    its destination's place. They are shown as one, and what ended stays in the sums.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._followed: dict[str, _Followed] = {}
        self._ended: dict[_Key, Counter[_Column]] = {}
        self._shown: dict[_Key, set[_Column]] = {}
        self._allocated = metrics.gauge(
            "events_allocated_bytes",
            level=_MEMORY_LEVEL,
            legacy=Legacy("global", "msg_allocated_bytes", "", "value"),
        )
        metrics.on_read(self._refresh)

    def follow(
        self, name: str, queue: Queue, spec: Spec, destination: Destination
    ) -> None:
        """Show the queue called ``name``, which ``destination`` empties."""
        labels = labels_of(spec, destination)
        known = self._followed.get(name)
        reported = known.reported if known is not None else Counter[str]()
        item = self._followed[name] = _Followed(queue, labels, reported)
        self._measure(item)

    def measure(self) -> None:
        """Measure delays from here on, or no longer: ``stats(level())`` may differ."""
        for item in self._followed.values():
            self._measure(item)

    def _measure(self, item: _Followed) -> None:
        metrics, ledger = self._metrics, item.queue.ledger
        if metrics.level < _DELAY_LEVEL:
            ledger.delays = None
            return
        if ledger.delays is None:
            ledger.delays = Delays(metrics.clock, ledger.queued())
        if metrics.level < _LATENCY_LEVEL:
            ledger.delays.show()
            return
        ledger.delays.show(
            metrics.histogram(
                "output_event_latency_seconds",
                item.labels,
                EVENT_LATENCY,
                level=_LATENCY_LEVEL,
            )
        )

    def take_news(self) -> list[Event]:
        """Return what was dropped since the last call: an event by queue and reason."""
        now = self._metrics.clock()
        for item in self._followed.values():
            item.note_length(now)
        return [event for item in self._followed.values() for event in item.news()]

    def growth(self) -> dict[str, float]:
        """Return how many records a second came more than went, by queue, lately."""
        now = self._metrics.clock()
        return {
            name: growth
            for name, item in self._followed.items()
            if (growth := item.growth(now)) is not None
        }

    def forget(self, name: str) -> None:
        """Keep the last state of a queue that ends."""
        followed = self._followed.pop(name, None)
        if followed is not None:
            left = followed.queue.ledger.queued()
            columns = _columns_of(followed.queue.ledger)
            if left:
                columns["abandoned", ""] = left
            sums = self._ended.setdefault(followed.key, Counter())
            sums.update(columns)
            self._refresh()

    def _refresh(self) -> None:
        groups: dict[_Key, list[Queue]] = {key: [] for key in self._ended}
        for item in self._followed.values():
            groups.setdefault(item.key, []).append(item.queue)
        for key in self._shown.keys() - groups.keys():
            self._hide(key)  # its queue goes on under other labels
        for key, queues in groups.items():
            self._show(key, queues)
        self._allocated.value = sum(
            getattr(item.queue, "memory_bytes", item.queue.bytes)
            for item in self._followed.values()
        )

    def _show(self, key: _Key, queues: list[Queue]) -> None:
        labels = dict(key)
        columns = Counter(self._ended.get(key, {}))
        for queue in queues:
            columns.update(_columns_of(queue.ledger))
        shown = self._shown.setdefault(key, set())
        for column, count in columns.items():
            shown.add(column)
            series = _labels_of(key, column)
            self._metrics.counter(_SERIES, series, is_kept=True).value = count
        queued = _labels_of(key, ("queued", ""))
        self._metrics.gauge(_SERIES, queued).value = sum(item.count for item in queues)
        for queue in queues:
            if isinstance(queue, MemoryQueue):
                self._show_memory(queue, labels)
            if queue.ledger.delays is not None:
                self._show_delays(queue.ledger.delays, labels)

    def _hide(self, key: _Key) -> None:
        for column in (*self._shown.pop(key), ("queued", "")):
            self._metrics.discard(_SERIES, _labels_of(key, column))

    def _show_delays(self, delays: Delays, labels: dict[str, str]) -> None:
        if delays.sampled_at is None:
            return
        metrics = self._metrics
        age_s = metrics.clock() - delays.sampled_at
        for name, value in (
            ("output_event_delay_sample_seconds", delays.sample_s),
            ("output_event_delay_sample_age_seconds", age_s),
        ):
            metrics.gauge(name, labels, level=_DELAY_LEVEL).value = round(value, 6)

    def _show_memory(self, queue: MemoryQueue, labels: dict[str, str]) -> None:
        metrics = self._metrics
        metrics.gauge("memory_queue_events", labels).value = queue.count
        metrics.gauge("memory_queue_memory_usage_bytes", labels).value = queue.bytes
        metrics.gauge("memory_queue_capacity", labels).value = queue.count_limit
        processed = metrics.counter("memory_queue_processed_events_total", labels)
        processed.value = queue.ledger.accepted


def labels_of(spec: Spec, destination: Destination) -> dict[str, str]:
    """Return the labels of all series of a destination."""
    labels = {"driver": spec.kind, "id": spec.id}
    if isinstance(destination, _Labelled):
        labels.update(destination.metric_labels)
    return labels


def _columns_of(ledger: Ledger) -> Counter[_Column]:
    """Return the columns of a ledger that are there from the start, and the reasons."""
    columns: Counter[_Column] = Counter()
    for name in ("accepted", "found", "delivered", "dead_lettered"):
        columns[name, ""] = getattr(ledger, name)
    for name in ("dropped", "rejected"):
        for reason, count in getattr(ledger, name).items():
            columns[name, reason] = count
    return columns


def _labels_of(key: _Key, column: _Column) -> dict[str, str]:
    labels = {**dict(key), "result": column[0]}
    if column[1]:
        labels["reason"] = column[1]
    return labels
