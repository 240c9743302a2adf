"""
Owner, group and mode of what drivers make: files, FIFOs, sockets, their folders.

Names of users and groups are looked up when the file is made. A mode or owner that
cannot be set is left as it is: logs are written all the same, as in the reference.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from pathlib import Path

from logferry.config.kinds import Permissions, TextKind, YesNo
from logferry.config.schema import FromGlobal, Option, Options

__all__ = [
    "FilePermissionOptions",
    "change_owner",
    "make_folders",
    "set_permissions",
]

_UNCHANGED = -1


class FilePermissionOptions(Options):
    """Owner and mode of files that are made; empty parentheses: leave alone."""

    owner = Option(
        TextKind(is_optional=True), FromGlobal("owner"), doc="Owner of new files."
    )
    group = Option(
        TextKind(is_optional=True), FromGlobal("group"), doc="Group of new files."
    )
    perm = Option(Permissions(), FromGlobal("perm"), doc="Mode of new files.")
    dir_owner = Option(
        TextKind(is_optional=True), FromGlobal("dir_owner"), doc="Owner of new folders."
    )
    dir_group = Option(
        TextKind(is_optional=True), FromGlobal("dir_group"), doc="Group of new folders."
    )
    dir_perm = Option(Permissions(), FromGlobal("dir_perm"), doc="Mode of new folders.")
    create_dirs = Option(
        YesNo(), FromGlobal("create_dirs"), doc="Make missing folders."
    )


def make_folders(folder: Path, options: FilePermissionOptions) -> None:
    """Make ``folder`` and what is missing above it. Raises ``OSError``."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            if options.dir_perm != _UNCHANGED:
                path.chmod(options.dir_perm)
            change_owner(str(path), options.dir_owner, options.dir_group)


def set_permissions(path: str, options: FilePermissionOptions) -> None:
    """Give a file that was just made its mode and owner."""
    with contextlib.suppress(OSError):
        if options.perm != _UNCHANGED:
            Path(path).chmod(options.perm)
        change_owner(path, options.owner, options.group)


def change_owner(path: str, owner: str, group: str) -> None:
    """Set owner and group by name or number; empty leaves them alone."""
    if owner or group:
        os.chown(path, _user_id(owner), _group_id(group), follow_symlinks=False)


def _user_id(name: str) -> int:
    if not name:
        return -1
    return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid


def _group_id(name: str) -> int:
    if not name:
        return -1
    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
