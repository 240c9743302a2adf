"""
The exception tree: whose fault it is decides the family.

::

    LogferryError
    ├── ConfigError       the operator's configuration; carries every diagnostic
    ├── PeerError         what the other side sent is wrong
    │   ├── FramingError
    │   ├── ParseError
    │   └── ResponseError
    ├── DeliveryError     one delivery attempt did not succeed
    │   ├── Transient     try again, perhaps elsewhere
    │   └── Permanent     trying again cannot help
    ├── TransportError    the network or the operating system
    │   ├── ConnectFailed
    │   ├── ConnectionLost
    │   ├── TimedOut
    │   └── TlsFailed
    ├── QueueError        storage of a queue
    │   ├── CorruptRecord
    │   └── StorageFailed
    └── StateError        we called ourselves wrongly: a bug of ours

A full queue is a result (``Full``), not an error. ``OSError`` and ``ssl.SSLError``
are translated into this tree in ``runtime/`` only.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "ConnectFailed",
    "ConnectionLost",
    "CorruptRecord",
    "DeliveryError",
    "FramingError",
    "LogferryError",
    "ParseError",
    "PeerError",
    "Permanent",
    "QueueError",
    "ResponseError",
    "StateError",
    "StorageFailed",
    "TimedOut",
    "TlsFailed",
    "Transient",
    "TransportError",
]


class LogferryError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigError(LogferryError):
    """
    A configuration cannot be used.

    Attributes:
        diagnostics: every problem found (``config.diagnostics.Diagnostic``), in
            the order of their places.

    """

    def __init__(self, diagnostics: tuple[object, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(item) for item in diagnostics))


class PeerError(LogferryError):
    """The other side broke its protocol."""


class FramingError(PeerError):
    """
    Bytes on a stream cannot be split into frames.

    Attributes:
        header: the first bytes that were not understood, at most ten.

    """

    def __init__(self, message: str, header: bytes = b"") -> None:
        self.header = header
        super().__init__(message)


class ParseError(PeerError):
    """
    A frame is not what its format demands.

    Attributes:
        offset: how far reading came, in bytes; 0: it did not begin.
        tag: what is missing, as the reference calls it, or empty.

    """

    def __init__(self, message: str, offset: int = 0, tag: str = "") -> None:
        self.offset = offset
        self.tag = tag
        super().__init__(message)


class ResponseError(PeerError):
    """An answer of a server cannot be understood."""


class DeliveryError(LogferryError):
    """A delivery attempt did not succeed."""


class Transient(DeliveryError):
    """Trying again may help; ``retry_after_s`` is the server's own wish, if any."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Permanent(DeliveryError):
    """Trying again cannot help."""


class TransportError(LogferryError):
    """The network or the operating system failed us."""


class ConnectFailed(TransportError):
    """No connection could be made."""


class ConnectionLost(TransportError):
    """An established connection ended."""


class TimedOut(TransportError):
    """Something took longer than its bound."""


class TlsFailed(TransportError):
    """The TLS handshake or record layer failed."""


class QueueError(LogferryError):
    """The storage of a queue failed."""


class CorruptRecord(QueueError):
    """A stored record does not match its checksum."""

    def __init__(self, message: str, offset: int = 0) -> None:
        self.offset = offset
        super().__init__(message)


class StorageFailed(QueueError):
    """The disk refused to read or write."""


class StateError(LogferryError):
    """A machine got an input that its state does not allow: a bug of ours."""
