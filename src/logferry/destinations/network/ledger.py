"""
The counters of one network destination.

Names, labels and rows are the reference's: the address is the primary's for ever. Our
own per-server series say what it cannot: which server is used, how often it was left,
what was sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.telemetry.counters import Legacy
from logferry.telemetry.quantiles import Durations, show_latency

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from logferry.config.nodes import Spec
    from logferry.destinations.network.events import Switched
    from logferry.destinations.network.setup import Setup
    from logferry.policy.failover import Server, ServerReport
    from logferry.queues.queue import Queue
    from logferry.telemetry.counters import Metrics

__all__ = ["Accounts"]

_SERVER_GAUGES = (
    "output_server_active",
    "output_server_up",
    "output_server_drained",
    "output_server_good_probes",
    "output_server_state_seconds",
)
"""What is shown of every member, in the order of ``_show_server``."""


class Accounts:
    """What became of a destination's records, and where."""

    def __init__(
        self, spec: Spec, setup: Setup, metrics: Metrics, queue: Queue
    ) -> None:
        self._queue = queue
        self._metrics = metrics
        address = f"{setup.host}:{setup.port}"
        self._labels = {
            "address": address,
            "driver": spec.kind,
            "id": spec.id,
            "transport": setup.protocol,
        }
        row = (f"dst.{spec.kind}", spec.id, f"{setup.protocol},{address}")
        self._unreachable = metrics.gauge("output_unreachable", self._labels)
        self._delivered = metrics.counter(
            "output_events_total",
            {**self._labels, "result": "delivered"},
            legacy=Legacy(*row, "written"),
        )
        self._dropped = metrics.counter(
            "output_events_total",
            {**self._labels, "result": "dropped"},
            legacy=Legacy(*row, "dropped"),
        )
        self._queued = metrics.gauge(
            "output_events_total",
            {**self._labels, "result": "queued"},
            legacy=Legacy(*row, "queued"),
        )
        self._processed = metrics.counter("", legacy=Legacy(*row, "processed"))
        self._memory = metrics.gauge("", legacy=Legacy(*row, "memory_usage"))
        self.flow = metrics.flow(row, has_truncation=True)
        self._bytes = metrics.counter("output_event_bytes_total", self._labels, level=1)
        self._unacked = metrics.counter("output_unacked_events_total", self._labels)
        self._resent = metrics.counter("output_resent_events_total", self._labels)
        self._owed = 0  # went back to the queue and were not sent again yet
        self._switches = metrics.counter("output_server_switches_total", self._labels)
        self._latencies: dict[str, Durations] = {}  # by server
        self._in_flight = metrics.gauge("output_in_flight_events", self._labels)
        self._pool: Callable[[], Sequence[ServerReport]] = tuple
        self._clock: Callable[[], float] = float
        self._count_in_flight: Callable[[], int] = int
        self._shown: set[str] = set()
        self._delivered_at: float | None = None
        self._last_switch: tuple[Switched, float] | None = None
        metrics.on_read(self._refresh)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of all series of this destination."""
        return self._labels

    def watch(
        self,
        pool: Callable[[], Sequence[ServerReport]],
        clock: Callable[[], float],
        in_flight: Callable[[], int],
    ) -> None:
        """Look at these when somebody reads the counters."""
        self._pool = pool
        self._clock = clock
        self._count_in_flight = in_flight

    def _refresh(self) -> None:
        """Copy the queue's ledger: reading it costs nothing until somebody asks."""
        ledger = self._queue.ledger
        self._queued.value = self._queue.count
        self._memory.value = getattr(self._queue, "memory_bytes", self._queue.bytes)
        self._dropped.value = ledger.dropped_count
        self._bytes.value = ledger.delivered_bytes
        self._processed.value = ledger.accepted + ledger.rejected.total()
        self._in_flight.value = self._count_in_flight()
        now = self._clock()
        before, self._shown = self._shown, set()
        for report in self._pool():
            self._show_server(report, now)
        for server in before - self._shown:  # a member no more: neither up nor down
            for name in _SERVER_GAUGES:
                self._metrics.discard(name, {**self._labels, "server": server})

    def latency(self, server: Server) -> Durations:
        """Return what is told how long acknowledgements of ``server`` take."""
        return self._latencies.setdefault(server.name, Durations())

    def _show_server(self, report: ServerReport, now: float) -> None:
        since = report.since
        values = (
            report.is_current and report.state == "up",
            report.state == "up",
            report.is_drained,
            report.probe_successes or 0,
            now - since if since is not None else 0,
        )
        self._shown.add(report.server.name)
        labels = {**self._labels, "server": report.server.name}
        for name, value in zip(_SERVER_GAUGES, values, strict=True):
            self._metrics.gauge(name, labels).value = value + 0  # True is 1
        latency = self._latencies.get(report.server.name)
        if latency is not None:
            show_latency(
                self._metrics, "output_server_ack_latency_seconds", labels, latency
            )

    def close(self) -> None:
        """Copy the ledger a last time and stop looking at the queue."""
        self._refresh()
        self._metrics.forget(self._refresh)

    def on_delivered(self, count: int) -> None:
        """``count`` records were acknowledged."""
        self._delivered.value += count
        self._delivered_at = self._clock()

    def on_connected(self, server: Server) -> None:
        """``server`` is used now."""
        self._unreachable.value = 0
        self._count("output_server_connections_total", server)

    def on_unreachable(self, server: Server) -> None:
        """An attempt failed."""
        self._unreachable.value = 1
        self._count("output_server_failures_total", server)

    def on_probe(self, server: Server, *, is_good: bool) -> None:
        """A probe ended."""
        result = "good" if is_good else "bad"
        self._count("output_server_probes_total", server, result=result)

    def _count(self, name: str, server: Server, **more: str) -> None:
        labels = {**self._labels, "server": server.name, **more}
        self._metrics.counter(name, labels).value += 1

    def on_lost(self, unacked_count: int) -> None:
        """A connection ended with records that nobody acknowledged."""
        self._unreachable.value = 1
        self._unacked.value += unacked_count
        self._owed += unacked_count

    def on_sent(self) -> None:
        """
        Something was sent.

        What a lost connection gave back stands first in the queue and is no more than a
        window: the first sends after the loss send it again.
        """
        if self._owed:
            self._resent.value += self._owed
            self._owed = 0

    def on_switched(self, event: Switched) -> None:
        """Deliveries go on elsewhere; ``event`` says why."""
        self._switches.value += 1
        self._last_switch = (event, self._clock())

    def describe(self, now: float) -> dict[str, object]:
        """Return what ``ctl pool`` says of the whole destination."""
        found: dict[str, object] = {
            "queued": self._queue.count,
            "in_flight": self._count_in_flight(),
            "delivered": self._delivered.value,
            "delivered_ago_s": _ago(self._delivered_at, now),
            "last_switch": None,
        }
        if self._last_switch is not None:
            event, at = self._last_switch
            found["last_switch"] = {
                "from": event.from_,
                "to": event.to,
                "reason": event.reason,
                "gap_s": float(event.gap_ms) / 1000,
                "resent": event.resent,
                "ago_s": _ago(at, now),
            }
        return found


def _ago(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(0.0, now - moment)
