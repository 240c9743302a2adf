"""
A net under compiled programs: a fault of ours costs one message, not a chunk.

Programs do not raise for anything that stands in their input. Should one do so all the
same, that is a fault of logferry, and the person on call needs two things: everything
else goes on, and the message that did it is in the log. So what was given is run again
piece by piece; pieces that fail again are counted (``processing_faults_total``), said
in the log with the error, and end there.

What a program changed before it failed (counters, messages of our own making) may be
changed twice; nothing that it printed has left it by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from logferry.records import record
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Message, Origin, UnixNanos
    from logferry.pipeline.program import Keeper, Outputs, Program
    from logferry.telemetry.counters import Counter
    from logferry.telemetry.events import EventLog

__all__ = ["GuardedProgram", "ProcessingFailed"]

_SHOWN: Final = 200
"""Bytes of a message that are shown in the log."""


@record
class ProcessingFailed(Event):
    """The compiled log paths raised for a message; that is a fault of logferry."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "A message could not be processed and is dropped; please report this fault"
    )
    source: str
    error: str
    message: str


class GuardedProgram:
    """
    A program that does not raise.

    Args:
        program: what is run.
        name: the source driver, for the log.
        log: where faults are said.
        faults: counts them.

    """

    def __init__(
        self, program: Program, name: str, log: EventLog, faults: Counter
    ) -> None:
        self.outputs = program.outputs
        self.flow_controlled = program.flow_controlled
        self.source = program.source
        self._program = program
        self._name = name
        self._log = log
        self._faults = faults

    @property
    def correlators(self) -> tuple[Keeper, ...]:
        """What keeps messages back on the way."""
        return self._program.correlators

    def explain(self) -> str:
        """Return the form that was chosen, and why."""
        return self._program.explain()

    def lines(
        self, chunk: bytes, origin: Origin, now: UnixNanos
    ) -> tuple[int, Outputs]:
        """Run complete lines."""
        try:
            return self._program.lines(chunk, origin, now)
        except Exception:
            frames = chunk.split(b"\n")[:-1]
            return len(frames), self._frame_by_frame(frames, origin, now)

    def frames(self, frames: list[bytes], origin: Origin, now: UnixNanos) -> Outputs:
        """Run frames."""
        try:
            return self._program.frames(frames, origin, now)
        except Exception:
            return self._frame_by_frame(frames, origin, now)

    def messages(self, messages: list[Message], now: UnixNanos) -> Outputs:
        """Run messages."""
        try:
            return self._program.messages(messages, now)
        except Exception:
            return self._one_by_one(
                lambda index: self._program.messages([messages[index]], now),
                [item.message for item in messages],
            )

    def _frame_by_frame(
        self, frames: list[bytes], origin: Origin, now: UnixNanos
    ) -> Outputs:
        return self._one_by_one(
            lambda index: self._program.frames([frames[index]], origin, now), frames
        )

    def _one_by_one(self, run: Callable[[int], Outputs], texts: list[bytes]) -> Outputs:
        """Run one piece after the other; join what those print that work."""
        printed: list[Outputs] = []
        for index, text in enumerate(texts):
            try:
                printed.append(run(index))
            except Exception as error:
                self._faults.add(1)
                shown = text[:_SHOWN].decode("utf-8", "backslashreplace")
                cause = f"{type(error).__name__}: {error}"
                self._log.emit(ProcessingFailed(self._name, cause, shown))
        return tuple(
            tuple(batch for outputs in printed for batch in outputs[index])
            for index in range(len(self.outputs))
        )
