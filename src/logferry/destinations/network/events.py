"""What the network destinations have to say; texts are the reference's own."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = [
    "ConnectionBroken",
    "ConnectionClosed",
    "ConnectionEstablished",
    "ConnectionFailed",
    "DrainRemembered",
    "HandoffOnly",
    "MembersChanged",
    "NameUnresolved",
    "SpoofingRefused",
    "Switched",
]


@record
class ConnectionEstablished(Event):
    """A server is connected, TLS handshake included."""

    text: ClassVar[str] = "Syslog connection established"

    fd: int
    server: str
    local: str


@record
class ConnectionFailed(Event):
    """An attempt failed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Syslog connection failed"

    server: str
    error: str
    time_reopen: str


@record
class ConnectionClosed(Event):
    """The server ended the connection."""

    text: ClassVar[str] = "Syslog connection closed"

    fd: int
    server: str
    time_reopen: str
    unacked: int


@record
class ConnectionBroken(Event):
    """The connection ended in an error."""

    text: ClassVar[str] = "Syslog connection broken"

    fd: int
    server: str
    error: str
    time_reopen: str
    unacked: int


@record
class Switched(Event):
    """Deliveries go on at another server than before."""

    text: ClassVar[str] = "Destination switched to another server"

    driver: str
    from_: str
    to: str
    reason: str
    gap_ms: str
    resent: int


@record
class DrainRemembered(Event):
    """Servers are out of use because an operator said so, maybe long ago."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Servers remain drained since before the start, 'ctl undrain' ends it"
    )

    driver: str
    servers: str


@record
class HandoffOnly(Event):
    """This system cannot say what the peer's kernel acknowledged."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "delivery-ack(kernel) is not available on this system, using handoff"
    )

    driver: str


@record
class MembersChanged(Event):
    """A name stands for other servers than before."""

    text: ClassVar[str] = "Servers of a name have changed"

    driver: str
    name: str
    servers: str
    ttl: str


@record
class NameUnresolved(Event):
    """Nobody can say which servers a name stands for; the known ones remain."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Cannot find the servers of a name, keeping those known"

    driver: str
    name: str
    error: str
    known: int
    retry: str


@record
class SpoofingRefused(Event):
    """We may not send with others' addresses; records go out with our own."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "spoof-source() needs CAP_NET_RAW, sending as ourselves"

    driver: str
    error: str
