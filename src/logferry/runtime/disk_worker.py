"""
The thread of a disk queue, and when it works.

The event loop takes work from the queue and hands it to the thread; one piece of work
is out at a time, and all pushes meanwhile share the next commit. How long a commit
waits follows from the queue's ``Urgency``.

When the disk refuses, the queue does without what it cannot have, in the order of
``Health``: first nothing is stored any more, then nothing removed, then nothing read;
once a second everything is tried again. Nothing is dropped for it: what is not stored
stays in memory, and the sources wait.

A file that cannot be opened, because the disk is full or read-only, is opened as far as
it can be: what it holds is delivered when it can be read, and a queue that has no file
yet begins in memory.

A file that somebody deletes or replaces while it is in use is noticed at the next
commit, every ``_LOOK_S`` seconds and at the stop, and written anew.

A file that turns out to be damaged is replaced by what can be read of it. That takes
as long as reading and copying it; the event loop goes on meanwhile, and what comes in
waits in memory. A stop does not wait for it: what came in is put beside the damaged
file, and the next start begins again.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

from logferry.errors import CorruptRecord, QueueError, StorageFailed
from logferry.queues.arrived import save_arrived
from logferry.queues.recovery import RecoveryStopped
from logferry.queues.renewal import begin, renew
from logferry.queues.storage import FileGone, NoRoom
from logferry.queues.work import Done, Found, Health, Urgency
from logferry.records import record
from logferry.runtime.tasks import Tasks
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logferry.queues.disk import DiskQueue
    from logferry.queues.storage import Storage
    from logferry.queues.work import Work

__all__ = [
    "DiskBufferDamaged",
    "DiskBufferFailed",
    "DiskBufferInTheWay",
    "DiskBufferNotSaved",
    "DiskBufferRenewed",
    "DiskBufferRowDamaged",
    "DiskBufferWorksAgain",
    "DiskWorker",
    "QueueFile",
    "RecordsLost",
    "RecoveryProgress",
    "RecoveryPutOff",
]

_DELAYS_S = {Urgency.SOON: 0.005, Urgency.LATER: 0.1}
"""
A record whose delivery is under way is written after two of the former at most;
removals are only about duplicates after a crash.
"""

_RETRY_S = 1.0

_LOOK_S = 10.0
"""So often an idle queue looks whether its file is still there."""

_PROGRESS_S = 5.0
"""A recovery that takes longer says how far it is, so often."""


@record
class DiskBufferFailed(Event):
    """The disk does not take or give records now."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Disk-buffer cannot be used now, will try again"

    filename: str
    error: str
    consequence: str


@record
class DiskBufferWorksAgain(Event):
    """The disk works again."""

    text: ClassVar[str] = "Disk-buffer can be used again"

    filename: str


@record
class DiskBufferRenewed(Event):
    """The file was gone, and what it held is in a new one."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Disk-buffer file was deleted or replaced while it was in use; wrote its"
        " messages into a new one. Stop the daemon before you touch its files; to get"
        " rid of messages, stop it and use 'logferry queue purge'"
    )

    filename: str
    number_of_messages: int


@record
class DiskBufferInTheWay(Event):
    """A file was where the queue has to make one."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Another disk-buffer file appeared in the place of this one, it was renamed;"
        " 'logferry queue adopt' delivers it"
    )

    filename: str
    kept_as: str


@record
class DiskBufferDamaged(Event):
    """A queue file had to be replaced."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Disk-buffer file is damaged, setting it aside"

    filename: str
    kept_as: str
    error: str
    recovered: int
    lost: int
    exact: str


@record
class RecoveryProgress(Event):
    """A damaged file is read and copied."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Recovering a damaged disk-buffer file"

    filename: str
    done: str
    error: str


@record
class RecoveryPutOff(Event):
    """The daemon ends before a file is recovered."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Recovery of a disk-buffer file was stopped, the next start begins it again"
    )

    filename: str


@record
class DiskBufferRowDamaged(Event):
    """A row does not match its checksum."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Damaged record batch in disk-buffer file, setting it aside"

    filename: str
    first: int


@record
class RecordsLost(Event):
    """The file was read to its end and held less than it should."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Records lost by damage of the disk-buffer file"

    filename: str
    lost: int


@record
class DiskBufferNotSaved(Event):
    """The daemon ends and the disk does not take what is left."""

    level: ClassVar[Level] = Level.CRITICAL
    text: ClassVar[str] = "Records could not be saved to the disk-buffer at the stop"

    filename: str
    lost: int


_CONSEQUENCES = {
    Health.FULL: "records wait in memory and sources are held back",
    Health.READ_ONLY: "records wait in memory, sources are held back, and delivered"
    " records may be sent again after a crash",
    Health.BROKEN: "records on disk wait",
}


class Recover(Protocol):
    """What ``queues.recovery.recover`` does for one file."""

    def __call__(
        self,
        error: str,
        *,
        is_synchronous: bool,
        on_progress: Callable[[float], None],
    ) -> tuple[Storage, Found]:
        """Open the file, or replace the damaged one."""
        ...


def _ignore() -> None:
    """Nobody waits for the file; its folder needs nothing."""


@dataclass(slots=True)
class QueueFile:
    """
    A queue file, as its worker knows it.

    Attributes:
        path: where it is.
        owner: the name of its queue.
        is_synchronous: each commit is written through to the disk.
        shrink_ratio: see ``queues.storage.Storage``.
        storage: the open file; ``None`` while it is damaged, or was not looked at yet.
        damage: what is wrong with it; empty when that is not known yet.
        refusal: why the disk does not let it be opened; empty when it was not tried.
        is_begun: there is a file already, and perhaps messages in it.

    """

    path: Path
    owner: str
    is_synchronous: bool
    shrink_ratio: float = 1.0
    storage: Storage | None = None
    damage: str = ""
    refusal: str = ""
    is_begun: bool = True


class DiskWorker:
    """
    Does the work of one queue.

    Args:
        queue: whose work it is; it knows what the file holds, if that is open.
        file: owned by the worker from now on.
        recover: opens the file, or replaces it, given the error; called in the thread.
        log: where trouble is reported.
        claim: makes sure that the folder is there, and ours; called in the thread.

    Attributes:
        on_open: called when a file that was not open at first can be used.

    """

    def __init__(
        self,
        queue: DiskQueue,
        file: QueueFile,
        recover: Recover,
        log: EventLog,
        claim: Callable[[], None] = _ignore,
    ) -> None:
        self.queue = queue
        self.file = file
        self._recover = recover
        self._log = log
        self._claim = claim
        self.on_open = _ignore
        self._loop = asyncio.get_running_loop()
        self._thread_name = f"queue {file.path.name}"
        self._thread = ThreadPoolExecutor(1, self._thread_name)
        self._tasks = Tasks(log)
        self._timer: asyncio.Handle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._reported = Health.GOOD
        self._is_closing = False
        self._opens_later = file.storage is None
        self._look: asyncio.TimerHandle | None = None
        self._reported_at = float("-inf")
        queue.on_work = self._on_work
        if file.storage is None and file.is_begun:
            queue.hold()
            self._start_recovery()
        elif file.storage is None:
            self._do_without(Health.FULL, file.refusal)
        elif file.storage.refusal is not None:
            self._do_without(Health.READ_ONLY, str(file.storage.refusal))
        queue.reconsider()
        self._look = self._loop.call_later(_LOOK_S, self._look_after)

    @property
    def filename(self) -> str:
        """The file's path."""
        return str(self.file.path)

    @property
    def storage(self) -> Storage:
        """The open file; there is none while it is recovered."""
        assert self.file.storage is not None
        return self.file.storage

    @property
    def commit_count(self) -> int:
        """How often records were written."""
        return self.file.storage.commit_count if self.file.storage is not None else 0

    @property
    def trouble(self) -> Health:
        """What the disk does not do, since it was last known to do everything."""
        return self._reported

    def _on_work(self, urgency: Urgency) -> None:
        if self._task is not None or self._is_closing:
            return  # asked again when that is done
        if self._timer is not None:
            self._timer.cancel()
        delay_s = _DELAYS_S.get(urgency)
        if delay_s is None:
            # Not before those who deliver have had their turn: what they lease now
            # makes the matter less urgent.
            self._timer = self._loop.call_soon(self._next_turn)
        else:
            self._timer = self._loop.call_later(delay_s, self._begin)

    def _next_turn(self) -> None:
        self._timer = self._loop.call_soon(self._begin_if_urgent)

    def _begin_if_urgent(self) -> None:
        self._timer = None
        if self.queue.urgency() is Urgency.NOW:
            self._begin()
        else:
            self.queue.reconsider()

    def _begin(self) -> None:
        self._timer = None
        work = self.queue.take_work()
        if not work.changes and work.load is None:
            self.queue.on_done(work, Done())
            return
        self._task = self._tasks.start(
            self._perform(work), f"work of {self._thread_name}"
        )

    async def _perform(self, work: Work) -> None:
        try:
            await self._perform_in_thread(work)
        finally:
            self._task = None
        self.queue.reconsider()

    async def _perform_in_thread(self, work: Work) -> None:
        run = self._loop.run_in_executor
        try:
            done = await run(self._thread, self.storage.perform, work)
        except CorruptRecord as error:
            self.queue.on_failed(work)
            await self._replace(str(error))
        except FileGone:
            self.queue.on_failed(work)
            await self._renew()
        except StorageFailed as error:
            self.queue.on_failed(work)
            self._on_refused(work, error)
        else:
            self._on_done(work, done)
            if isinstance(done.error, CorruptRecord):
                await self._replace(str(done.error))
            elif done.error is not None:
                self._do_without(Health.BROKEN, str(done.error))

    def _on_done(self, work: Work, done: Done) -> None:
        has_read = work.load is not None and done.error is None
        if work.inserts or (has_read and self._reported is Health.BROKEN):
            self._note_good()
        for first in done.damaged:
            self._log.emit(DiskBufferRowDamaged(self.filename, first))
        lost = self.queue.ledger.dropped["damaged"]
        self.queue.on_done(work, done)
        lost = self.queue.ledger.dropped["damaged"] - lost
        if lost:
            self._log.emit(RecordsLost(self.filename, lost))

    def _note_good(self) -> None:
        if self._reported is not Health.GOOD:
            self._reported = Health.GOOD
            self._log.emit(DiskBufferWorksAgain(self.filename))

    def _on_refused(self, work: Work, error: StorageFailed) -> None:
        """Find out what the disk still does."""
        detail = str(error)
        if isinstance(error, NoRoom):
            detail = f"No space left on device ({error})"
        health = Health.FULL if work.inserts else Health.READ_ONLY
        if not work.changes:
            health = Health.BROKEN
        self._do_without(health, detail)

    def _do_without(self, health: Health, detail: str) -> None:
        """Do without what the disk refuses, for a while."""
        if health > self._reported:
            self._reported = health
            self._log.emit(
                DiskBufferFailed(self.filename, detail, _CONSEQUENCES[health])
            )
        self.queue.health = health
        if self._retry is None and not self._is_closing:
            self._retry = self._loop.call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        if self._task is not None:
            self._retry = self._loop.call_later(_RETRY_S, self._try_again)
        elif self.file.storage is None:
            self._start_recovery()
        else:
            self._task = self._tasks.start(self._try_out(), f"trial of {self.filename}")

    async def _try_out(self) -> None:
        """Look whether the disk works again, whether or not there is work."""
        try:
            await self._loop.run_in_executor(self._thread, self.storage.try_out)
        except CorruptRecord as error:
            await self._replace(str(error))
        except FileGone:
            await self._renew()
        except StorageFailed as error:
            # Removals and reading may go well all the same.
            self._do_without(Health.FULL, str(error))
        else:
            if self._reported is not Health.BROKEN:  # until something was read
                self._note_good()
            self.queue.health = Health.GOOD
        finally:
            self._task = None
        self.queue.reconsider()

    # -- files that are gone -------------------------------------------------------

    def _look_after(self) -> None:
        """Look whether the file is still there."""
        self._look = self._loop.call_later(_LOOK_S, self._look_after)
        if self._task is None and self.file.storage is not None:
            self._task = self._tasks.start(self._look_once(), f"look {self.filename}")

    async def _look_once(self) -> None:
        try:
            await self._loop.run_in_executor(self._thread, self.storage.check_place)
        except FileGone:
            await self._renew()
        except StorageFailed:
            pass  # who wants to write will hear of it
        finally:
            self._task = None
        self.queue.reconsider()

    async def _renew(self) -> None:
        """Write what the file held into a new one, or try again later."""
        try:
            found = await self._loop.run_in_executor(self._thread, self._renew_file)
        except (QueueError, OSError) as error:
            detail = f"the file was deleted or replaced while it was in use: {error}"
            self._do_without(Health.FULL, detail)
            return
        storage, moved = found
        self.file.storage = storage
        self._log.emit(DiskBufferRenewed(self.filename, storage.totals.count))
        self._report_moved(moved)

    def _renew_file(self) -> tuple[Storage, Path | None]:
        self._claim()
        return renew(self.storage)

    def _report_moved(self, moved: Path | None) -> None:
        if moved is not None:
            self._log.emit(DiskBufferInTheWay(self.filename, str(moved)))

    # -- damaged files -----------------------------------------------------------

    async def _replace(self, error: str) -> None:
        """Go on with a new file that holds what the damaged one still tells."""
        storage = self.storage
        self.file.storage, self.file.damage = None, error
        await self._loop.run_in_executor(self._thread, storage.close)
        await self._open_damaged()

    def _start_recovery(self) -> None:
        self._task = self._tasks.start(
            self._recover_alone(), f"recovery of {self.filename}"
        )

    async def _recover_alone(self) -> None:
        try:
            await self._open_damaged()
        finally:
            self._task = None
        self.queue.reconsider()

    async def _open_damaged(self) -> None:
        """Replace the file, or try again later."""
        file = self.file
        was_begun = file.is_begun
        run = self._loop.run_in_executor
        try:
            storage, found = await run(self._thread, self._open_file)
        except RecoveryStopped:
            self._log.emit(RecoveryPutOff(self.filename))
            return
        except (QueueError, OSError) as failure:
            self._do_without(Health.BROKEN, str(failure))
            return
        storage.shrink_ratio = file.shrink_ratio
        file.storage = storage
        report_found(self._log, self.filename, found)
        if storage.refusal is not None:
            self._do_without(Health.READ_ONLY, str(storage.refusal))
        else:
            self._note_good()
            self.queue.health = Health.GOOD
        if self._opens_later:
            self._opens_later = False
            if was_begun:
                self._let_go(found)
            else:
                self.on_open()

    def _open_file(self) -> tuple[Storage, Found]:
        """Open the file, or make one; called in the thread."""
        file = self.file
        self._claim()
        if file.is_begun:
            return self._recover(
                file.damage,
                is_synchronous=file.is_synchronous,
                on_progress=self._on_progress,
            )
        storage, moved = begin(
            file.path, file.owner, is_synchronous=file.is_synchronous
        )
        if moved is not None:
            self._loop.call_soon_threadsafe(self._report_moved, moved)
        file.is_begun = True
        return storage, Found(storage.totals)

    def _let_go(self, found: Found) -> None:
        """What is in the file comes first; the queue knows of it now."""
        queue = self.queue
        queue.ledger.accepted += found.lost_count
        queue.ledger.dropped["damaged"] += found.lost_count
        queue.set_found(found.totals)
        queue.let_go()
        self.on_open()

    def _on_progress(self, part: float) -> None:
        """Say how far a recovery is; called in the thread."""
        if self._is_closing:
            raise RecoveryStopped
        now = time.monotonic()
        if now < self._reported_at + _PROGRESS_S:
            return
        self._reported_at = now
        event = RecoveryProgress(self.filename, f"{part:.0%}", self.file.damage)
        self._loop.call_soon_threadsafe(self._log.emit, event)

    def set_synchronous(self, is_synchronous: bool) -> None:
        """Write each commit through to the disk from now on, or no longer."""
        self.file.is_synchronous = is_synchronous
        self._thread.submit(self._set_synchronous)

    def set_shrink_ratio(self, ratio: float) -> None:
        """Cut the empty file from now on when more than this part of it is free."""
        self.file.shrink_ratio = ratio
        if self.file.storage is not None:
            self.file.storage.shrink_ratio = ratio

    def _set_synchronous(self) -> None:
        if self.file.storage is not None:
            self.file.storage.set_synchronous(self.file.is_synchronous)

    async def close(self) -> None:
        """Save what is in memory and close the file."""
        self._is_closing = True
        for handle in (self._timer, self._retry, self._look):
            if handle is not None:
                handle.cancel()
        if self._task is not None:
            await self._task
        queue = self.queue
        while queue.is_held:
            queue.let_go()
        queue.health = Health.GOOD
        if self.file.storage is not None:
            await self._look_once()
        queue.close_intake()
        while queue.urgency() is not Urgency.NONE:
            work = queue.take_work()
            if self.file.storage is not None:
                await self._perform_in_thread(work)
            else:
                await self._put_beside(work)
        if queue.unstored_count:
            self._log.emit(DiskBufferNotSaved(self.filename, queue.unstored_count))
        if self.file.storage is not None:
            await self._loop.run_in_executor(self._thread, self.storage.close)
        self._thread.shutdown()

    async def _put_beside(self, work: Work) -> None:
        """Keep what came in beside a file that is not recovered yet."""
        save = partial(save_arrived, self.file.path, self.file.owner, work)
        try:
            await self._loop.run_in_executor(self._thread, save)
        except QueueError as error:
            self.queue.on_failed(work)
            self._do_without(Health.BROKEN, str(error))
        else:
            self.queue.on_done(work, Done())


def report_found(log: EventLog, filename: str, found: Found) -> None:
    """Report a file that had to be recovered."""
    if found.kept_as:
        log.emit(
            DiskBufferDamaged(
                filename,
                found.kept_as,
                found.error,
                found.recovered_count,
                found.lost_count,
                "yes" if found.is_loss_exact else "no",
            )
        )
