"""
The queues of the running program, by the name they are kept under.

A queue outlives the driver that empties it: when a reload replaces the driver, the
new one with the same name goes on with the same queue. A disk queue outlives the
process (``queue_files.py``).

Changed options never strand records. Another ``dir()`` is used once the old file is
empty; ``reliable()`` may change at any time, the file is the same. When
``disk-buffer()`` is added, what waits in memory moves to disk. When it is taken away,
a queue goes on with its file until a reload or a start finds it empty: what was safe
on disk stays so. Only a file whose destination is gone is *abandoned*: it is reported,
and waits to be adopted or purged (``logferry queue``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from logferry.daemon.adoption import Adoption
from logferry.daemon.queue_files import QueueFiles, is_synchronous
from logferry.daemon.queue_moves import Move
from logferry.destinations.options import CAPACITY_BYTES_MIN
from logferry.errors import StateError
from logferry.limits import QUEUE_BYTES_MIN, QUEUE_RECORD_BYTES
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.files import owner_of
from logferry.queues.memory import MemoryQueue
from logferry.queues.recovery import reopen
from logferry.records import record
from logferry.runtime.disk_worker import DiskWorker
from logferry.runtime.tasks import Tasks
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from logferry.config.nodes import Spec
    from logferry.destinations.options import DestinationOptions, DiskBufferOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.ledger import Ledger
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.disk_worker import QueueFile
    from logferry.runtime.environment import Environment

__all__ = ["QueueStore"]

_EMPTY_STEP_S = 0.1


@record
class DiskBufferLoaded(Event):
    """A queue file was opened, or saved at the stop."""

    text: ClassVar[str] = "Reliable disk-buffer state"

    operation: str
    filename: str
    number_of_messages: int


@dataclass(frozen=True, slots=True)
class PlainDiskBufferLoaded(DiskBufferLoaded):
    """Likewise, without ``reliable(yes)``."""

    text: ClassVar[str] = "Non-reliable disk-buffer state"


@record
class DiskBufferAbandoned(Event):
    """A queue file belongs to no destination of the configuration."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Abandoned disk-buffer file found"

    filename: str
    owner: str
    number_of_messages: int


@record
class DiskBufferUnknown(Event):
    """A file is named like a queue, and cannot be read as one."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "File is named like a disk-buffer and is none of logferry, or damaged;"
        " no destination uses it"
    )

    filename: str


@record
class DiskBufferStays(Event):
    """A destination without ``disk-buffer()`` has a file with messages."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "disk-buffer() is not configured any more, its file is used until a reload"
        " or a start finds it empty"
    )

    filename: str
    number_of_messages: int


@record
class DiskBufferNotRemoved(Event):
    """An empty file that nobody needs could not be deleted."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Empty disk-buffer file cannot be deleted"

    filename: str
    error: str


@record
class QueueMoved(Event):
    """A reload added or removed ``disk-buffer()``."""

    text: ClassVar[str] = "Messages moved to the new queue of their destination"

    queue: str
    kind: str
    number_of_messages: int


class QueueStore:
    """Makes queues and finds them again."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._files = QueueFiles(environment)
        self._queues: dict[str, Queue] = {}
        self._workers: dict[str, DiskWorker] = {}
        self._leaving: set[DiskWorker] = set()  # of queues that are in memory now
        self._removals: set[asyncio.Task[None]] = set()
        self._moves: list[Move] = []
        self._adoptions: set[Adoption] = set()
        self._tasks = Tasks(environment.log)
        self._refreshers: dict[Path, Callable[[], None]] = {}

    def get(self, name: str) -> Queue:
        """Return the queue called ``name``, which ``make`` has made."""
        return self._queues[name]

    def make(self, name: str, spec: Spec) -> Queue:
        """
        Return the queue called ``name`` for a new driver, as its options demand.

        When the queue is another one than before, ``finish_moves`` must follow as soon
        as the driver before it has stopped, or ``undo_moves``. Must be called in the
        event loop. Raises ``StorageFailed`` when a file cannot be used, and
        ``AlreadyRunning`` when another process uses its folder.
        """
        options = cast("DestinationOptions", spec.options)
        buffer = cast("DiskBufferOptions | None", options.disk_buffer)
        queue = self._queues.get(name)
        if queue is None:
            queue = self._make(name, options, buffer)
        elif isinstance(queue, MemoryQueue):
            if buffer is None:
                _limit(queue, options)
            else:
                queue = self._to_disk(name, queue, buffer)
        elif isinstance(queue, DiskQueue):
            if buffer is not None:
                queue.limits = limits_of(buffer)
                worker = self._workers[name]
                worker.set_synchronous(is_synchronous(buffer))
                worker.set_shrink_ratio(buffer.truncate_size_ratio)
            elif queue.count or queue.is_held:
                self._report_staying(name)
            else:
                queue = self._to_memory(name, queue, options)
        self._queues[name] = queue
        return queue

    def _make(
        self,
        name: str,
        options: DestinationOptions,
        buffer: DiskBufferOptions | None,
    ) -> Queue:
        """Make a queue, which may have a file already."""
        if buffer is not None:
            return self._open(name, buffer, None)
        file = self._files.open_left_over(name)
        queue = MemoryQueue()
        _limit(queue, options)
        if file is None:
            return queue
        found = file.storage.totals.size_bytes if file.storage is not None else 0
        capacity_bytes = max(found, CAPACITY_BYTES_MIN) + queue.bytes_limit
        limits = DiskLimits(capacity_bytes, file.is_synchronous)
        disk_queue = self._run(name, file, limits, None)
        self._report_staying(name)
        return disk_queue

    def _open(
        self, name: str, options: DiskBufferOptions, ledger: Ledger | None
    ) -> DiskQueue:
        file = self._files.open(name, options)
        return self._run(name, file, limits_of(options), ledger)

    def _run(
        self, name: str, file: QueueFile, limits: DiskLimits, ledger: Ledger | None
    ) -> DiskQueue:
        found = file.storage.totals if file.storage is not None else None
        queue = DiskQueue(limits, found, ledger)
        again = partial(reopen, file.path, owner=name)
        claim = partial(self._files.claim, file.path)
        worker = DiskWorker(queue, file, again, self._environment.log, claim)
        self._workers[name] = worker
        worker.on_open = partial(self._report, worker, "load")
        if file.storage is not None:
            worker.on_open()
        self._show(name, file.path)
        return queue

    def _report(self, worker: DiskWorker, operation: str) -> None:
        kind = (
            DiskBufferLoaded
            if worker.queue.limits.is_reliable
            else PlainDiskBufferLoaded
        )
        self._environment.log.emit(kind(operation, worker.filename, worker.queue.count))

    def _report_staying(self, name: str) -> None:
        worker = self._workers[name]
        event = DiskBufferStays(worker.filename, worker.queue.count)
        self._environment.log.emit(event)

    # -- from memory to disk and back ------------------------------------------

    def _to_disk(
        self, name: str, old: MemoryQueue, options: DiskBufferOptions
    ) -> DiskQueue:
        new = self._open(name, options, old.ledger)
        new.hold()
        self._moves.append(Move(name, old, new))
        return new

    def _to_memory(
        self, name: str, old: DiskQueue, options: DestinationOptions
    ) -> MemoryQueue:
        new = MemoryQueue(ledger=old.ledger)
        _limit(new, options)
        self._moves.append(Move(name, old, new))
        return new

    async def finish_moves(self) -> None:
        """Take over what waits in queues that were replaced."""
        moves, self._moves = self._moves, []
        for move in moves:
            count = await move.finish()
            if isinstance(move.new, DiskQueue):
                move.new.let_go()
            else:
                worker = self._workers.pop(move.name)
                self._leaving.add(worker)
                self._tasks.start(self._leave(move.name, worker), f"end {move.name}")
            if count:
                kind = "disk" if isinstance(move.new, DiskQueue) else "memory"
                self._environment.log.emit(QueueMoved(move.name, kind, count))

    async def _leave(self, name: str, worker: DiskWorker) -> None:
        """Delete a file as soon as nobody needs it."""
        while worker.queue.count:  # noqa: ASYNC110
            # A queue knows no events; it is looked at.
            await asyncio.sleep(_EMPTY_STEP_S)
        self._leaving.discard(worker)
        removal = asyncio.get_running_loop().create_task(self._remove(name, worker))
        self._removals.add(removal)  # which a stop must not cut short
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, name: str, worker: DiskWorker) -> None:
        await worker.close()
        self._hide(worker.file.path)
        try:
            self._files.forget(name, worker.file.path)
        except OSError as error:
            event = DiskBufferNotRemoved(worker.filename, error.strerror or "")
            self._environment.log.emit(event)

    async def undo_moves(self) -> None:
        """Go on with the old queues: nothing was pushed into the new ones."""
        moves, self._moves = self._moves, []
        for move in moves:
            self._queues[move.name] = move.old
            if isinstance(move.new, DiskQueue):
                worker = self._workers.pop(move.name)
                await worker.close()
                self._hide(worker.file.path)
                self._files.used.discard(worker.file.path.absolute())

    def _show(self, name: str, path: Path) -> None:
        """Register the queue's gauges."""
        metrics = self._environment.metrics
        worker = self._workers[name]
        queue = worker.queue
        labels = {"path": str(path)}
        capacity = metrics.gauge("disk_queue_capacity_bytes", labels)
        allocated = metrics.gauge("disk_queue_disk_allocated_bytes", labels)
        used = metrics.gauge("disk_queue_disk_usage_bytes", labels)
        memory = metrics.gauge("disk_queue_memory_usage_bytes", labels)
        events = metrics.gauge("disk_queue_events", labels)
        processed = metrics.counter("disk_queue_processed_events_total", labels)
        commits = metrics.counter("disk_queue_commits_total", labels)
        trouble = metrics.gauge("disk_queue_trouble", labels)

        def refresh() -> None:
            capacity.value = queue.limits.capacity_bytes
            allocated.value = path.stat().st_size if path.exists() else 0
            used.value = queue.stored.size_bytes
            memory.value = queue.memory_bytes
            events.value = queue.count
            processed.value = queue.ledger.accepted
            commits.value = worker.commit_count
            trouble.value = worker.trouble
            self._show_room(path.parent)

        metrics.on_read(refresh)
        self._refreshers[path] = refresh

    def _show_room(self, folder: Path) -> None:
        """Show how much more the file system takes from us."""
        with contextlib.suppress(OSError):
            found = os.statvfs(folder)
            room = self._environment.metrics.gauge(
                "disk_queue_dir_available_bytes", {"dir": str(folder)}
            )
            room.value = found.f_frsize * found.f_bavail

    # -- files that nobody empties ---------------------------------------------

    def report_abandoned(self) -> None:
        """Say which queue files hold messages that nobody delivers."""
        for path, owner, count in self._files.abandoned():
            self._report_abandoned(path, owner, count)
        for path in self._files.unreadable():
            self._environment.log.emit(DiskBufferUnknown(str(path)))

    def _report_abandoned(self, path: Path, owner: str, count: int) -> None:
        environment = self._environment
        environment.log.emit(DiskBufferAbandoned(str(path), owner, count))
        labels = {"abandoned": "true", "path": str(path)}
        environment.metrics.gauge("disk_queue_events", labels).value = count
        allocated = environment.metrics.gauge("disk_queue_disk_allocated_bytes", labels)
        allocated.value = path.stat().st_size

    async def adopt(self, path: Path, push: Callable[[RecordBatch], PushResult]) -> int:
        """
        Deliver an abandoned file through ``push``; return how many messages it has.

        Goes on in the background. Raises ``QueueError`` and ``StateError`` when the
        file cannot be used.
        """
        path = path.absolute()
        if path in self._files.used or any(
            path == item.path for item in self._adoptions
        ):
            raise StateError("it is in use already")
        if owner_of(path) is None:
            raise StateError("this is no queue file, or a damaged one")
        adoption = Adoption(path, push, self._environment.log)
        self._adoptions.add(adoption)
        try:
            await adoption.open()
        except BaseException:
            self._adoptions.discard(adoption)
            raise
        self._tasks.start(self._adopt(adoption), f"adopt {path}")
        return adoption.count

    async def _adopt(self, adoption: Adoption) -> None:
        await adoption.run()
        self._adoptions.discard(adoption)

    async def close(self) -> None:
        """Save what is in memory and close all files."""
        await self._tasks.cancel()
        await asyncio.gather(*self._removals)
        workers = [*self._workers.values(), *self._leaving]
        await asyncio.gather(*(self._save(worker) for worker in workers))
        for adoption in self._adoptions:
            await adoption.close()
        self._files.unlock()

    async def _save(self, worker: DiskWorker) -> None:
        await worker.close()
        self._report(worker, "save")

    async def retire(self, name: str) -> None:
        """
        Forget a queue whose destination is no longer configured.

        A file with messages goes on the abandoned list; what is still in memory is in
        the dropped column from now on.
        """
        queue = self._queues.pop(name)
        queue.rewind()
        worker = self._workers.pop(name, None)
        if worker is not None:
            await worker.close()
            path = worker.file.path
            self._hide(path)
            self._files.used.discard(path.absolute())
            if queue.count:
                self._report_abandoned(path, name, queue.count)
            return
        while (lease := queue.peek(1 << 20, 1 << 20)) is not None:
            queue.drop(lease.token, "destination-removed")

    def _hide(self, path: Path) -> None:
        """Take the gauges of a queue back."""
        metrics = self._environment.metrics
        metrics.forget(self._refreshers.pop(path))
        for series in tuple(metrics):
            if series.labels == (("path", str(path)),):
                metrics.discard(series.name, dict(series.labels))

    def __iter__(self) -> Iterator[tuple[str, Queue]]:
        """Iterate over names and queues."""
        return iter(tuple(self._queues.items()))


def _limit(queue: MemoryQueue, options: DestinationOptions) -> None:
    """Bound a queue by records and by bytes."""
    queue.count_limit = options.log_fifo_size
    least_bytes = max(QUEUE_BYTES_MIN, QUEUE_RECORD_BYTES * options.log_fifo_size)
    queue.bytes_limit = options.log_fifo_bytes or least_bytes


def limits_of(options: DiskBufferOptions) -> DiskLimits:
    """Return what ``disk-buffer()`` demands."""
    return DiskLimits(
        capacity_bytes=max(options.capacity_bytes, CAPACITY_BYTES_MIN),
        is_reliable=options.reliable,
        memory_bytes_max=options.flow_control_window_bytes,
        memory_count_max=options.front_cache_size,
    )
