"""
The ``python()`` destination: a queue, and a thread in which a class delivers from it.

The class may block as long as it likes: only its own queue waits. A record leaves the
queue when the class says that it is delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from logferry.codegen.python.classes import SendResult
from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.config.nodes import TemplateText
from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.python.component import Component, Delivery
from logferry.destinations.python.events import (
    PythonDestinationFailed,
    PythonDestinationNotConnected,
)
from logferry.destinations.python.options import PythonDestinationOptions
from logferry.limits import LEASE_BYTES_MAX
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.message.batch import RecordBatch
    from logferry.queues.queue import Lease, PushResult, Queue
    from logferry.runtime.environment import Environment

__all__ = ["KINDS", "PythonDestination"]

_WHOLE = (
    "--scope all-nv-pairs --exclude SOURCE --exclude RAWMSG '--pair' ' pri=$PRI' "
    "'--pair' ' time=$UNIXTIME' '--pair' ' micros=$USEC' '--pair' ' tags=$TAGS' "
    "'--pair' ' offset=$(format-date %z)'"
)


class PythonDestination:
    """
    One running ``python()`` driver.

    Args:
        spec: its configuration.
        environment: the world.
        queue: where records wait.

    """

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._options = cast("PythonDestinationOptions", spec.options)
        self._environment = environment
        self._queue = queue
        self._component = Component(self._options)
        self._tasks = Tasks(environment.log)
        self._executor: ThreadPoolExecutor | None = None
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._error_count = 0
        self._failures = environment.metrics.counter(
            "python_failures_total",
            {"class": self._options.class_, "kind": "destination"},
        )

    async def start(self) -> None:
        """Begin to deliver."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=self.id)
        self._queue.on_ready = self._has_work.set
        self._has_work.set()
        self._tasks.start(self._run(), f"python destination {self.id}")

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in."""
        result = self._queue.push(batch)
        self._is_idle.clear()
        self._has_work.set()
        return result

    async def _run(self) -> None:
        while True:
            lease = self._queue.peek(self._options.batch_lines, LEASE_BYTES_MAX)
            if lease is None:
                self._has_work.clear()
                self._is_idle.set()
                await self._has_work.wait()
            elif not await self._deliver(lease):
                await asyncio.sleep(self._options.time_reopen)

    async def _deliver(self, lease: Lease) -> bool:
        """Deliver one lease; false when there should be a pause."""
        loop = asyncio.get_running_loop()
        records = lease.batch.records()
        try:
            delivery = await loop.run_in_executor(
                self._executor, self._component.deliver, records
            )
        except asyncio.CancelledError:
            self._queue.rewind(lease.token)
            raise
        return self._settle(lease, len(records), delivery)

    def _settle(self, lease: Lease, count: int, delivery: Delivery) -> bool:
        done, verdict = delivery.done_count, delivery.verdict
        if done:
            self._error_count = 0
            self._queue.ack(lease.token, done)
        if done == count:
            return True
        if verdict is SendResult.DROP:
            self._queue.drop(lease.token, "python", 1)
        elif verdict is SendResult.ERROR:
            self._error_count += 1
            self._failures.add(1)
            if self._error_count >= self._options.retries:
                self._error_count = 0
                self._queue.dead_letter(lease.token, 1)
        if count - done > 1 or self._is_out(verdict):
            self._queue.rewind(lease.token)
        if verdict is SendResult.DROP:
            return True
        self._report(delivery)
        return False

    def _is_out(self, verdict: SendResult) -> bool:
        """Tell whether the record that went wrong is still in its lease."""
        gave_up = verdict is SendResult.ERROR and not self._error_count
        return not gave_up and verdict is not SendResult.DROP

    def _report(self, delivery: Delivery) -> None:
        class_, pause = self._options.class_, f"{self._options.time_reopen:g}"
        if delivery.method:
            event = PythonDestinationFailed(
                self.id, class_, delivery.method, delivery.error, pause
            )
            self._environment.log.emit(event)
        else:
            self._environment.log.emit(
                PythonDestinationNotConnected(self.id, class_, pause)
            )

    def reopen(self) -> None:
        """Do nothing: there is no file of ours."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, disconnect; the rest stays queued."""
        if self._executor is None:
            return
        if grace_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_idle.wait(), grace_s)
        await self._tasks.cancel()
        self._executor.submit(self._component.close)
        self._executor.shutdown(wait=False)
        self._executor = None


def _rendering(spec: Spec, globals_: Options) -> Rendering:
    del globals_
    options = cast("PythonDestinationOptions", spec.options)
    words = options.value_pairs
    pairs = _WHOLE if words is None else " ".join(map(_quoted, words))
    text = f"$(format-flat-json --leave-initial-dot {pairs})"
    return Rendering(
        form="template",
        template=TemplateText(text, spec.span),
        time=TimeFormat(options.ts_format, options.frac_digits, options.time_zone),
        on_error="fallback-to-string" if words is None else options.on_error,
    )


def _quoted(word: str) -> str:
    quote = "'" if '"' in word else '"'
    return f"{quote}{word}{quote}"


def _queue_name(spec: Spec) -> str:
    options = cast("PythonDestinationOptions", spec.options)
    return f"python({options.persist_name or f'{options.class_},{spec.id}'})"


def _create(spec: Spec, environment: Environment, queue: Queue) -> Destination:
    return PythonDestination(spec, environment, queue)


KINDS = {
    "python": DestinationKind(
        PythonDestinationOptions, _rendering, _queue_name, _create
    )
}
