"""The contract of destination drivers, and what the program knows of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from logferry.codegen.rendering import Rendering
from logferry.config.nodes import Spec
from logferry.config.schema import Options
from logferry.message.batch import RecordBatch
from logferry.queues.queue import PushResult, Queue
from logferry.runtime.environment import Environment

__all__ = ["Destination", "DestinationKind", "Heir", "Pooled", "Single"]


class Destination(Protocol):
    """
    One running destination driver: a queue and what empties it.

    Lives between ``start`` and ``stop``.
    """

    id: str

    async def start(self) -> None:
        """Begin to deliver; must not fail because a peer is away."""
        ...

    def push(self, batch: RecordBatch) -> PushResult:
        """
        Take records in; called from the event loop, never blocks.

        May be called before ``start``, when a reload makes the destination: records
        wait in the queue then.
        """
        ...

    async def stop(self, grace_s: float) -> None:
        """Deliver what is queued for at most ``grace_s``, save the rest, close."""
        ...

    def reopen(self) -> None:
        """Reopen files (USR1)."""
        ...


@runtime_checkable
class Heir(Protocol):
    """A destination that can go on where one of the old configuration was."""

    def inherit(self, old: Destination) -> None:
        """Remember which server ``old`` used; called before ``start``."""
        ...


@runtime_checkable
class Pooled(Protocol):
    """A destination with several servers or targets, as operators see and steer it."""

    def describe(self, now: float) -> dict[str, object]:
        """Return state and members for ``ctl pool``; durations in seconds."""
        ...

    def server_names(self) -> tuple[str, ...]:
        """Return the names of all members."""
        ...

    def drain(self, name: str) -> None:
        """Send nothing new to a member. Raises ``StateError`` for the last one."""
        ...

    def undrain(self, name: str) -> None:
        """Let a member be used again."""
        ...


@runtime_checkable
class Single(Protocol):
    """A destination without members that can tell what is the matter with it."""

    @property
    def trouble(self) -> str:
        """Why nothing is delivered at the moment; empty while all is well."""
        ...


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """
    What the program knows of a destination driver.

    Attributes:
        options: its options class.
        rendering: how its records look; gets the global options too.
        queue_name: the stable name its queue is kept under when there is no
            ``persist-name()``, such as ``afsocket_dd_qfile(stream,host:514)``.
        create: makes a driver on a queue.

    """

    options: type[Options]
    rendering: Callable[[Spec, Options], Rendering]
    queue_name: Callable[[Spec], str]
    create: Callable[[Spec, Environment, Queue], Destination]
