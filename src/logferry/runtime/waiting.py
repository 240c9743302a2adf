"""
Messages that wait for others, and the time that ends their waiting.

One :class:`WaitingRoom` for all stations of a configuration (``pipeline/stations.py``).
Once a second it asks them what goes on because time has passed, and hands that to what
stands behind them. Without stations there is no timer.

Nothing is lost when the daemon stops: what waits then is kept in the persist store and
waits on after the start, the time in between included. The receipts of messages that
sources remember positions for are let go only when that was written, and what was
written is deleted only when everything that came of it was delivered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from logferry.codegen.correlation.correlator import release
from logferry.codegen.correlation.keeping import dump, load
from logferry.errors import StateError
from logferry.message.batch import Receipt
from logferry.runtime.stores import MemoryState
from logferry.runtime.waiting_events import ContextsKept, ContextsLost, ContextsRestored

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

    from logferry.message.model import Message
    from logferry.pipeline.stations import Station
    from logferry.runtime.channel import Channel
    from logferry.runtime.environment import Environment
    from logferry.telemetry.counters import Metrics

__all__ = ["WaitingRoom"]

_TICK_S: Final = 1.0
_SERIES: Final = (
    "correlation_contexts",
    "correlation_messages",
    "correlation_ended_contexts_total",
    "correlation_early_contexts_total",
)


class WaitingRoom:
    """
    Ticks the stations of one configuration.

    Args:
        stations: where messages wait.
        channels: by station, what leads to the destinations behind it.

    """

    def __init__(
        self,
        environment: Environment,
        stations: Sequence[Station],
        channels: Mapping[str, Channel],
    ) -> None:
        self._environment = environment
        self._stations = {item.correlator.name: item for item in stations}
        self._channels = channels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._accounts = {
            name: _Account(station, environment.metrics)
            for name, station in self._stations.items()
        }

    def inherit(self, old: WaitingRoom) -> None:
        """Take over what waits at stations that have the same name here."""
        for name, station in self._stations.items():
            before = old._stations.pop(name, None)
            if before is not None:
                station.correlator.inherit(before.correlator)

    def restore(self) -> None:
        """Let wait on what waited when the daemon stopped."""
        state = self._environment.state
        for name, station in self._stations.items():
            key = self._key(name)
            data = state.get(key)
            if data is None:
                continue

            receipt = Receipt(0, _ignore)
            try:
                count = load(station.correlator, data, receipt)
            except StateError as error:
                self._environment.log.emit(ContextsLost(name, str(error)))
                continue
            receipt.when_released(partial(self._forget, key, data))
            receipt.settle()
            self._environment.log.emit(ContextsRestored(name, count))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to tick, if there are stations."""
        if self._stations:
            self._loop = loop
            self._timer = loop.call_later(_TICK_S, self._tick_again)

    def _tick_again(self) -> None:
        assert self._loop is not None
        self.tick()
        self._timer = self._loop.call_later(_TICK_S, self._tick_again)

    def tick(self) -> None:
        """Hand on what goes on because of the time."""
        now = self._environment.now()
        for station in self._stations.values():
            self._hand_on(station, station.correlator.tick(now))

    def flush(self) -> None:
        """End everything that nobody took over: its messages go on now."""
        now = self._environment.now()
        for station in self._stations.values():
            self._hand_on(station, station.correlator.flush(now))

    def _hand_on(self, station: Station, messages: list[Message]) -> None:
        released = station.correlator.take_released()
        if not messages:
            release(released)
            return

        def on_settled(receipt: Receipt) -> None:
            receipt.when_released(partial(release, released))

        self._channels[station.id].messages(messages, on_settled)

    # -- over a restart ---------------------------------------------------------------

    def stop(self) -> None:
        """Stop ticking and counting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for account in self._accounts.values():
            account.close()
        self._accounts.clear()

    def keep(self) -> None:
        """
        Write what waits to the persist store, and let go of its receipts.

        Everything ends instead without a store that outlives the process (embedded),
        and when the input has ended (``flags(exit-on-eof)``).
        """
        state, log = self._environment.state, self._environment.log
        if isinstance(state, MemoryState) or self._environment.is_at_end:
            self.flush()
            return
        for name, station in self._stations.items():
            count = len(station.correlator.contexts)
            if count:
                state.put(
                    self._key(name), dump(station.correlator, self._environment.now())
                )
                station.correlator.release_all()
                log.emit(ContextsKept(name, count))

    def _forget(self, key: str, data: bytes) -> None:
        """Delete what was kept, unless other contexts have been kept since."""
        if self._environment.state.get(key) == data:
            self._environment.state.delete(key)

    @staticmethod
    def _key(name: str) -> str:
        return f"correlation.{name}"  # every worker process has a store of its own


class _Account:
    """The series of one station."""

    def __init__(self, station: Station, metrics: Metrics) -> None:
        self._correlator = station.correlator
        labels = {"id": station.id}
        contexts, messages, ended, early = _SERIES
        self._open = metrics.gauge(contexts, labels)
        self._waiting = metrics.gauge(messages, labels)
        self._ended = metrics.counter(ended, labels)
        self._early = metrics.counter(early, labels)
        self._metrics = metrics
        self._labels = labels
        metrics.on_read(self.show)

    def close(self) -> None:
        """Take the series away: another room may show the same station."""
        self._metrics.forget(self.show)
        for name in _SERIES:
            self._metrics.discard(name, self._labels)

    def show(self) -> None:
        """Bring the series up to date."""
        contexts = self._correlator.contexts
        self._open.value = len(contexts)
        self._waiting.value = contexts.message_count
        self._ended.value = self._correlator.ended_count
        self._early.value = contexts.early_count


def _ignore(receipt: Receipt) -> None:
    """Nobody waits for a window."""
    del receipt
