"""
Writes records to an outlet.

It is opened when the first record is there, opened again after a failure, and waited
for when it is full.

A record is acknowledged when the kernel took its last byte. After a failure the
records that were not written whole are written again to the next outlet.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from typing import TYPE_CHECKING

from logferry.destinations.local import events
from logferry.destinations.local.outlet import NotAgain, Outlet
from logferry.policy.throttle import TokenBucket
from logferry.runtime.streams import describe_os_error
from logferry.telemetry.counters import Legacy

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.nodes import Spec
    from logferry.destinations.options import WriterOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import Lease, PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["LocalDestination"]

_RECORDS_PER_TURN = 4096
_BYTES_PER_LEASE = 256 * 1024
_POLL_S = 0.01


class LocalDestination:
    """
    One running driver.

    Args:
        spec: its configuration.
        name: what it writes to, for messages and counters.
        environment: the world.
        queue: where records wait.
        open_outlet: opens the way out; raises ``OSError``.

    """

    def __init__(
        self,
        spec: Spec,
        name: str,
        environment: Environment,
        queue: Queue,
        open_outlet: Callable[[], Outlet],
    ) -> None:
        assert hasattr(spec.options, "time_reopen")
        self.id = spec.id
        self._options: WriterOptions = spec.options  # type: ignore[assignment] # all of these drivers' are
        self._name = name
        self._environment = environment
        self._queue = queue
        self._open_outlet = open_outlet
        self._outlet: Outlet | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        self._is_waiting = False
        self._has_failed = False
        self._trouble = ""
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._begun = 0  # bytes of the next record that were written already
        rate = self._options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None
        self._processed = environment.metrics.counter(
            "", legacy=Legacy(f"dst.{spec.kind}", spec.id, name, "processed")
        )
        self.flow = environment.metrics.flow(
            (f"dst.{spec.kind}", spec.id, name), has_truncation=True
        )
        self._written_bytes = environment.metrics.counter(
            "output_event_bytes_total",
            {"driver": spec.kind, "name": name, "id": spec.id},
            level=1,
        )
        self._written = environment.metrics.counter(
            "output_events_total",
            {"driver": spec.kind, "name": name, "id": spec.id, "result": "delivered"},
            legacy=Legacy(f"dst.{spec.kind}", spec.id, name, "written"),
        )

    async def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._schedule
        self._schedule()

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in."""
        self.flow.note(batch.data, batch.count, batch.ends)
        result = self._queue.push(batch)
        self._processed.add(batch.count)
        self._schedule()
        return result

    def _schedule(self) -> None:
        is_busy = self._is_scheduled or self._is_waiting or self._timer is not None
        if not is_busy and not self._is_over and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Write one lease and come back for the next."""
        self._is_scheduled = False
        if self._loop is None or self._timer is not None:
            return  # stopped, or failed, in the meantime
        allowed = _RECORDS_PER_TURN
        if self._throttle is not None:
            allowed = min(allowed, self._throttle.available(self._environment.clock()))
            if not allowed:
                self._loop.call_later(_POLL_S, self._schedule)
                return
        lease = self._queue.peek(allowed, _BYTES_PER_LEASE)
        if lease is None:
            return
        try:
            if self._outlet is None:
                self._outlet = self._open_outlet()
                self._begun = 0
            is_done = self._write(self._outlet, lease)
        except OSError as error:
            self._settle_rest(lease)
            self._fail(error)
            return
        if self._has_failed:
            self._has_failed = False
            self._environment.log.emit(events.OutletWorks(self._name, self.id))
        if is_done:
            self._schedule()

    def _write(self, outlet: Outlet, lease: Lease) -> bool:
        """Write ``lease``; false when the outlet has to be waited for."""
        data = memoryview(lease.batch.data)
        ends = lease.batch.offsets()
        position = self._begun
        try:
            while position < len(data):
                stop = len(data)
                if outlet.keeps_records_apart:
                    stop = ends[bisect_right(ends, position)]
                position += outlet.write(data[position:stop])
        except BlockingIOError:
            self._settle(lease, bisect_right(ends, position), position)
            self._wait(outlet)
            return False
        except OSError:
            self._settle(lease, bisect_right(ends, position), position)
            raise
        self._settle(lease, lease.batch.count, position)
        return True

    def _settle(self, lease: Lease, count: int, position: int) -> None:
        """Acknowledge ``count`` records; remember how much of the next was written."""
        ends = lease.batch.offsets()
        size = ends[count - 1] if count else 0
        self._begun = position - size
        self._written_bytes.add(size)
        self._written.add(count)
        if self._throttle is not None:
            self._throttle.take(count, self._environment.clock())
        if count:
            self._queue.ack(lease.token, None if count == len(ends) else count)
        if count < len(ends):
            self._queue.rewind(lease.token)

    def _settle_rest(self, lease: Lease) -> None:
        """Put back what is still leased: opening failed before anything was written."""
        if self._outlet is None:
            self._queue.rewind(lease.token)

    def _wait(self, outlet: Outlet) -> None:
        assert self._loop is not None
        self._is_waiting = True
        self._loop.add_writer(outlet.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        self._stop_waiting()
        self._schedule()

    def _stop_waiting(self) -> None:
        if self._is_waiting and self._outlet is not None and self._loop is not None:
            self._loop.remove_writer(self._outlet.fileno())
        self._is_waiting = False

    @property
    def trouble(self) -> str:
        """Why nothing can be written; empty while it can."""
        return self._trouble if self._has_failed else ""

    def _fail(self, error: OSError) -> None:
        assert self._loop is not None
        self._close()
        self._has_failed = True
        reason = self._trouble = describe_os_error(error)
        if isinstance(error, NotAgain):
            self._is_over = True
            self._environment.log.emit(events.OutletGone(self._name, reason, self.id))
            return
        wait_s = self._options.time_reopen
        self._timer = self._loop.call_later(wait_s, self._retry)
        self._environment.log.emit(
            events.OutletFailed(self._name, reason, f"{wait_s:g}", self.id)
        )

    def _retry(self) -> None:
        self._timer = None
        self._schedule()

    def _close(self) -> None:
        self._stop_waiting()
        if self._outlet is not None:
            self._outlet.close()
            self._outlet = None
        self._begun = 0

    def reopen(self) -> None:
        """Open the outlet anew with the next record, when no record is begun."""
        if not self._begun:
            self._close()
            self._schedule()

    async def stop(self, grace_s: float) -> None:
        """Write what waits for at most ``grace_s`` seconds and close."""
        deadline = self._environment.clock() + grace_s
        while self._queue.count and self._timer is None and not self._is_over:
            if self._environment.clock() >= deadline:
                break
            await asyncio.sleep(_POLL_S)
        if self._timer is not None:
            self._timer.cancel()
        self._close()
        self._loop = None
