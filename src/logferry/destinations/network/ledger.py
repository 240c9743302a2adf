"""
The counters of one network destination.

Names, labels and rows are the reference's: the address is the primary's for ever. Our
own per-server series say what it cannot: which server is used, how often it was left,
what was sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.telemetry.counters import Legacy

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.network.setup import Setup
    from logferry.policy.failover import Server
    from logferry.queues.queue import Queue
    from logferry.telemetry.counters import Counter, Metrics

__all__ = ["Accounts"]


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
        self._unacked = metrics.counter("output_unacked_events_total", self._labels)
        self._switches = metrics.counter("output_server_switches_total", self._labels)
        self._servers = {
            entry.name: self._server_gauge(entry.name)
            for entry in setup.entries
            if not entry.is_live
        }
        metrics.on_read(self._refresh)

    def _server_gauge(self, name: str) -> Counter:
        labels = {**self._labels, "server": name}
        return self._metrics.gauge("output_server_active", labels)

    def _refresh(self) -> None:
        """Copy the queue's ledger: reading it costs nothing until somebody asks."""
        ledger = self._queue.ledger
        self._queued.value = self._queue.count
        self._dropped.value = ledger.dropped_count
        self._processed.value = ledger.accepted + ledger.rejected.total()

    def close(self) -> None:
        """Copy the ledger a last time and stop looking at the queue."""
        self._refresh()
        self._metrics.forget(self._refresh)

    def on_delivered(self, count: int) -> None:
        """``count`` records were acknowledged."""
        self._delivered.value += count

    def on_connected(self, server: Server) -> None:
        """``server`` is used now."""
        self._unreachable.value = 0
        if server.name not in self._servers:  # a live member
            self._servers[server.name] = self._server_gauge(server.name)
        for name, gauge in self._servers.items():
            gauge.value = int(name == server.name)

    def on_unreachable(self, server: Server) -> None:
        """An attempt failed."""
        self._unreachable.value = 1
        if server.name in self._servers:
            self._servers[server.name].value = 0

    def on_lost(self, unacked_count: int) -> None:
        """A connection ended with records that nobody acknowledged."""
        self._unreachable.value = 1
        self._unacked.value += unacked_count

    def on_switched(self) -> None:
        """Deliveries go on elsewhere."""
        self._switches.value += 1
