"""The contract of destination drivers."""

from __future__ import annotations

from typing import Protocol

from logferry.message.batch import RecordBatch
from logferry.queues.queue import PushResult

__all__ = ["Destination"]


class Destination(Protocol):
    """
    One running destination driver: a queue and what empties it.

    Made by its ``create(spec, environment)``; lives between ``start`` and ``stop``.
    """

    id: str

    async def start(self) -> None:
        """Begin to deliver; must not fail because a peer is away."""
        ...

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in; called from the event loop, never blocks."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Deliver what is queued for at most ``grace_s``, save the rest, close."""
        ...

    def reopen(self) -> None:
        """Reopen files (USR1)."""
        ...
