"""
Who sent it: PID, user and group as the kernel tells them.

From the PID come the executable and its command line, as long as the process lives.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Ancillary: TypeAlias = list[tuple[int, int, bytes]]

__all__ = [
    "ANCILLARY_BYTES",
    "CredentialValues",
    "Credentials",
    "credentials_in",
    "peer_credentials",
]

_UCRED: Final = struct.Struct("3i")  # unix(7): pid, uid, gid
ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_UCRED.size)
_MEMORY_S: Final = 1.0
"""How long what was read of a process is believed; PIDs are used again."""
_REMEMBERED_MAX: Final = 1024


class Credentials(NamedTuple):
    """A process, as it was when it sent or connected."""

    pid: int
    uid: int
    gid: int


def peer_credentials(sock: socket.socket) -> Credentials | None:
    """Return who connected ``sock``."""
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except OSError:
        return None
    return Credentials(*_UCRED.unpack(data))


def credentials_in(ancillary: Ancillary) -> Credentials | None:
    """Return who sent a datagram; ``None`` when the kernel did not say."""
    for level, kind, data in ancillary:
        is_ours = level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS
        if is_ours and len(data) == _UCRED.size:
            return Credentials(*_UCRED.unpack(data))
    return None


class CredentialValues:
    """
    Returns name-value pairs for credentials, and remembers them for a moment.

    Args:
        clock: monotonic seconds.
        proc: where the kernel shows processes.

    """

    def __init__(self, clock: Callable[[], float], proc: Path = Path("/proc")) -> None:
        self._clock = clock
        self._proc = proc
        self._known: dict[Credentials, tuple[float, tuple[tuple[str, bytes], ...]]] = {}

    def of(self, credentials: Credentials) -> tuple[tuple[str, bytes], ...]:
        """Return ``.unix.pid`` and its like."""
        now = self._clock()
        known = self._known.get(credentials)
        if known is not None and now < known[0] + _MEMORY_S:
            return known[1]
        if len(self._known) >= _REMEMBERED_MAX:
            self._known.clear()
        values = self._read(credentials)
        self._known[credentials] = now, values
        return values

    def _read(self, credentials: Credentials) -> tuple[tuple[str, bytes], ...]:
        pid, uid, gid = credentials
        values = [
            (".unix.pid", b"%d" % pid),
            (".unix.uid", b"%d" % uid),
            (".unix.gid", b"%d" % gid),
        ]
        folder = self._proc / str(pid)
        try:
            command = (folder / "cmdline").read_bytes()
            values.append((".unix.cmdline", command.rstrip(b"\0").replace(b"\0", b" ")))
            values.append((".unix.exe", str((folder / "exe").readlink()).encode()))
        except OSError:
            pass  # gone already, or not ours to look at
        return tuple(values)
