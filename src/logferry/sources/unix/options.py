"""Options of the sources on local sockets."""

from __future__ import annotations

from logferry.config.kinds import Integer, Permissions, Real, Seconds, TextKind, YesNo
from logferry.config.schema import FromGlobal, Option, Scope
from logferry.config.versions import LOCAL_MESSAGES_HAVE_NO_HOST
from logferry.runtime.file_permissions import FilePermissionOptions
from logferry.runtime.socket_options import SocketOptions
from logferry.sources.options import ReaderOptions

__all__ = [
    "SystemdSyslogOptions",
    "UnixDgramOptions",
    "UnixSourceOptions",
    "UnixStreamOptions",
]


class UnixSourceOptions(ReaderOptions, SocketOptions, FilePermissionOptions):
    """Options of every source on a local socket."""

    path = Option(
        TextKind("a path"), "", doc="The socket.", positional=True, required=True
    )
    perm = Option(Permissions(), 0o666, doc="Mode of the socket.")
    optional = Option(
        YesNo(),
        default=False,
        doc="It is no error when the socket cannot be made.",
    )
    so_passcred = Option(
        YesNo(),
        FromGlobal("pass_unix_credentials"),
        doc="Take PID and user of the sender: ${.unix.pid}, ${.unix.uid} …",
        aliases=("pass-unix-credentials",),
    )
    keep_alive = Option(YesNo(), default=True, doc="Keep connections over a reload.")
    trim_large_messages = Option(
        YesNo(),
        default=False,
        doc="For octet-counted transports.",
        no_effect="text that is too long is cut",
    )
    local_creds = Option(
        YesNo(),
        default=False,
        doc="Credentials on FreeBSD.",
        no_effect="Linux takes them with so-passcred()",
    )
    dynamic_window_size = Option(
        Integer(minimum=0),
        0,
        doc="A window that busy connections share.",
        no_effect="connections on this machine have windows of their own",
    )
    dynamic_window_stats_freq = Option(
        Real(0.0),
        1.0,
        doc="How often the use of windows is measured.",
        no_effect="connections on this machine have windows of their own",
    )
    dynamic_window_realloc_ticks = Option(
        Integer(minimum=0),
        5,
        doc="How many measurements make a new division.",
        no_effect="connections on this machine have windows of their own",
    )

    def check(self, scope: Scope) -> None:
        """Give an older configuration the flag it means."""
        super().check(scope)
        if scope.version < LOCAL_MESSAGES_HAVE_NO_HOST:
            self._values["flags"] |= {"expect-hostname"}


class UnixStreamOptions(UnixSourceOptions):
    """``unix-stream()``."""

    title = "source unix-stream"

    max_connections = Option(
        Integer(minimum=1), 256, doc="Connections at a time; more are closed at once."
    )
    listen_backlog = Option(
        Integer(minimum=1), 255, doc="Connections that wait to be accepted."
    )
    log_iw_size = Option(
        Integer(minimum=1),
        25_600,
        doc="How many messages of all connections together may be unacknowledged; "
        "divided by max-connections(), at least 100 each.",
        unit="messages",
    )


class UnixDgramOptions(UnixSourceOptions):
    """``unix-dgram()``."""

    title = "source unix-dgram"

    # Accepted because one list of options serves both drivers in old configurations.
    idle_timeout = Option(
        Seconds(),
        0.0,
        doc="An option of unix-stream().",
        unit="s",
        no_effect="datagrams have no connections",
    )
    max_connections = Option(
        Integer(minimum=1),
        256,
        doc="An option of unix-stream().",
        no_effect="datagrams have no connections",
    )
    listen_backlog = Option(
        Integer(minimum=1),
        255,
        doc="An option of unix-stream().",
        no_effect="datagrams have no connections",
    )


class SystemdSyslogOptions(UnixDgramOptions):
    """``systemd-syslog()``: the socket that systemd's journal forwards to."""

    title = "source systemd-syslog"

    path = Option(
        TextKind("a path"),
        "/run/systemd/journal/syslog",
        doc="The socket; systemd passes it to the service.",
        positional=True,
    )
