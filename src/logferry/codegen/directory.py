"""
The machine's directories, as template functions see them: hosts, users, services.

Asking them is not for generated code, which may neither wait nor open sockets; so
whoever builds programs hands in an object that does (``runtime/directory.py``).
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Directory", "EmptyDirectory", "HostLookup"]


class HostLookup(Protocol):
    """Finds the name of a host by its address."""

    def __call__(self, address: bytes) -> bytes:
        """Return the name, or the address while it is not known; nothing for text."""
        ...


class Directory(Protocol):
    """What can be asked."""

    def hosts(self, options: dict[str, bool]) -> HostLookup:
        """Return a look-up; options as in ``options { use-dns() use-fqdn() … }``."""
        ...

    def entry(self, database: str, key: bytes, member: str) -> bytes:
        """Return ``member`` of an entry of passwd, group, services or protocols."""
        ...


class EmptyDirectory:
    """A directory that knows nobody: for programs that are only looked at."""

    def hosts(self, options: dict[str, bool]) -> HostLookup:
        """Return a look-up without names."""
        del options
        return _unnamed

    def entry(self, database: str, key: bytes, member: str) -> bytes:
        """Return nothing."""
        del database, key, member
        return b""


def _unnamed(address: bytes) -> bytes:
    return address
