"""
Who the members of a pool are at present: the roster's names, looked up and kept fresh.

Plain hosts are members as they are. ``srv:`` and ``dns:`` entries stand for every
address that the name service knows; each address is a member of its own, called
``host@address`` (``host:port@address`` for services). They are looked up again when
their time to live is over. When nobody can say who they are, the ones we know remain;
an entry of which nothing is known yet is a member that cannot be connected to, so that
its turn in the list is an attempt that fails and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logferry.destinations.network.events import MembersChanged, NameUnresolved
from logferry.destinations.network.roster import Member
from logferry.errors import ConnectFailed
from logferry.policy.failover import ServerPlan
from logferry.runtime.name_service import Addresses, NameAbsent, numeric_family

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from logferry.destinations.network.roster import Endpoints, Entry
    from logferry.runtime.connect import Endpoint
    from logferry.runtime.environment import Environment
    from logferry.runtime.name_service import NameService

__all__ = ["Members"]

_LOOKUP_PATIENCE_S = 1.0
"""At start a slow name service gets so long before other servers have their turn."""

RETRY_S = 5.0
"""When a lookup failed it is tried again after this, whatever the old answer's life."""


@dataclass(slots=True)
class _Known:
    """What an entry stands for, and when to look again (monotonic)."""

    members: tuple[Member, ...]
    due_at: float | None  # None: never
    error: str = ""


class Members:
    """
    The members of one destination's pool.

    Args:
        entries: the configured list.
        endpoints: how to connect.
        names: asked for live entries.
        families: tells which addresses are wanted, the preferred ones first; asked at
            each lookup, because interfaces come and go.
        environment: clock and log.
        owner: the destination's id, for events.

    """

    def __init__(
        self,
        entries: tuple[Entry, ...],
        endpoints: Endpoints,
        names: NameService,
        families: Callable[[], Sequence[socket.AddressFamily]],
        environment: Environment,
        *,
        owner: str,
    ) -> None:
        self._endpoints = endpoints
        self._names = names
        self._families = families
        self._environment = environment
        self._owner = owner
        now = environment.clock()
        self._known = {
            entry: _Known((Member(entry.plan(), endpoints.make(entry)),), None)
            if not entry.is_live
            else _Known((), now, "it was not looked up yet")
            for entry in entries
        }
        self._order = entries  # one entry may stand in the list twice
        self._by_name: dict[str, Endpoint | str] = {}
        self._first_lookup = asyncio.Event()
        self._index()

    @property
    def is_live(self) -> bool:
        """Tell whether members may change."""
        return any(entry.is_live for entry in self._known)

    def plans(self) -> tuple[ServerPlan, ...]:
        """Return the members for the policy, in the order of the list."""
        return tuple(plan for entry in self._order for plan in self.plans_of(entry))

    def plans_of(self, entry: Entry) -> Sequence[ServerPlan]:
        """Return the members that ``entry`` stands for, itself if there are none."""
        members = self._known[entry].members
        return [member.plan for member in members] or [entry.plan()]

    def endpoint(self, name: str) -> Endpoint:
        """
        Return how to connect to the member called ``name``.

        Raises ``ConnectFailed`` when its entry has no address yet.
        """
        found = self._by_name.get(name, "it is no member any more")
        if isinstance(found, str):
            raise ConnectFailed(f"no address for '{name}': {found}")
        return found

    def describe(self, name: str) -> str:
        """Return where the member called ``name`` is, for log lines."""
        found = self._by_name.get(name)
        return name if found is None or isinstance(found, str) else found.shown

    def _index(self) -> None:
        self._by_name = {}
        for entry, known in self._known.items():
            if not known.members:
                self._by_name[entry.name] = known.error
            for member in known.members:
                self._by_name[member.plan.name] = member.endpoint

    async def look_up(self) -> None:
        """Look up every entry that is due; a failure is an event, never an error."""
        now = self._environment.clock()
        due = [
            (entry, known)
            for entry, known in self._known.items()
            if known.due_at is not None and known.due_at <= now
        ]
        await asyncio.gather(*(self._refresh(entry, known) for entry, known in due))
        self._index()
        self._first_lookup.set()

    async def _refresh(self, entry: Entry, known: _Known) -> None:
        try:
            members, ttl_s = await self._resolve(entry)
        except ConnectFailed as error:
            known.error = str(error)
            known.due_at = self._environment.clock() + RETRY_S
            self._environment.log.emit(
                NameUnresolved(
                    self._owner,
                    entry.name,
                    str(error),
                    len(known.members),
                    f"{RETRY_S:g}",
                )
            )
            return
        known.due_at = self._environment.clock() + ttl_s
        known.error = ""
        names = tuple(member.plan.name for member in members)
        before = tuple(member.plan.name for member in known.members)
        known.members = members
        if names != before:
            self._environment.log.emit(
                MembersChanged(self._owner, entry.name, ", ".join(names), f"{ttl_s:g}")
            )

    async def _addresses(self, entry: Entry, host: str) -> Addresses:
        """
        Return the addresses of ``host`` in all families.

        Of a family about which nobody answers those known before remain. Raises
        ``ConnectFailed`` when nothing is found out about any.
        """
        families = self._families()
        results = await asyncio.gather(
            *(self._names.addresses(host, family) for family in families),
            return_exceptions=True,
        )
        addresses: list[str] = []
        lifetimes_s = []
        for family, result in zip(families, results, strict=True):
            if isinstance(result, Addresses):
                addresses += result.addresses
                lifetimes_s.append(result.ttl_s)
            elif not isinstance(result, ConnectFailed):
                raise result
            elif not isinstance(result, NameAbsent):
                addresses += [
                    member.endpoint.address
                    for member in self._known[entry].members
                    if member.endpoint.host == host
                    and numeric_family(member.endpoint.address) is family
                ]
        if not lifetimes_s:
            # The preferred family's trouble is what the reader wants to know.
            raise next(item for item in results if isinstance(item, ConnectFailed))
        return Addresses(tuple(addresses), min(lifetimes_s))

    async def _resolve(self, entry: Entry) -> tuple[tuple[Member, ...], float]:
        if not entry.is_service:
            found = await self._addresses(entry, entry.query)
            members = [
                self._member(entry, entry.query, entry.port, address)
                for address in found.addresses
            ]
            return tuple(members), found.ttl_s
        answer = await self._names.services(entry.query)
        ttl_s = answer.ttl_s
        members = []
        error: ConnectFailed | None = None
        for service in answer.services:
            try:
                hosts = await self._addresses(entry, service.host)
            except ConnectFailed as problem:  # the others may have addresses
                error = problem
                continue
            ttl_s = min(ttl_s, hosts.ttl_s)
            members += [
                self._member(
                    entry,
                    service.host,
                    service.port,
                    address,
                    priority=service.priority,
                    weight=service.weight,
                )
                for address in hosts.addresses
            ]
        if not members:
            raise error or ConnectFailed(f"'{entry.query}' has no servers")
        return tuple(members), ttl_s

    def _member(
        self,
        entry: Entry,
        host: str,
        port: int,
        address: str,
        *,
        priority: int = 0,
        weight: int = 0,
    ) -> Member:
        shown = f"{host}:{port}" if entry.is_service else host
        plan = ServerPlan(
            f"{shown}@{address}", entry.tier, weight or entry.weight, priority
        )
        return Member(plan, self._endpoints.make(entry, host, port, address))

    async def follow(
        self,
        begin: Callable[[], None],
        on_change: Callable[[Sequence[ServerPlan]], None],
    ) -> None:
        """
        Call ``begin`` when the names are known, and watch them for ever.

        A name service that is slow or away holds nobody up: ``begin`` is called anyway
        after a moment, with what is known then.
        """
        watching = asyncio.ensure_future(self.watch(on_change))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOKUP_PATIENCE_S):
                    await self._first_lookup.wait()
            begin()
            await watching
        finally:
            watching.cancel()

    async def watch(self, on_change: Callable[[Sequence[ServerPlan]], None]) -> None:
        """Look up again whenever something is due, for ever."""
        while True:
            known = self._known.values()
            due = [item.due_at for item in known if item.due_at is not None]
            if not due:
                return
            await asyncio.sleep(max(0.0, min(due) - self._environment.clock()))
            before = self.plans()
            await self.look_up()
            if self.plans() != before:
                on_change(self.plans())
