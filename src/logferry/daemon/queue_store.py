"""
The queues of the running program, by the name they are kept under.

A queue outlives the driver that empties it: when a reload replaces the driver, the
new one with the same name goes on with the same queue. A disk queue outlives the
process: the persist store remembers the file of each name, and every file remembers
its owner, so that either finds the other when one is lost.

Changed options never strand records. Another ``dir()`` is used once the old file is
empty; ``reliable()`` may change at any time, the file is the same; a queue with
records goes on even when its ``disk-buffer()`` was taken out of the configuration.
Only a file whose destination is gone is *abandoned*: it is reported, and waits to be
adopted or purged (``logferry queue``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from logferry.daemon.adoption import Adoption
from logferry.daemon.instance import InstanceLock
from logferry.destinations.options import CAPACITY_BYTES_MIN
from logferry.errors import StateError, StorageFailed
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.files import find_queue_files, owner_of, remove_queue_file
from logferry.queues.memory import MemoryQueue
from logferry.queues.recovery import open_storage, recover
from logferry.runtime.disk_worker import DiskWorker, report_found
from logferry.runtime.tasks import Tasks
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logferry.config.nodes import Spec
    from logferry.destinations.options import DestinationOptions, DiskBufferOptions
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["QueueStore"]

_STATE_PREFIX = "queue/"
_WORKER_FOLDER = re.compile(r"worker-\d+")  # daemon/crew.py
_DIR_LOCK = "logferry-disk-buffer.dirlock"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class DiskBufferAbandoned(Event):
    """A queue file belongs to no destination of the configuration."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Abandoned disk-buffer file found"

    filename: str
    owner: str
    number_of_messages: int


@dataclass(frozen=True, slots=True)
class DiskBufferElsewhere(Event):
    """The file is not in the configured folder."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Disk-buffer file holds messages in another folder than configured,"
        " using it until it is empty"
    )

    filename: str
    dir: str


@dataclass(frozen=True, slots=True)
class DiskBufferLater(Event):
    """A reload added ``disk-buffer()`` to a destination whose memory is not empty."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "disk-buffer() begins at the next start, or at a reload while nothing waits"
    )

    driver: str
    waiting: int


class QueueStore:
    """Makes queues and finds them again."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._queues: dict[str, Queue] = {}
        self._workers: dict[str, DiskWorker] = {}
        self._locks: dict[Path, InstanceLock] = {}
        self._adoptions: set[Adoption] = set()
        self._tasks = Tasks(environment.log)
        self._refreshers: dict[Path, Callable[[], None]] = {}

    def queue(self, name: str, spec: Spec) -> Queue:
        """
        Return the queue called ``name``, made for ``spec`` if it is new.

        Must be called in the event loop. Raises ``StorageFailed`` when a file cannot
        be used, and ``AlreadyRunning`` when another process uses its folder.
        """
        options = cast("DestinationOptions", spec.options)
        buffer = cast("DiskBufferOptions | None", options.disk_buffer)
        queue = self._queues.get(name)
        if queue is None or (
            isinstance(queue, MemoryQueue) and buffer is not None and not queue.count
        ):
            queue = self._queues[name] = (
                MemoryQueue(options.log_fifo_size)
                if buffer is None
                else self._open(name, buffer)
            )
        elif isinstance(queue, MemoryQueue):
            queue.count_limit = options.log_fifo_size
            if buffer is not None:
                self._environment.log.emit(DiskBufferLater(spec.id, queue.count))
        elif isinstance(queue, DiskQueue) and buffer is not None:
            queue.limits = limits_of(buffer)
            self._workers[name].set_synchronous(is_synchronous(buffer))
        return queue

    def _open(self, name: str, options: DiskBufferOptions) -> DiskQueue:
        folder = self._folder(options)
        try:
            self._lock(folder)
            path = self._path(name, folder, is_reliable=options.reliable)
            storage, found = open_storage(
                path,
                name,
                is_synchronous=is_synchronous(options),
                shrink_ratio=options.truncate_size_ratio,
            )
        except OSError as error:
            raise StorageFailed(
                f"cannot use the folder {folder} of a disk-buffer: {error.strerror}"
            ) from None
        log = self._environment.log
        report_found(log, str(path), found)
        queue = DiskQueue(limits_of(options), found.totals)
        queue.ledger.accepted += found.lost_count
        queue.ledger.dropped["damaged"] += found.lost_count
        self._workers[name] = DiskWorker(
            queue,
            storage,
            partial(recover, path, owner=name),
            log,
        )
        self._environment.state.put(_STATE_PREFIX + name, bytes(path.absolute()))
        self._report(name, "load")
        self._show(name, path)
        return queue

    def _folder(self, options: DiskBufferOptions) -> Path:
        """Return where the file is kept: a folder for each worker process."""
        state_dir = self._environment.state_dir
        if not options.dir:
            return state_dir
        is_worker = _WORKER_FOLDER.fullmatch(state_dir.name) is not None
        return Path(options.dir, state_dir.name) if is_worker else Path(options.dir)

    def _lock(self, folder: Path) -> None:
        key = folder.resolve()
        if key not in self._locks:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._locks[key] = InstanceLock(folder / _DIR_LOCK)

    def _path(self, name: str, folder: Path, *, is_reliable: bool) -> Path:
        """Return the file that ``name`` has, or the next free one in ``folder``."""
        known = self._environment.state.get(_STATE_PREFIX + name)
        if known is not None:
            path = Path(known.decode("utf-8", "surrogateescape"))
            if path.parent == folder.absolute():
                return path
            if path.exists():
                found = owner_of(path)
                if found is None or found[1].count:
                    event = DiskBufferElsewhere(str(path), str(folder))
                    self._environment.log.emit(event)
                    self._lock(path.parent)
                    return path
                remove_queue_file(path)
        used = {worker.storage.path for worker in self._workers.values()}
        for path in find_queue_files(folder):
            if path not in used:
                found = owner_of(path)
                if found is not None and found[0] == name:
                    return path
        suffix = "rqf" if is_reliable else "qf"
        number = 0
        while any(folder.glob(f"syslog-ng-{number:05}.*")):
            number += 1
        return folder / f"syslog-ng-{number:05}.{suffix}"

    def _report(self, name: str, operation: str) -> None:
        worker = self._workers[name]
        kind = (
            DiskBufferLoaded
            if worker.queue.limits.is_reliable
            else PlainDiskBufferLoaded
        )
        self._environment.log.emit(kind(operation, worker.filename, worker.queue.count))

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

        def refresh() -> None:
            capacity.value = queue.limits.capacity_bytes
            allocated.value = path.stat().st_size if path.exists() else 0
            used.value = queue.stored.size_bytes
            memory.value = queue.memory_bytes
            events.value = queue.count
            processed.value = queue.ledger.accepted
            commits.value = worker.storage.commit_count

        metrics.on_read(refresh)
        self._refreshers[path] = refresh

    def report_abandoned(self) -> None:
        """Say which queue files hold messages that nobody delivers."""
        used = {worker.storage.path.absolute() for worker in self._workers.values()}
        folders = {self._environment.state_dir.resolve(), *self._locks}
        for folder in sorted(folders):
            for path in find_queue_files(folder):
                if path.absolute() in used:
                    continue
                found = owner_of(path)
                if found is not None and found[1].count:
                    self._report_abandoned(path, found[0], found[1].count)

    def _report_abandoned(self, path: Path, owner: str, count: int) -> None:
        environment = self._environment
        environment.log.emit(DiskBufferAbandoned(str(path), owner, count))
        labels = {"abandoned": "true", "path": str(path)}
        environment.metrics.gauge("disk_queue_events", labels).value = count
        allocated = environment.metrics.gauge("disk_queue_disk_allocated_bytes", labels)
        allocated.value = path.stat().st_size

    def adopt(self, path: Path, push: Callable[[RecordBatch], PushResult]) -> int:
        """
        Deliver an abandoned file through ``push``; return how many messages it has.

        Goes on in the background. Raises ``QueueError`` and ``StateError`` when the
        file cannot be used.
        """
        used = {worker.storage.path.absolute() for worker in self._workers.values()}
        if path in used or any(path == item.path for item in self._adoptions):
            raise StateError("it is in use already")
        if owner_of(path) is None:
            raise StateError("this is no queue file, or a damaged one")
        adoption = Adoption(path, push, self._environment.log)
        self._adoptions.add(adoption)
        self._tasks.start(self._adopt(adoption), f"adopt {path}")
        return adoption.count

    async def _adopt(self, adoption: Adoption) -> None:
        await adoption.run()
        self._adoptions.discard(adoption)

    async def close(self) -> None:
        """Save what is in memory and close all files."""
        await self._tasks.cancel()
        for name, worker in self._workers.items():
            await worker.close()
            self._report(name, "save")
        for adoption in self._adoptions:
            await adoption.close()
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()

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
            self._hide(worker.storage.path)
            if queue.count:
                self._report_abandoned(worker.storage.path, name, queue.count)
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


def is_synchronous(options: DiskBufferOptions) -> bool:
    """Tell whether each commit is written through to the disk."""
    return options.reliable and options.durability == "fsync"


def limits_of(options: DiskBufferOptions) -> DiskLimits:
    """Return what ``disk-buffer()`` demands."""
    return DiskLimits(
        capacity_bytes=max(options.capacity_bytes, CAPACITY_BYTES_MIN),
        is_reliable=options.reliable,
        memory_bytes_max=options.flow_control_window_bytes,
        memory_count_max=options.front_cache_size,
    )
