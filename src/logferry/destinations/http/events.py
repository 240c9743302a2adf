"""What the ``http()`` destination has to say; texts are the reference's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = [
    "AlternativeTarget",
    "BatchDropped",
    "BucketsUnreadable",
    "HandledByResponseAction",
    "MessageCondemned",
    "ProbeUnanswered",
    "RequestFailed",
    "RetriesExhausted",
    "StatusClientError",
    "StatusInformational",
    "StatusRedirect",
    "StatusServerError",
    "StatusUnknown",
    "WaitingForTarget",
]


@record
class RequestFailed(Event):
    """No answer: refused, timed out, reset, no HTTP."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "http: error sending HTTP request"

    url: str
    error: str
    worker_index: int
    driver: str


@record
class _Status(Event):
    """An answer that is no success."""

    url: str
    status_code: int
    response: str
    messages: int
    driver: str


@dataclass(frozen=True, slots=True)
class StatusInformational(_Status):
    """1xx."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "http: Server returned with a 1XX (continuation) status code, which was not "
        "handled by the client"
    )


@dataclass(frozen=True, slots=True)
class StatusRedirect(_Status):
    """3xx."""

    text: ClassVar[str] = (
        "http: Server returned with a 3XX (redirect) status code. Either "
        "accept-redirect() is set to no, or this status code is unknown"
    )


@dataclass(frozen=True, slots=True)
class StatusClientError(_Status):
    """4xx."""

    text: ClassVar[str] = (
        "http: Server returned with a 4XX (client errors) status code, which means we "
        "are not authorized or the URL is not found"
    )


@dataclass(frozen=True, slots=True)
class StatusServerError(_Status):
    """5xx."""

    text: ClassVar[str] = (
        "http: Server returned with a 5XX (server errors) status code, which indicates "
        "server failure"
    )


@dataclass(frozen=True, slots=True)
class StatusUnknown(_Status):
    """Anything else."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "http: Unknown HTTP response code"


@record
class HandledByResponseAction(Event):
    """``response-action()`` decided."""

    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "http: handled by response_action"

    action: str
    url: str
    status_code: int
    driver: str


@record
class AlternativeTarget(Event):
    """A batch goes on to another target."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "http: Target server down, trying an alternative server"

    url: str
    alternative_url: str
    worker_index: int
    driver: str


@record
class WaitingForTarget(Event):
    """Nobody is left to ask; the batch waits."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = (
        "Server disconnected while preparing messages for sending, trying again"
    )

    driver: str
    worker_index: int
    wait_s: str
    batch_size: int


@record
class BatchDropped(Event):
    """Messages that nobody will ever take are gone."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Message(s) dropped while sending message to destination"

    driver: str
    worker_index: int
    reason: str
    batch_size: int


@record
class RetriesExhausted(Event):
    """A batch was tried ``retries()`` times."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Multiple failures while sending message(s) to destination, message(s) dropped"
    )

    driver: str
    worker_index: int
    retries: int
    batch_size: int


@record
class MessageCondemned(Event):
    """A message that servers reject is a dead letter now."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "http: Message rejected, moved to the dead letters"

    url: str
    reason: str
    messages: int
    driver: str


@record
class ProbeUnanswered(Event):
    """An active health check failed."""

    level: ClassVar[Level] = Level.INFO
    text: ClassVar[str] = "http: Health check failed"

    url: str
    error: str
    driver: str


@record
class BucketsUnreadable(Event):
    """``worker-partition-buckets()`` did not become a number; told once."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "http: worker-partition-buckets() is no number, such keys have one worker"
    )

    value: str
    driver: str
