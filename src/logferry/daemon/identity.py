"""
Which user the daemon is: looking up names, and giving up root after the sockets exist.

Ports below 1024 are bound as root; what the daemon writes later (persist file, queues,
control socket, pid file) is handed to the new user first. After that there is no way
back: a reload cannot bind a new privileged port.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from logferry.errors import LogferryError

__all__ = ["Identity", "IdentityError", "find_identity"]


class IdentityError(LogferryError):
    """A user or group does not exist, or may not be taken on."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and a group by number; ``None`` stays as it is."""

    uid: int | None
    gid: int | None
    user: str = ""

    def take_on(self, belongings: Iterable[Path]) -> None:
        """
        Become this user for good, with everything in ``belongings``.

        Raises ``IdentityError``.
        """
        for path in belongings:
            self._give(path)
        try:
            if self.gid is not None:
                os.setgid(self.gid)
            if self.uid is not None:
                gid = os.getgid()
                if self.user:
                    os.initgroups(self.user, gid)
                else:
                    os.setgroups([gid])
                os.setuid(self.uid)
        except OSError as error:
            raise IdentityError(
                f"cannot change to user {self.user or self.uid}: {error.strerror}"
            ) from error

    def _give(self, path: Path) -> None:
        uid = -1 if self.uid is None else self.uid
        gid = -1 if self.gid is None else self.gid
        folder = [path, *path.iterdir()] if path.is_dir() else [path]
        for item in folder:
            with contextlib.suppress(OSError):
                if item.stat().st_uid == os.geteuid():
                    os.chown(item, uid, gid, follow_symlinks=False)


def find_identity(user: str, group: str) -> Identity | None:
    """
    Look up a user and a group by name or number; ``None`` when both are empty.

    A user's own group is taken when no group is named. Raises ``IdentityError``.
    """
    uid = gid = None
    name = ""
    if user:
        try:
            entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
        except KeyError:
            raise IdentityError(f"there is no user '{user}'") from None
        uid, gid, name = entry.pw_uid, entry.pw_gid, entry.pw_name
    if group:
        try:
            gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        except KeyError:
            raise IdentityError(f"there is no group '{group}'") from None
    return Identity(uid, gid, name) if user or group else None
