"""
Sockets that systemd opened for us (``sd_listen_fds(3)``).

A source takes the passed socket that is bound to its address and of its type, instead
of binding one itself. It gets a duplicate: the passed socket stays, so that the next
configuration finds it too.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["activated_inet", "activated_unix", "passed_descriptors"]

_FIRST: Final = 3  # SD_LISTEN_FDS_START


def passed_descriptors(environ: Mapping[str, str], pid: int) -> range:
    """Return the descriptors that were passed to this process, maybe none."""
    listed, owner = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if not listed.isdigit() or owner != str(pid):
        return range(0)
    return range(_FIRST, _FIRST + int(listed))


def activated_unix(path: str, kind: socket.SocketKind) -> socket.socket | None:
    """Return the passed socket bound to ``path``, if there is one."""
    return _find(lambda sock: _is_unix(sock, path, kind))


def activated_inet(
    address: str, port: int, kind: socket.SocketKind, family: socket.AddressFamily
) -> socket.socket | None:
    """Return the passed socket bound to ``port`` (and ``address``), if there is one."""
    return _find(lambda sock: _is_inet(sock, (address, port), kind, family))


def _find(is_it: Callable[[socket.socket], bool]) -> socket.socket | None:
    for descriptor in passed_descriptors(os.environ, os.getpid()):
        try:
            sock = socket.socket(fileno=os.dup(descriptor))
        except OSError:
            continue
        if is_it(sock):
            sock.setblocking(False)
            return sock
        sock.close()
    return None


def _is_unix(sock: socket.socket, path: str, kind: socket.SocketKind) -> bool:
    if sock.family != socket.AF_UNIX or sock.type != kind:
        return False
    name = sock.getsockname()
    return bool(name == path)


def _is_inet(
    sock: socket.socket,
    place: tuple[str, int],
    kind: socket.SocketKind,
    family: socket.AddressFamily,
) -> bool:
    if sock.family != family or sock.type != kind:
        return False
    name = sock.getsockname()
    address, port = place
    return name[1] == port and address in {"", name[0], "0.0.0.0", "::"}
