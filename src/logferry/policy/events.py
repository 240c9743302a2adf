"""
What the failover policy has to say; texts and tags are the reference's.

Its sentences speak of the primary. Where the server meant is another one (a probe of a
better server, ``failback(to(best))``), a last tag ``server`` names it.
"""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level, tag

__all__ = [
    "FailoverInaccessible",
    "FirstFailoverAgain",
    "MovedAway",
    "PrimaryAgain",
    "PrimaryInaccessible",
    "PrimaryStable",
    "ProbeFailed",
    "ProbeStarted",
    "ProbeSucceeded",
]


@record
class PrimaryAgain(Event):
    """Round robin: the list is at its end."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Last failover server reached, trying the original host again"

    host: str
    location: str


@record
class FirstFailoverAgain(Event):
    """Failback: the list is at its end; the primary is left to the probes."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Last failover server reached, trying the first failover again"
    )

    next_failover_server: str
    location: str


@record
class PrimaryInaccessible(Event):
    """Failback: the primary is left and probed from now on."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Current primary server is inaccessible, sending the messages to the next "
        "failover server"
    )

    next_failover_server: str
    location: str


@record
class FailoverInaccessible(Event):
    """Any other step to the next server of the list."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Current failover server is inaccessible, sending the messages to the next "
        "failover server"
    )

    next_failover_server: str
    location: str


@record
class ProbeStarted(Event):
    """A probe of a server we would rather use."""

    text: ClassVar[str] = "Probing the primary server."

    tcp_probe_interval: str = tag("tcp-probe-interval")
    server: str | None = None


@record
class ProbeSucceeded(Event):
    """A probe was answered."""

    text: ClassVar[str] = "Probing primary server successful"

    successful_probes_received: int = tag("successful-probes-received")
    successful_probes_required: int = tag("successful-probes-required")
    server: str | None = None


@record
class ProbeFailed(Event):
    """A probe was not answered: the count starts anew."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Connection towards primary server failed"

    server: str
    error: str


@record
class PrimaryStable(Event):
    """Enough probes were answered: the last one's connection is used from now on."""

    text: ClassVar[str] = (
        "Primary server seems to be stable, reconnecting to primary server"
    )

    server: str | None


@record
class MovedAway(Event):
    """The server in use works, but was drained or is no member any more."""

    text: ClassVar[str] = (
        "Current server is taken out of use, sending the messages to the next server"
    )

    server: str
    next_server: str
    reason: str
