"""
The counters of one network source: by client, by connection, by error.

A client is an IP address; its counters are shared by all its connections and stay when
they end, for a bounded number of clients. Window gauges exist for the connections that
are open when somebody reads them at ``stats(level(4))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from logferry.telemetry.counters import Counter, Kind, Legacy, Metrics

if TYPE_CHECKING:
    from logferry.runtime.socket_memory import SocketMemory
    from logferry.sources.network.connection import Connection
    from logferry.telemetry.flows import Flow

__all__ = ["ClientAccount", "SourceAccounts"]

_MEMORY_LEVEL = 1
_WINDOW_LEVEL = 4

CLIENTS_MAX: Final = 1000
"""Clients that are remembered after their last connection ended."""


@dataclass(slots=True)
class ClientAccount:
    """What one client sent."""

    events: Counter
    event_bytes: Counter
    flow: Flow
    stamp: Counter
    now: Callable[[], int]
    connection_count: int = 0

    def count_chunk(self, data: bytes, count: int) -> None:
        """Count ``count`` lines."""
        self.events.value += count
        self.event_bytes.value += len(data)
        self.flow.note(data, count)
        self.stamp.value = self.now() // 1_000_000_000

    def count_frames(self, frames: list[bytes]) -> None:
        """Count messages that came one by one."""
        size = sum(map(len, frames))
        self.events.value += len(frames)
        self.event_bytes.value += size
        self.flow.note_frames(frames, size)
        self.stamp.value = self.now() // 1_000_000_000


class SourceAccounts:
    """
    The counters of one driver.

    Args:
        metrics: where they are registered.
        driver: its kind and its id.
        transport: as configured, such as ``tcp``.
        address: what it listens on.
        connections: returns the open ones.
        memory: returns how full the kernel's buffer for datagrams is.

    """

    def __init__(
        self,
        metrics: Metrics,
        driver: tuple[str, str],
        transport: str,
        address: str,
        *,
        connections: Callable[[], Iterable[Connection]],
        memory: Callable[[], SocketMemory | None],
    ) -> None:
        self._metrics = metrics
        self._kind, self._id = driver
        self._labels = {
            "address": address,
            "driver": self._kind,
            "id": self._id,
            "transport": transport,
        }
        self._word = "udp" if transport.endswith("udp") else "tcp"
        self._connections = connections
        self._memory = memory
        self._clients: dict[str, ClientAccount] = {}
        self._windows: list[dict[str, str]] = []
        socket_labels = {**self._labels, "direction": "input"}
        self.connected = metrics.gauge(
            "socket_connections",
            socket_labels,
            legacy=Legacy(
                f"src.{self._kind}",
                self._id.partition("#")[0],
                f"afsocket_sd.({'dgram' if self._word == 'udp' else 'stream'},"
                f"AF_INET({address}))",
                "connections",
            ),
        )
        self.connections_max = metrics.gauge("socket_max_connections", socket_labels)
        self.rejected = metrics.counter(
            "socket_rejected_connections_total", socket_labels
        )
        self.window_full = metrics.counter(
            "input_window_full_total", self._labels, level=1
        )
        self._is_open = False

    def show_memory(self, memory: SocketMemory | None) -> None:
        """Show how full the kernel's buffer for datagrams is, where it tells."""
        if memory is None or self._metrics.level < _MEMORY_LEVEL:
            return
        labels = {**self._labels, "direction": "input"}
        for name, value, kind in (
            ("socket_receive_buffer_max_bytes", memory.limit_bytes, Kind.GAUGE),
            ("socket_receive_buffer_used_bytes", memory.used_bytes, Kind.GAUGE),
            (
                "socket_receive_dropped_packets_total",
                memory.dropped_count,
                Kind.COUNTER,
            ),
        ):
            counter = self._metrics.counter(
                name, labels, level=_MEMORY_LEVEL, kind=kind
            )
            counter.value = value

    def open(self) -> None:
        """Begin to look at the connections."""
        if not self._is_open:
            self._is_open = True
            self._metrics.on_read(self._refresh)

    def client(self, address: str) -> ClientAccount:
        """Return the account of the client at ``address``."""
        account = self._clients.get(address)
        if account is None:
            if len(self._clients) >= CLIENTS_MAX:
                self._forget_one()
            labels = {**self._labels, "peer_address": address}
            row = self._row(address)
            metrics = self._metrics
            account = self._clients[address] = ClientAccount(
                metrics.counter(
                    "input_events_total",
                    labels,
                    level=1,
                    legacy=Legacy(*row, "processed"),
                    legacy_level=0,
                ),
                metrics.counter("input_event_bytes_total", labels, level=1),
                metrics.flow(row, newline_bytes=0),
                metrics.gauge("", legacy=Legacy(*row, "stamp")),
                metrics.now,
            )
        return account

    def _row(self, address: str) -> tuple[str, str, str]:
        return f"src.{self._kind}", self._id, f"{self._word},{address}"

    def _forget_one(self) -> None:
        for address, account in self._clients.items():
            if not account.connection_count:
                del self._clients[address]
                labels = {**self._labels, "peer_address": address}
                self._metrics.discard("input_events_total", labels)
                self._metrics.discard("input_event_bytes_total", labels)
                self._metrics.discard_row(self._row(address), "stamp")
                self._metrics.discard_flow(self._row(address))
                return

    def on_error(self, reason: str, **details: str) -> None:
        """Count what a client did wrong, as far as the transport can tell."""
        labels = {**self._labels, "reason": reason, **details}
        self._metrics.counter("input_transport_errors_total", labels, dynamic=True).add(
            1
        )

    def _refresh(self) -> None:
        """Show the windows of the connections that are open now."""
        metrics = self._metrics
        self.show_memory(self._memory())
        for labels in self._windows:
            metrics.discard("input_window_available", labels)
            metrics.discard("input_window_capacity", labels)
        self._windows.clear()
        if metrics.level < _WINDOW_LEVEL:
            return
        for connection in self._connections():
            labels = {**self._labels, "client": connection.client}
            self._windows.append(labels)
            available = max(0, connection.window - connection.unacked_count)
            metrics.gauge(
                "input_window_available", labels, level=_WINDOW_LEVEL
            ).value = available
            metrics.gauge(
                "input_window_capacity", labels, level=_WINDOW_LEVEL
            ).value = connection.window

    def close(self) -> None:
        """Stop looking at the connections."""
        if self._is_open:
            self._is_open = False
            self._refresh()
            self._metrics.forget(self._refresh)
