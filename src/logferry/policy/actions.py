"""
What the failover policy asks its driver to do, in the order given.

The driver does each at once and answers with facts; it decides nothing.
"""

from __future__ import annotations

from typing import TypeAlias

from logferry.policy.pool import Server
from logferry.records import record

__all__ = [
    "Abandon",
    "Action",
    "Adopt",
    "CancelProbe",
    "CloseProbe",
    "Connect",
    "Drain",
    "Probe",
]


@record
class Connect:
    """Open a connection; answer with ``on_connected`` or ``on_connect_failed``."""

    server: Server


@record
class Abandon:
    """Give up the attempt that is under way; it must not answer any more."""

    server: Server


@record
class Drain:
    """Send nothing new on the connection; close it when all is acknowledged."""

    server: Server


@record
class Probe:
    """
    Open a connection on trial; answer with ``on_probe_result``.

    A bare probe is over when TCP has connected, without a TLS handshake; it is always
    closed, never adopted.
    """

    server: Server
    is_bare: bool = False


@record
class CloseProbe:
    """The probe's connection is not needed: close it."""

    server: Server


@record
class CancelProbe:
    """Give up the probe that is under way; it must not answer any more."""

    server: Server


@record
class Adopt:
    """The probe's connection becomes the connection."""

    server: Server


Action: TypeAlias = Connect | Abandon | Drain | Probe | CloseProbe | CancelProbe | Adopt
