"""
The counters of one ``http()`` destination.

Names, labels and rows are the reference's: the label ``url`` is the first URL for
ever. Our own series with the label ``target`` say how each target fares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.policy.health import Fitness
from logferry.telemetry.counters import Legacy
from logferry.telemetry.histograms import (
    BATCH_BYTES,
    BATCH_EVENTS,
    EVENT_BYTES,
    REQUEST_LATENCY,
)
from logferry.telemetry.quantiles import Durations, show_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logferry.config.nodes import Spec
    from logferry.policy.balancer import Balancer
    from logferry.policy.pool import Server
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment
    from logferry.telemetry.counters import Counter, Metrics
    from logferry.telemetry.histograms import Histogram

__all__ = ["Accounts"]

_SIZE_LEVEL = 2
"""Sizes of single messages cost something by the message; the reference has them
from level 0 on."""


class Accounts:
    """What became of a destination's records, and where."""

    def __init__(
        self,
        spec: Spec,
        url: str,
        environment: Environment,
        queue: Queue,
        balancer: Balancer,
    ) -> None:
        self._queue = queue
        self._balancer = balancer
        self._clock = environment.clock
        self._metrics = metrics = environment.metrics
        self._labels = labels = {"driver": "http", "id": spec.id, "url": url}
        row = ("dst.http", spec.id, f"http,{url}")
        self._delivered = metrics.counter(
            "output_events_total",
            {**labels, "result": "delivered"},
            legacy=Legacy(*row, "written"),
        )
        self._dropped = metrics.counter(
            "output_events_total",
            {**labels, "result": "dropped"},
            legacy=Legacy(*row, "dropped"),
        )
        self._queued = metrics.gauge(
            "output_events_total",
            {**labels, "result": "queued"},
            legacy=Legacy(*row, "queued"),
        )
        self._processed = metrics.counter("", legacy=Legacy(*row, "processed"))
        self._memory = metrics.gauge("", legacy=Legacy(*row, "memory_usage"))
        self.flow = metrics.flow(row, has_batches=True)
        self._retries = metrics.counter("output_event_retries_total", labels)
        self._batches = metrics.counter("output_batches_total", labels)
        self._bytes = metrics.counter("output_event_bytes_total", labels, level=1)
        self._unreachable = metrics.gauge("output_unreachable", labels, level=1)
        self._workers = metrics.gauge("output_workers", labels)
        self._timed_out = metrics.counter("output_batch_timedout_total", labels)
        self._batch_events = metrics.histogram(
            "output_batch_size_events", labels, BATCH_EVENTS
        )
        self._batch_bytes = metrics.histogram(
            "output_batch_size_bytes", labels, BATCH_BYTES
        )
        self._request_latency = metrics.histogram(
            "output_request_latency_seconds", labels, REQUEST_LATENCY
        )
        self._event_bytes: Histogram | None = None
        self._targets = {
            target: _TargetSeries(metrics, {**labels, "target": target.name})
            for target in balancer.pool.servers
        }
        self._events = {
            target.name: series.events for target, series in self._targets.items()
        }
        self._requests: dict[tuple[Server, int], Counter] = {}
        metrics.on_read(self._refresh)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self._labels

    def _refresh(self) -> None:
        """Copy what others count: reading it costs nothing until somebody asks."""
        ledger = self._queue.ledger
        self._queued.value = self._queue.count
        self._memory.value = getattr(self._queue, "memory_bytes", self._queue.bytes)
        self._dropped.value = ledger.dropped_count
        self._processed.value = ledger.accepted + ledger.rejected.total()
        now = self._clock()
        is_any_up = False
        for report in self._balancer.report(now):
            series = self._targets[report.target]
            is_up = report.fitness is Fitness.HEALTHY
            is_any_up = is_any_up or is_up
            series.up.value = int(is_up)
            series.in_flight.value = report.in_flight
            series.latency_s.value = report.latency_s
            show_latency(
                self._metrics,
                "output_target_request_latency_seconds",
                {**self._labels, "target": report.target.name},
                series.durations,
            )
        self._unreachable.value = int(not is_any_up)

    def close(self) -> None:
        """Copy a last time and stop looking at queue and targets."""
        self._refresh()
        self._metrics.forget(self._refresh)

    def inherit(self, old: Accounts) -> None:
        """Go on with what ``old`` measured of the targets that both have."""
        known = {item.name: series.durations for item, series in old._targets.items()}
        for target, series in self._targets.items():
            series.durations = known.get(target.name, series.durations)

    def on_workers(self, count: int) -> None:
        """So many workers may be busy."""
        self._workers.value = count

    def on_request(self, target: Server, code: int, *, is_retry: bool) -> None:
        """A request was answered; ``code`` is 0 when it was not."""
        counter = self._requests.get((target, code))
        if counter is None:
            counter = self._requests[target, code] = self._metrics.counter(
                "output_http_requests_total",
                {**self._labels, "url": target.name, "response_code": str(code)},
                level=1,
                dynamic=True,
            )
        counter.value += 1
        if is_retry:
            self._retries.value += 1
        if not 200 <= code < 300:
            self._targets[target].failures.value += 1

    def on_latency(self, target: Server, latency_s: float) -> None:
        """``target`` took so long to answer."""
        self._request_latency.add(int(latency_s * 1000))
        self._targets[target].durations.add(latency_s)

    def on_timed_out(self) -> None:
        """A batch is sent although there was room for more: its time was over."""
        self._timed_out.value += 1

    @property
    def wants_sizes(self) -> bool:
        """Somebody wants to know the sizes of single messages."""
        return self._metrics.level >= _SIZE_LEVEL

    def on_sizes(self, sizes: Sequence[int]) -> None:
        """Messages of these sizes were delivered."""
        if self._event_bytes is None:
            self._event_bytes = self._metrics.histogram(
                "output_event_size_bytes", self._labels, EVENT_BYTES, level=_SIZE_LEVEL
            )
        self._event_bytes.add_all(sizes)

    def on_delivered(self, url: str, count: int, size: int) -> None:
        """The target ``url`` took a batch of ``count`` records and ``size`` bytes."""
        self._batch_events.add(count)
        self._batch_bytes.add(size)
        self._delivered.value += count
        self._batches.value += 1
        self._bytes.value += size
        self.flow.note_batch(size)
        self._events[url].value += count


class _TargetSeries:
    """The series of one target."""

    def __init__(self, metrics: Metrics, labels: dict[str, str]) -> None:
        self.up = metrics.gauge("output_target_up", labels)
        self.in_flight = metrics.gauge("output_target_in_flight", labels)
        self.latency_s = metrics.gauge("output_target_latency_seconds", labels)
        self.events = metrics.counter("output_target_events_total", labels)
        self.failures = metrics.counter("output_target_failures_total", labels)
        self.durations = Durations()
