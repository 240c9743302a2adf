"""The seam between sources and queues: a compiled program as seen from outside."""

from __future__ import annotations

from typing import Protocol

from logferry.message.batch import Receipt, RecordBatch
from logferry.message.model import Message, Origin, UnixNanos

__all__ = ["Keeper", "Outputs", "Program"]

Outputs = tuple[tuple[RecordBatch, ...], ...]
"""One entry per output of the program, in order; each with its batches (by key)."""


class Keeper(Protocol):
    """What may keep messages of a program back, and give them later."""

    holds: bool
    """Whether messages end here, and others go on in their place."""

    def claim(self, receipt: Receipt) -> None:
        """
        Take the receipt of what the program was just given, if something was kept.

        Called after each of the three entries of the program.
        """
        ...

    def take_released(self) -> list[Receipt]:
        """Return what waits for the delivery of what the program just gave."""
        ...


class Program(Protocol):
    """
    The compiled log paths of one source driver.

    The three entries do the same for three forms of input and return the records
    for each output (``outputs`` names the destination drivers' ids in order). They
    never raise for anything that stands in the input.
    """

    outputs: tuple[str, ...]
    flow_controlled: tuple[bool, ...]  # of each output, for this source
    source: str  # the generated code

    @property
    def correlators(self) -> tuple[Keeper, ...]:
        """What keeps messages back on the way; nothing as a rule."""
        ...

    def explain(self) -> str:
        """Return the form that was chosen, and why."""
        ...

    def lines(
        self, chunk: bytes, origin: Origin, now: UnixNanos
    ) -> tuple[int, Outputs]:
        """
        Run complete lines; return how many there were, too.

        ``chunk`` is what ``syslog.framing`` guarantees: every frame ends with
        ``\\n``, holds no other ``\\n``, no NUL, no ``\\r`` at its end, and is not
        longer than ``log-msg-size()``; there is at least one. Empty lines are
        skipped, but counted.
        """
        ...

    def frames(self, frames: list[bytes], origin: Origin, now: UnixNanos) -> Outputs:
        """Run frames that may hold anything (octet-counted, datagrams, files)."""
        ...

    def messages(self, messages: list[Message], now: UnixNanos) -> Outputs:
        """Run messages that exist already (internal, generators, Python code)."""
        ...
