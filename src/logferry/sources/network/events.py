"""What the network sources have to say; texts are the reference's where it has them."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = [
    "ConnectionAccepted",
    "ConnectionClosed",
    "ConnectionRejected",
    "FrameTooLarge",
    "InvalidFrameHeader",
    "InvalidProxyHeader",
    "KeyLocked",
    "ReadFailed",
    "SourceResumed",
    "SourceSuspended",
    "TlsReadFailed",
]


@record
class ConnectionAccepted(Event):
    """A client connected."""

    text: ClassVar[str] = "Syslog connection accepted"

    fd: int
    client: str
    local: str


@record
class ConnectionClosed(Event):
    """A client went away."""

    text: ClassVar[str] = "Syslog connection closed"

    fd: int
    client: str
    local: str


@record
class WindowTooSmall(Event):
    """What each connection gets of ``log-iw-size()`` is less than the least."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Each connection's share of log-iw-size() is too small, increasing it to the "
        "minimum"
    )

    driver: str
    log_iw_size: int
    max_connections: int
    share: int
    window: int


@record
class ConnectionRejected(Event):
    """More clients than ``max-connections()``."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Number of allowed concurrent connections reached, rejecting connection"
    )

    client: str
    local: str
    group_name: str
    location: str
    max: int


@record
class InvalidFrameHeader(Event):
    """A client breaks RFC 6587 octet counting; the connection is closed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Invalid frame header"

    header: str
    peer_addr: str
    local_addr: str


@record
class InvalidProxyHeader(Event):
    """A client begins without a PROXY protocol header; the connection is closed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error parsing PROXY protocol header"

    header: str
    peer_addr: str
    local_addr: str


@record
class FrameTooLarge(Event):
    """A frame is longer than ``log-msg-size()``; the connection is closed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Incoming frame larger than log_msg_size()"

    log_msg_size: int
    peer_addr: str
    local_addr: str


@record
class TlsReadFailed(Event):
    """The TLS handshake or record layer of a client failed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "SSL error while reading stream"

    tls_error: str
    location: str
    peer_addr: str


@record
class ReadFailed(Event):
    """The operating system could not read from a client."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error reading data"

    fd: int
    error: str


@record
class SourceSuspended(Event):
    """The window of a connection is full: reading stops until something is acked."""

    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "Source has been suspended"

    source: str
    client: str


@record
class SourceResumed(Event):
    """The window of a connection has room again."""

    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "Source has been resumed"

    source: str
    client: str


@record
class KeyLocked(Event):
    """The source stays closed until the passphrase of its key is given."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "Error loading private key, the source waits for its passphrase"
        " (credentials add KEYFILE PASSPHRASE)"
    )

    keyfile: str
    driver: str
