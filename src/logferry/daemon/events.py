"""What the daemon has to say of itself; texts are the reference's where it has them."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level, tag

__all__ = [
    "ConfigurationInitialized",
    "FilterxFailed",
    "HurryRequested",
    "PidFileFailed",
    "ReloadFailed",
    "ReloadFinished",
    "ReloadRequested",
    "ShuttingDown",
    "StartFailed",
    "StartingUp",
    "VerbosityChanged",
    "WorkerDied",
    "WorkerLeftState",
]


@record
class StartingUp(Event):
    """The daemon runs."""

    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "syslog-ng starting up"

    version: str
    program: str


@record
class ShuttingDown(Event):
    """The daemon ends."""

    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "syslog-ng shutting down"

    version: str
    program: str


@record
class HurryRequested(Event):
    """A second TERM: nothing more is delivered, what is on disk stays there."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "Asked twice to stop, ending without further deliveries"


@record
class StartFailed(Event):
    """A driver cannot start."""

    level: ClassVar[Level] = Level.ERROR
    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "Error initializing message pipeline"

    error: str


@record
class WorkerDied(Event):
    """A worker process ended by itself."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Worker process died, starting it again"

    worker: int
    status: int
    restart_in: str


@record
class WorkerLeftState(Event):
    """There is the state of a worker that does not run any more."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "A worker that is not started any more has left state behind, which may hold "
        "messages; start as many workers as before to have them delivered"
    )

    folder: str


@record
class ReloadRequested(Event):
    """HUP or ``reload``."""

    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = (
        "Configuration reload request received, reloading configuration"
    )


@record
class ConfigurationInitialized(Event):
    """The new configuration runs."""

    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "New configuration initialized"


@record
class ReloadFinished(Event):
    """The reload is over."""

    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "Configuration reload finished"


@record
class ReloadFailed(Event):
    """The new configuration cannot be used; the old one goes on."""

    level: ClassVar[Level] = Level.ERROR
    is_limited: ClassVar[bool] = False
    text: ClassVar[str] = "Error parsing configuration, falling back to the old one"

    error: str


@record
class PidFileFailed(Event):
    """The pid file cannot be written; the daemon runs without one."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error creating pid file"

    pidfile: str
    error: str


@record
class VerbosityChanged(Event):
    """Somebody asked for more or less of this log."""

    text: ClassVar[str] = "Verbosity changed"

    log_level: int


@record
class FilterxFailed(Event):
    """An expression of a filterx block has no value: its block does not match."""

    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "FILTERX ERROR"

    error: str
    place: object = tag("location")
