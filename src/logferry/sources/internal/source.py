"""
The ``internal()`` source: our own events as messages.

Facility syslog, severity of the event, PROGRAM ``syslog-ng`` (what filters of existing
configurations look for), our own PID. Events are collected and delivered once per turn
of the event loop; a bounded backlog keeps what came before the source existed, or
while it is held back. What an event says is there by name, too: the server of a switch
is ``${.event.server}``. Messages that correlations make (``inject-mode(internal)``)
come along.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING, cast

from logferry.config.kinds import Integer
from logferry.config.schema import Option
from logferry.message.copying import copy_message
from logferry.message.model import Message, Origin, Stamp
from logferry.message.timestamps import local_offset
from logferry.sources.base import SourceKind
from logferry.sources.options import SourceOptions
from logferry.syslog.reception import Reception
from logferry.telemetry.counters import Kind, Legacy
from logferry.telemetry.events import Event, render

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake

__all__ = ["KINDS", "InternalSource", "InternalSourceOptions"]

_FACILITY_SYSLOG = 5


class InternalSourceOptions(SourceOptions):
    """``internal()``."""

    title = "source internal"

    log_fifo_size = Option(
        Integer(minimum=1),
        10_000,
        doc="Events that wait while the source is held back; more are dropped.",
        unit="messages",
    )


class InternalSource:
    """The running ``internal()`` driver; subscribes to the log."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        options = cast("InternalSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._tags = [tag.encode() for tag in options.tags]
        self._backlog: deque[Message] = deque(maxlen=options.log_fifo_size)
        self._host = environment.host_name.encode()
        self._origin = Origin(source=spec.id.encode(), host=self._host, local=True)
        self._pid = str(os.getpid()).encode()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        self._counters = {
            result: environment.metrics.counter(
                "internal_events_total",
                {"result": result},
                legacy=Legacy("global", "internal_source", "", result),
                kind=Kind.GAUGE if result == "queued" else Kind.COUNTER,
            )
            for result in ("dropped", "processed", "queued")
        }
        self._length = environment.metrics.gauge(
            "", legacy=Legacy("global", "internal_queue_length", "", "processed")
        )
        capacity = environment.metrics.gauge("internal_events_queue_capacity")
        capacity.value = options.log_fifo_size

    async def start(self) -> None:
        """Begin to deliver, with what the log remembers from before."""
        self._loop = asyncio.get_running_loop()
        self._environment.log.subscribe(self.on_event)
        self._environment.inbox.subscribe(self.on_message)

    def on_event(self, event: Event) -> None:
        """Take one event."""
        self._take(self._message(event))

    def on_message(self, message: Message) -> None:
        """Take a message that a correlation made."""
        message = copy_message(message)
        message.tags += [tag for tag in self._tags if tag not in message.tags]
        self._take(message)

    def _take(self, message: Message) -> None:
        if len(self._backlog) == self._backlog.maxlen:
            self._counters["dropped"].value += 1  # the oldest
        self._backlog.append(message)
        self._counters["queued"].value = self._length.value = len(self._backlog)
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._flush)

    def _message(self, event: Event) -> Message:
        now = self._environment.now()
        stamp = Stamp(now, local_offset(now))
        message = Message(self._origin, stamp, stamp)
        message.pri = _FACILITY_SYSLOG * 8 + int(event.level)
        message.host = self._host
        message.program = b"syslog-ng"
        message.pid = self._pid
        message.message = render(event).encode("utf-8", "replace")
        message.tags = list(self._tags)
        for name, value in event.tags():
            message.values[f".event.{name}"] = value.encode("utf-8", "replace")
        return message

    def _flush(self) -> None:
        self._is_scheduled = False
        messages = list(self._backlog)
        self._backlog.clear()
        if messages:
            self._counters["queued"].value = self._length.value = 0
            self._counters["processed"].value += len(messages)
            self._intake.messages(messages)

    async def stop(self) -> None:
        """Deliver what waits and stop listening to the log."""
        self._environment.log.unsubscribe(self.on_event)
        self._environment.inbox.unsubscribe(self.on_message)
        self._flush()
        self._loop = None


def _reception(spec: Spec) -> Reception:
    del spec
    return Reception(local=True, keep_hostname=True)


KINDS = {
    "internal": SourceKind(
        InternalSourceOptions, _reception, InternalSource, runs_everywhere=True
    )
}
