"""The contract of source drivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from logferry.config.nodes import Spec
from logferry.config.schema import Options
from logferry.message.batch import Receipt
from logferry.message.model import Message, Origin
from logferry.runtime.environment import Environment
from logferry.syslog.reception import Reception

__all__ = ["Inheriting", "Intake", "Reloadable", "Source", "SourceKind"]


class Intake(Protocol):
    """
    Where a source puts what it read: the program and the queues behind it.

    Every call returns the receipt of the chunk: it is settled when the last queue
    that matters for this source took responsibility (at once without flow control);
    ``on_settled`` is called with it then, maybe before the call returns.
    """

    @property
    def is_flow_controlled(self) -> bool:
        """Tell whether a full queue may hold the source back."""
        ...

    def lines(
        self, chunk: bytes, origin: Origin, on_settled: Callable[[Receipt], None] = ...
    ) -> Receipt:
        """Take complete lines: see ``pipeline.batch_function.Program.lines``."""
        ...

    def frames(
        self,
        frames: list[bytes],
        origin: Origin,
        on_settled: Callable[[Receipt], None] = ...,
    ) -> Receipt:
        """Take frames."""
        ...

    def messages(
        self, messages: list[Message], on_settled: Callable[[Receipt], None] = ...
    ) -> Receipt:
        """Take messages."""
        ...


class Source(Protocol):
    """
    One running source driver.

    Made by its ``create(spec, environment, intake)``.
    """

    id: str

    async def start(self) -> None:
        """Bind, open, begin to read. Raises ``TransportError`` when it cannot."""
        ...

    async def stop(self) -> None:
        """Stop reading, close."""
        ...


@runtime_checkable
class Inheriting(Protocol):
    """A source that can go on with what a source of the old configuration holds."""

    def inherit(self, old: Source) -> bool:
        """
        Take over listener and connections of ``old``; called before ``start``.

        Returns false, and takes nothing, when the two have not the same address.
        """
        ...


@runtime_checkable
class Reloadable(Protocol):
    """A driver that does something at a reload although it did not change."""

    def on_reload(self) -> None:
        """Do what the options want (``keep-alive(no)``: close the connections)."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """
    What the program knows of a source driver.

    Attributes:
        options: its options class.
        reception: how its frames are parsed.
        create: makes a driver that feeds an intake.
        runs_everywhere: every worker process runs one; others only the first.
        is_acknowledged: it keeps a position that moves only with deliveries.
        persist_name: the name its position is kept under, if it keeps one.
        check: raises ``LogferryError`` when files it needs cannot be used; asked at a
            reload, before anything that runs is touched.

    """

    options: type[Options]
    reception: Callable[[Spec], Reception]
    create: Callable[[Spec, Environment, Intake], Source]
    is_acknowledged: bool = False
    runs_everywhere: bool = False
    persist_name: Callable[[Spec], str] | None = None
    check: Callable[[Spec, Environment], None] | None = None
