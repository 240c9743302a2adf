"""
Names of senders: reverse lookups with a cache, in a thread, never in the way.

``options { use-dns() dns-cache() dns-cache-size() dns-cache-expire() … }`` decide.
A lookup that takes longer than ``LOOKUP_TIMEOUT_S`` counts as failed: the address
stands for the name, and the cache asks again after ``dns-cache-expire-failed()``.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.model import Monotonic

__all__ = ["HOSTS_FILE", "Naming", "Resolver"]

HOSTS_FILE = "/etc/hosts"

LOOKUP_TIMEOUT_S = 2.0
"""A resolver that does not answer must not hold back logs for longer."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How senders are named: the global options and a source's own."""

    use_dns: bool = True
    hosts_only: bool = False  # use-dns(persist_only)
    use_fqdn: bool = False
    normalize: bool = False
    custom_domain: str = ""
    cache: bool = True
    cache_size: int = 1007
    expire_s: float = 3600
    expire_failed_s: float = 60
    hosts_file: str = HOSTS_FILE


class Resolver:
    """Finds the name of an address."""

    def __init__(self, naming: Naming, clock: Callable[[], Monotonic]) -> None:
        self._naming = naming
        self._clock = clock
        self._cache: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._hosts = _read_hosts(naming.hosts_file)

    def known(self, address: str) -> bytes | None:
        """Return the name when no lookup is needed, else ``None``."""
        if not self._naming.use_dns:
            return address.encode()
        if address in self._hosts:
            return self._shape(self._hosts[address])
        if self._naming.hosts_only:
            return address.encode()
        entry = self._cache.get(address)
        if entry is not None and entry[0] > self._clock():
            return entry[1]
        return None

    async def name(self, address: str) -> bytes:
        """Return the name of ``address``, or the address itself."""
        known = self.known(address)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                name, _ = await loop.getnameinfo(
                    (address, 0), socket.NI_NAMEREQD | socket.NI_DGRAM
                )
            result, lifetime_s = self._shape(name), self._naming.expire_s
        except (OSError, TimeoutError):
            result, lifetime_s = address.encode(), self._naming.expire_failed_s
        if self._naming.cache:
            self._cache[address] = (self._clock() + lifetime_s, result)
            while len(self._cache) > self._naming.cache_size:
                self._cache.popitem(last=False)
        return result

    def _shape(self, name: str) -> bytes:
        naming = self._naming
        if naming.use_fqdn:
            if "." not in name and naming.custom_domain:
                name = f"{name}.{naming.custom_domain}"
        else:
            name = name.partition(".")[0]
        return (name.lower() if naming.normalize else name).encode()


def _read_hosts(path: str) -> dict[str, str]:
    """Read a file in the form of hosts(5); the first name of an address counts."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    hosts: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        if len(fields) >= 2:
            hosts.setdefault(fields[0], fields[1])
    return hosts
