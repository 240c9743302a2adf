"""The contract of destination drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from logferry.config.nodes import TemplateText
from logferry.message.batch import RecordBatch
from logferry.queues.queue import PushResult

__all__ = ["Destination", "Rendering"]


@dataclass(frozen=True, slots=True)
class Rendering:
    """
    How a destination wants its records, for the compiler.

    Attributes:
        template: what one record's text is; ``None`` means the default of ``form``.
        form: ``rfc3164`` (``<$PRI>$DATE $HOST $MSGHDR$MSG\\n``), ``rfc5424``
            (the template, if any, replaces MSG), ``file``
            (``$DATE $HOST $MSGHDR$MSG\\n``) or ``template``.
        octet_count: put the length and a space before each record (RFC 6587, 3.4.1).
        key: template of the routing key (file name, URL, partition key), if any.

    """

    template: TemplateText | None = None
    form: str = "rfc3164"
    octet_count: bool = False
    key: TemplateText | None = None


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
