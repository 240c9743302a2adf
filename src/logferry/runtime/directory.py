"""
The machine's directories: names of hosts without waiting, users, services.

A program renders a batch in one go and may not wait for DNS. So an address whose name
is not known yet prints as the address, while its name is looked up for the messages
behind it; what is known is remembered as ``dns-cache-expire()`` says. At most
``LOOKUPS_MAX`` look-ups run at once: a flood of forged addresses must not become one
of questions.

Users, groups, services and protocols come from the C library, which reads files of
this machine for most; each answer is kept for ``ENTRY_LIFETIME_S``.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import pwd
import socket
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry.runtime.name_service import numeric_family
from logferry.runtime.resolver import HOSTS_FILE, Naming, Resolver

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.directory import HostLookup
    from logferry.config.options import GlobalOptions
    from logferry.message.model import Monotonic

__all__ = ["MachineDirectory", "naming_by_default"]

LOOKUPS_MAX: Final = 64
ENTRY_LIFETIME_S: Final = 60.0
_ENTRIES_MAX: Final = 4096
_PASSWD: Final = {
    "name": "pw_name",
    "uid": "pw_uid",
    "gid": "pw_gid",
    "gecos": "pw_gecos",
    "dir": "pw_dir",
    "shell": "pw_shell",
}
_GROUP: Final = {"name": "gr_name", "gid": "gr_gid", "members": "gr_mem"}


def naming_by_default(options: GlobalOptions) -> Naming:
    """Return how hosts are named where nothing else is said."""
    use_dns = options.use_dns.lower().replace("-", "_")
    return Naming(
        use_dns=use_dns not in {"no", "off", "0"},
        hosts_only=use_dns == "persist_only",
        use_fqdn=options.use_fqdn,
        normalize=options.normalize_hostnames,
        cache=options.dns_cache,
        custom_domain=options.custom_domain,
        cache_size=options.dns_cache_size,
        expire_s=options.dns_cache_expire,
        expire_failed_s=options.dns_cache_expire_failed,
        hosts_file=options.dns_cache_hosts or HOSTS_FILE,
    )


class MachineDirectory:
    """
    A :class:`logferry.codegen.directory.Directory` of this machine.

    Args:
        naming: the global options of names.
        clock: monotonic seconds.

    """

    def __init__(self, naming: Naming, clock: Callable[[], Monotonic]) -> None:
        self._naming = naming
        self._clock = clock
        self._entries: OrderedDict[tuple[str, bytes, str], tuple[float, bytes]]
        self._entries = OrderedDict()

    def hosts(self, options: dict[str, bool]) -> HostLookup:
        """Return a look-up; options as in ``options { use-dns() use-fqdn() … }``."""
        naming = self._naming
        return _Hosts(
            Resolver(
                replace(
                    naming,
                    use_dns=options.get("use-dns", naming.use_dns),
                    use_fqdn=options.get("use-fqdn", naming.use_fqdn),
                    cache=True,  # without one, no name would ever be known
                    normalize=options.get("normalize-hostnames", naming.normalize),
                ),
                self._clock,
            )
        )

    def entry(self, database: str, key: bytes, member: str) -> bytes:
        """Return ``member`` of an entry; nothing when there is no such entry."""
        question = database, key, member
        known = self._entries.get(question)
        if known is not None and known[0] > self._clock():
            return known[1]
        text = key.decode("utf-8", "surrogateescape")
        answer = _ask(database, text, member).encode("utf-8", "surrogateescape")
        self._entries[question] = self._clock() + ENTRY_LIFETIME_S, answer
        while len(self._entries) > _ENTRIES_MAX:
            self._entries.popitem(last=False)
        return answer


class _Hosts:
    """Names of hosts under one set of options."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._running: dict[bytes, asyncio.Task[bytes]] = {}

    def __call__(self, address: bytes) -> bytes:
        text = address.decode("ascii", "replace")
        if numeric_family(text) is None:
            return b""
        known = self._resolver.known(text)
        if known is not None:
            return known
        if address not in self._running and len(self._running) < LOOKUPS_MAX:
            self._look_up(address, text)
        return address

    def _look_up(self, address: bytes, text: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a program that is tried out, without a daemon
            return
        task = loop.create_task(self._resolver.name(text), name=f"name of {text}")
        self._running[address] = task
        task.add_done_callback(lambda _: self._running.pop(address, None))


def _ask(database: str, key: str, member: str) -> str:
    with contextlib.suppress(KeyError, OSError, OverflowError, ValueError):
        number = int(key) if key.lstrip("-").isdigit() else None
        match database:
            case "passwd":
                user = pwd.getpwnam(key) if number is None else pwd.getpwuid(number)
                return str(getattr(user, _PASSWD[member or _other(number, "uid")]))
            case "group":
                group = grp.getgrnam(key) if number is None else grp.getgrgid(number)
                value = getattr(group, _GROUP[member or _other(number, "gid")])
                return ",".join(value) if isinstance(value, list) else str(value)
            case "services" if number is not None:
                return socket.getservbyport(number)
            case "services":
                return str(socket.getservbyname(key))
            case "protocols" if number is not None:
                return _protocols().get(number, "")
            case "protocols":
                return str(socket.getprotobyname(key))
    return ""


def _other(number: int | None, name: str) -> str:
    """Return what is asked for without saying: a name for a number, and back."""
    return name if number is None else "name"


@cache
def _protocols() -> dict[int, str]:
    """Return names by number; nothing asks the C library by number."""
    names: dict[int, str] = {}
    for line in Path("/etc/protocols").read_text("utf-8", "replace").splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[1].isdigit():
            names.setdefault(int(words[1]), words[0])
    return names
