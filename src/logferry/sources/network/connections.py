"""
The open connections of one listener: who may come in, who is there, who goes.

Every arrival, refusal and departure is said in the log and counted here, so that the
listeners for IP and for local sockets tell the same story. Connections that another
source accepted before a reload are there without a word: nothing happened to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logferry.sources.network import events

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.network.connection import Connection
    from logferry.telemetry.counters import Counter

__all__ = ["Connections"]

_IDLE_CHECKS_PER_TIMEOUT = 4


class Connections:
    """
    The connections of one driver.

    Args:
        spec: the driver, for the log.
        environment: its log and its clock.
        limit: ``max-connections()``.
        open_count: the gauge of those that are open.
        rejected: counts those that found no room.

    """

    def __init__(
        self,
        spec: Spec,
        environment: Environment,
        limit: int,
        *,
        open_count: Counter,
        rejected: Counter,
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._limit = limit
        self._open_count = open_count
        self._rejected = rejected
        self._all: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        """Go through those that are open now; closing them meanwhile is allowed."""
        return iter(tuple(self._all))

    def has_room(self, client: str, local: str) -> bool:
        """Tell whether one more may come; say so and count it when not."""
        if len(self._all) < self._limit:
            return True
        self._rejected.add(1)
        self._environment.log.emit(
            events.ConnectionRejected(
                client,
                local,
                self._spec.id.partition("#")[0],
                str(self._spec.span),
                self._limit,
            )
        )
        return False

    def welcome(self, connection: Connection, client: str, local: str) -> None:
        """Add a connection that has just been accepted."""
        connection.client, connection.local = client, local
        self.add(connection)
        self._environment.log.emit(
            events.ConnectionAccepted(connection.descriptor, client, local)
        )

    def add(self, connection: Connection) -> None:
        """Add a connection that another source accepted."""
        self._all.add(connection)
        self._open_count.value = len(self._all)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has been closed."""
        self._all.discard(connection)
        self._open_count.value = len(self._all)
        self._environment.log.emit(
            events.ConnectionClosed(
                connection.descriptor, connection.client, connection.local
            )
        )

    def hand_over(self) -> tuple[Connection, ...]:
        """Return all of them and forget them: another source goes on with them."""
        handed = tuple(self._all)
        self._all.clear()
        return handed

    def close(self) -> None:
        """Close all of them; each is removed when it is closed."""
        for connection in self:
            connection.close()

    async def close_idle(self, timeout_s: float) -> None:
        """Close, for ever, those that have sent nothing for ``timeout_s`` seconds."""
        while True:
            await asyncio.sleep(timeout_s / _IDLE_CHECKS_PER_TIMEOUT)
            oldest = self._environment.clock() - timeout_s
            for connection in self:
                if connection.last_read_at < oldest:
                    connection.close()
