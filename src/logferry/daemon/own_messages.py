"""
What destinations are given without any source: marks, and counts of repetitions.

* ``mark-mode()``: ``-- MARK --`` after ``mark-freq()`` seconds in which the destination
  got nothing (``dst-idle``), nothing from this machine (``host-idle``), or anyhow
  (``periodical``).
* ``suppress()``: the summary of what was held back, when its time is over.

Only the first of several worker processes writes marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from logferry.codegen.macros import MacroContext
from logferry.codegen.records import record_function
from logferry.message.batch import RecordBatch
from logferry.message.model import Message, Origin, Stamp
from logferry.message.timestamps import local_offset
from logferry.telemetry.counters import Legacy

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from logferry.config.nodes import Configuration, Spec
    from logferry.pipeline.build import BuildContext
    from logferry.pipeline.program import Program
    from logferry.pipeline.suppression import Suppressor
    from logferry.queues.queue import PushResult
    from logferry.runtime.environment import Environment
    from logferry.telemetry.counters import Counter

__all__ = ["Mark", "OwnMessages", "OwnMessagesPlan", "Writer"]

_LOOK_S: Final = 0.5
_PRI: Final = 5 * 8 + 6  # syslog.info


@dataclass(slots=True)
class Writer:
    """
    How a destination is given one message.

    Attributes:
        record: returns its record and routing key.
        push: takes the batch.

    """

    record: Callable[[Message], tuple[bytes, bytes]]
    push: Callable[[RecordBatch], PushResult]

    def write(self, message: Message) -> None:
        """Give the destination ``message``."""
        record, key = self.record(message)
        self.push(RecordBatch.of([record], key))


class Mark:
    """
    When one destination is due for a mark.

    Args:
        freq_s: ``mark-freq()``.
        watched: counters that stand still while nothing happens; none for
            ``periodical``.
        now: monotonic seconds.

    """

    def __init__(self, freq_s: float, watched: tuple[Counter, ...], now: float) -> None:
        self._freq_s = freq_s
        self._watched = watched
        self._seen = self._total()
        self._since = now

    def _total(self) -> float:
        return sum(counter.value for counter in self._watched)

    def is_due(self, now: float) -> bool:
        """Tell whether it is time; the time begins anew then."""
        total = self._total()
        if total != self._seen:
            self._seen, self._since = total, now
        if now < self._since + self._freq_s:
            return False
        self._since = now
        return True


@dataclass(frozen=True, slots=True)
class OwnMessagesPlan:
    """
    What :class:`OwnMessages` is made from, once the destinations run.

    Attributes:
        destinations: every destination driver.
        context: how their records look, and who holds repetitions back.
        programs: by source driver; they say which destinations it reaches.

    """

    environment: Environment
    configuration: Configuration
    destinations: tuple[Spec, ...]
    context: BuildContext
    programs: Mapping[str, Program]

    def make(
        self, pushes: Mapping[str, Callable[[RecordBatch], PushResult]]
    ) -> OwnMessages:
        """Return what speaks to the destinations whose intakes are ``pushes``."""
        marks = {
            spec.id: mark
            for spec in self.destinations
            if (mark := self._mark(spec)) is not None
        }
        suppressors = self.context.suppressors
        macros = MacroContext(
            host_name=self.context.host_name.encode(), metrics=self.context.metrics
        )
        writers = {
            name: Writer(
                record_function(self.context.renderings[name], macros), pushes[name]
            )
            for name in {*marks, *suppressors}
        }
        return OwnMessages(self.environment, writers, suppressors, marks)

    def _mark(self, spec: Spec) -> Mark | None:
        mode = getattr(spec.options, "mark_mode", "none")
        freq_s = getattr(spec.options, "mark_freq", 0)
        if mode == "global":
            mode = getattr(self.configuration.options, "mark_mode", "none")
        if mode in {"none", "internal"} or not freq_s:
            return None
        watched: tuple[Counter, ...] = ()
        if mode == "dst-idle":
            watched = (self._processed("destination", spec.id),)
        elif mode == "host-idle":
            watched = tuple(
                self._processed("source", name)
                for name, program in self.programs.items()
                if spec.id in program.outputs and self.context.receptions[name].local
            )
        return Mark(freq_s, watched, self.environment.clock())

    def _processed(self, kind: str, driver: str) -> Counter:
        """Return what counts the messages of a statement."""
        group = driver.partition("#")[0]
        return self.environment.metrics.counter(
            "", legacy=Legacy(kind, group, "", "processed")
        )


class OwnMessages:
    """
    Looks twice a second whether a destination is due for something.

    Args:
        writers: by destination driver.
        suppressors: likewise, where there are any.
        marks: likewise.

    """

    def __init__(
        self,
        environment: Environment,
        writers: Mapping[str, Writer],
        suppressors: Mapping[str, Suppressor],
        marks: Mapping[str, Mark],
    ) -> None:
        self._environment = environment
        self._writers = writers
        self._suppressors = suppressors
        self._marks = marks if environment.worker_index == 0 else {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look, if there is anything to look at."""
        if self._suppressors or self._marks:
            self._loop = loop
            self._timer = loop.call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        assert self._loop is not None
        self.look()
        self._timer = self._loop.call_later(_LOOK_S, self._look_again)

    def look(self) -> None:
        """Write what is due."""
        now = self._environment.now()
        for name, suppressor in self._suppressors.items():
            summary = suppressor.due(now)
            if summary is not None:
                self._writers[name].write(summary)
        clock = self._environment.clock()
        for name, mark in self._marks.items():
            if mark.is_due(clock):
                self._writers[name].write(self._mark())

    def _mark(self) -> Message:
        now = self._environment.now()
        stamp = Stamp(now, local_offset(now))
        host = self._environment.host_name.encode()
        message = Message(Origin(local=True, host=host), stamp, stamp)
        message.pri = _PRI
        message.host = host
        message.message = b"-- MARK --"
        return message

    def stop(self) -> None:
        """Write the summaries of everything held back, and stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._environment.now()
        for name, suppressor in self._suppressors.items():
            summary = suppressor.finish(now)
            if summary is not None:
                self._writers[name].write(summary)
