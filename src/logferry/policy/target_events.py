"""What the balancer has to say; the sentences are the reference's."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["TargetFailed", "TargetPardoned", "TargetRecovered"]


@record
class TargetFailed(Event):
    """A target is not used until it is tried again."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Load balancer target failed, removing from rotation"

    url: str
    reason: str
    retry_after_s: str


@record
class TargetRecovered(Event):
    """A target that had failed takes batches again."""

    text: ClassVar[str] = "Load balancer target recovered, adding back to rotation"

    url: str


@record
class TargetPardoned(Event):
    """A target was suspected, but the request was to blame."""

    text: ClassVar[str] = (
        "Load balancer target was not to blame, adding back to rotation"
    )

    url: str
