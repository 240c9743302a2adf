"""
The ``python()`` destination: a queue, and a thread in which a class delivers from it.

The class may block as long as it likes: only its own queue waits. A record leaves the
queue when the class says that it is delivered. A call that never returns is left behind
at a stop or reload, with its thread; its records are in the queue still.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from logferry.codegen.python.classes import SendResult
from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.config.nodes import TemplateText
from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.python.component import Component, Delivery
from logferry.destinations.python.events import (
    PythonDestinationBlocked,
    PythonDestinationFailed,
    PythonDestinationNotConnected,
)
from logferry.destinations.python.options import PythonDestinationOptions
from logferry.destinations.python.thread import PatientThread
from logferry.errors import StateError
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

BLOCKED_S: Final = 10.0
"""A call that takes longer is reported, and shown as ``blocked``."""


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
        self._component = Component(self._options, environment.clock)
        self._tasks = Tasks(environment.log)
        self._thread: PatientThread | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._blocked: tuple[str, float] | None = None  # the call that was reported
        self._trouble = ""
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._error_count = 0
        self._failures = environment.metrics.counter(
            "python_failures_total",
            {"class": self._options.class_, "kind": "destination"},
        )
        self._call_seconds = environment.metrics.gauge(
            "python_call_seconds", {"class": self._options.class_, "driver": self.id}
        )

    async def start(self) -> None:
        """Begin to deliver."""
        self._thread = PatientThread(self.id)
        self._environment.metrics.on_read(self._refresh)
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
        assert self._thread is not None
        records = lease.batch.records()
        self._watch_call()
        try:
            delivery = await self._thread.run(partial(self._component.deliver, records))
        except asyncio.CancelledError:
            self._queue.rewind(lease.token)
            raise
        finally:
            if self._watch is not None:
                self._watch.cancel()
        return self._settle(lease, len(records), delivery)

    def _settle(self, lease: Lease, count: int, delivery: Delivery) -> bool:
        done, verdict = delivery.done_count, delivery.verdict
        self._trouble = ""
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
        self._trouble = delivery.error or "it is not connected"
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
        if self._thread is None:
            return
        if grace_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_idle.wait(), grace_s)
        await self._tasks.cancel()
        self._thread.close(self._component.close)
        self._thread = None
        self._environment.metrics.forget(self._refresh)
        self._call_seconds.value = 0

    # -- what operators see ----------------------------------------------------------

    def _watch_call(self) -> None:
        """Report a call that lasts too long, once."""
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(BLOCKED_S, self._look)

    def _look(self) -> None:
        self._watch_call()
        call = self._component.call
        lasted_s = self._lasted(self._environment.clock())
        if call is None or call is self._blocked or lasted_s < BLOCKED_S:
            return
        self._blocked = call
        event = PythonDestinationBlocked(
            self.id, self._options.class_, call[0], f"{lasted_s:.0f}"
        )
        self._environment.log.emit(event)

    def _lasted(self, now: float) -> float:
        """Return how long the call has lasted that is running, in seconds."""
        call = self._component.call
        return 0.0 if call is None else now - call[1]

    def _refresh(self) -> None:
        self._call_seconds.value = self._lasted(self._environment.clock())

    def describe(self, now: float) -> dict[str, object]:
        """Return the class's state for ``ctl pool``; durations in seconds."""
        call, lasted_s = self._component.call, self._lasted(now)
        state, why, since_s = "up", "", None
        if call is not None and lasted_s >= BLOCKED_S:
            state, why, since_s = "blocked", f"{call[0]}() does not return", lasted_s
        elif self._trouble:
            state, why = "failed", self._trouble
        return {
            "state": state,
            "reason": why or "as configured",
            "current": self._options.class_,
            "queued": self._queue.waiting_count,
            "in_flight": self._queue.count - self._queue.waiting_count,
            "servers": [
                {
                    "name": self._options.class_,
                    "is_current": True,
                    "state": state,
                    "since_s": since_s,
                    "why": why,
                }
            ],
        }

    def server_names(self) -> tuple[str, ...]:
        """Return the name of the class."""
        return (self._options.class_,)

    def drain(self, name: str) -> None:
        """Refuse: there is nothing else to deliver with."""
        raise StateError(f"{name} is the only one")

    def undrain(self, name: str) -> None:
        """Do nothing: it is never drained."""


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
