"""
The ``file()`` destination: records to files whose names may hold macros.

Each routing key is the name of a file, as the compiler rendered it. A file that
cannot be written keeps only its own records waiting: their leases stay out, in order,
and are tried again every ``time-reopen()`` seconds while other files go on.

Writes go straight to the page cache from the event loop; a lease is acknowledged when
``write()`` (and ``fsync()``, if asked for) returned.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, cast

from logferry.destinations.file.events import FileFailed, FileWorksAgain, SpuriousPath
from logferry.destinations.file.writer import FileWriter
from logferry.errors import StorageFailed
from logferry.limits import LEASE_BYTES_MAX
from logferry.policy.throttle import TokenBucket
from logferry.queues.queue import Full
from logferry.telemetry.counters import Counter, Legacy, Metrics
from logferry.telemetry.flows import Flow

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.destinations.file.options import FileDestinationOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import Lease, PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["FileDestination"]

_NAME_BYTES_MAX, _PATH_BYTES_MAX = 255, 4096  # NAME_MAX, PATH_MAX: limits.h(0p)

_LEASES_PER_TURN = 64
"""Leases written before other work of the event loop has its turn."""

_REAP_INTERVAL_S = 10.0
_RECORDS_PER_LEASE = 1 << 20
_THROTTLE_POLL_S = 0.01


def is_too_long(path: str) -> bool:
    """Tell whether no file can have this name, today or ever."""
    name = os.fsencode(path)
    if len(name) <= _NAME_BYTES_MAX:
        return False
    return len(name) >= _PATH_BYTES_MAX or any(
        len(part) > _NAME_BYTES_MAX for part in name.split(b"/")
    )


class _Target:
    """One concrete file: its writer, what waits for it, and its counters."""

    __slots__ = (
        "dropped",
        "flow",
        "memory",
        "path",
        "processed",
        "queued",
        "stuck",
        "trouble",
        "writer",
        "written",
        "written_bytes",
    )

    def __init__(self, path: str, metrics: Metrics, driver: str) -> None:
        self.path = path
        self.writer: FileWriter | None = None
        self.stuck: deque[Lease] = deque()
        self.trouble = ""
        self.flow = metrics.flow(
            ("dst.file", driver, path), level=1, has_truncation=True
        )
        self.processed = metrics.counter(
            "", level=1, legacy=Legacy("dst.file", driver, path, "processed")
        )
        self.written: Counter = metrics.counter(
            "output_events_total",
            {"driver": "file", "filename": path, "id": driver, "result": "delivered"},
            level=1,
            legacy=Legacy("dst.file", driver, path, "written"),
        )
        self.written_bytes: Counter = metrics.counter(
            "output_event_bytes_total",
            {"driver": "file", "filename": path, "id": driver},
            level=1,
        )
        self.queued: Counter = metrics.gauge(
            "output_events_total",
            {"driver": "file", "filename": path, "id": driver, "result": "queued"},
            level=1,
            legacy=Legacy("dst.file", driver, path, "queued"),
        )
        self.dropped: Counter = metrics.counter(
            "output_events_total",
            {"driver": "file", "filename": path, "id": driver, "result": "dropped"},
            level=1,
            legacy=Legacy("dst.file", driver, path, "dropped"),
        )
        self.memory: Counter = metrics.gauge(
            "", level=1, legacy=Legacy("dst.file", driver, path, "memory_usage")
        )

    def note_stuck(self) -> None:
        """Show how many records wait for the file."""
        self.queued.value = sum(lease.batch.count for lease in self.stuck)
        self.memory.value = sum(len(lease.batch.data) for lease in self.stuck)


class FileDestination:
    """
    One running ``file()`` driver.

    Args:
        spec: its configuration.
        environment: the world.
        queue: where records wait.

    """

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._options = cast("FileDestinationOptions", spec.options)
        self._environment = environment
        self._queue = queue
        self._time_reap_s = self._options.reap_after_s()
        self._targets: dict[bytes, _Target] = {}
        self.flow = Flow()
        """Of the file written first: what ``truncate-size()`` cuts counts there."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        rate = self._options.throttle
        self._throttle = TokenBucket(rate, environment.clock()) if rate else None

    async def start(self) -> None:
        """Begin to write."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._schedule
        if self._time_reap_s:
            self._arm_reaper()
        self._schedule()

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in."""
        result = self._queue.push(batch)
        if isinstance(result, Full):
            target = self._target(batch.key)
            target.processed.add(result.rejected)
            target.dropped.add(result.rejected)
        self._schedule()
        return result

    def _schedule(self) -> None:
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Write what waits, a bounded amount at a time."""
        self._is_scheduled = False
        for _ in range(_LEASES_PER_TURN):
            if not self._write_next():
                return
        self._schedule()

    def _write_next(self) -> bool:
        allowed = _RECORDS_PER_LEASE
        if self._throttle is not None:
            allowed = min(allowed, self._throttle.available(self._environment.clock()))
            if not allowed:
                self._wait_for_throttle()
                return False
        lease = self._queue.peek(allowed, LEASE_BYTES_MAX)
        if lease is None:
            return False
        if self._throttle is not None:
            self._throttle.take(lease.batch.count, self._environment.clock())
        target = self._target(lease.batch.key)
        target.processed.add(lease.batch.count)
        target.flow.note(lease.batch.data, lease.batch.count, lease.batch.ends)
        if target.stuck:
            target.stuck.append(lease)
            target.note_stuck()
        elif not self._deliver(target, lease):
            target.stuck.append(lease)
            target.note_stuck()
            self._arm_retry(target)
        return True

    def _wait_for_throttle(self) -> None:
        if self._loop is not None and "throttle" not in self._timers:
            self._timers["throttle"] = self._loop.call_later(
                _THROTTLE_POLL_S, self._go_on
            )

    def _go_on(self) -> None:
        self._timers.pop("throttle", None)
        self._schedule()

    def _target(self, key: bytes) -> _Target:
        target = self._targets.get(key)
        if target is None:
            path = key.decode("utf-8", "surrogateescape")
            target = _Target(path, self._environment.metrics, self.id)
            if not self._targets:  # before it is written, who cuts cannot know it
                cut, self.flow = self.flow, target.flow
                target.flow.truncated_count += cut.truncated_count
                target.flow.truncated_bytes += cut.truncated_bytes
            self._targets[key] = target
        return target

    def _deliver(self, target: _Target, lease: Lease) -> bool:
        """Write one lease; false when it has to wait."""
        path = target.path
        if "../" in path or path.endswith("/..") or is_too_long(path):
            self._environment.log.emit(SpuriousPath(path))
            self._queue.drop(lease.token, "spurious-path")
            target.dropped.add(lease.batch.count)
            return True
        now_s = self._environment.now() / 1e9
        try:
            if target.writer is None:
                target.writer = FileWriter(path, self._options, now_s)
            target.writer.write(lease.batch.data)
        except StorageFailed as error:
            self._note_failure(target, error)
            return False
        target.writer.last_used_at = self._environment.clock()
        target.written.add(lease.batch.count)
        target.written_bytes.add(len(lease.batch.data))
        self._queue.ack(lease.token)
        return True

    @property
    def trouble(self) -> str:
        """Why a file cannot be written; empty while all can."""
        stuck = (item.trouble for item in self._targets.values() if item.stuck)
        return next(stuck, "")

    def _note_failure(self, target: _Target, error: StorageFailed) -> None:
        target.trouble = str(error)
        if target.writer is not None:
            target.writer.close()
            target.writer = None
        if self._options.optional:
            return
        time_reopen = f"{self._options.time_reopen:g}"
        self._environment.log.emit(
            FileFailed(target.path, str(error), time_reopen, self.id)
        )

    def _arm_retry(self, target: _Target) -> None:
        assert self._loop is not None
        self._timers[target.path] = self._loop.call_later(
            self._options.time_reopen, self._retry, target
        )

    def _retry(self, target: _Target) -> None:
        self._timers.pop(target.path, None)
        had_stuck = bool(target.stuck)
        while target.stuck:
            if not self._deliver(target, target.stuck[0]):
                self._arm_retry(target)
                return
            target.stuck.popleft()
            target.note_stuck()
        if had_stuck:
            self._environment.log.emit(FileWorksAgain(target.path, self.id))

    def _arm_reaper(self) -> None:
        assert self._loop is not None
        self._timers["reap"] = self._loop.call_later(_REAP_INTERVAL_S, self._reap)

    def _reap(self) -> None:
        """Close files that were not written for ``time-reap()`` seconds."""
        oldest = self._environment.clock() - self._time_reap_s
        for key, target in list(self._targets.items()):
            if target.writer is None or target.writer.last_used_at < oldest:
                if target.writer is not None:
                    target.writer.close()
                if not target.stuck:
                    del self._targets[key]
        self._arm_reaper()

    def reopen(self) -> None:
        """Close all files; the next record opens them anew (after log rotation)."""
        for target in self._targets.values():
            if target.writer is not None:
                target.writer.close()
                target.writer = None

    async def stop(self, grace_s: float) -> None:
        """Write what is queued and close; what cannot be written stays queued."""
        del grace_s  # a local file takes its records now or not at all
        self._throttle = None
        if self._loop is not None:
            while self._write_next():
                pass
        for timer in self._timers.values():
            timer.cancel()
        for target in self._targets.values():
            for lease in target.stuck:
                self._queue.rewind(lease.token)
        self.reopen()
        self._targets.clear()
        self._loop = None
