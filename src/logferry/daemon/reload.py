"""
From one configuration to the next while messages flow.

The whole new configuration is read and compiled before the old one is touched: any
error there, and nothing has happened. Then the new topology takes over what it can
(``topology.py``). When it cannot start after all (an address is taken, a queue file
cannot be used), the old configuration is started again with everything that both still
hold: connections that were kept are kept on the way back too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from logferry.config.load import load_configuration
from logferry.daemon import events
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import Topology, build_topology
from logferry.errors import LogferryError

if TYPE_CHECKING:
    from pathlib import Path

    from logferry.config.nodes import Configuration
    from logferry.daemon.queue_store import QueueStore
    from logferry.runtime.environment import Environment

__all__ = ["Reload"]


class Reload:
    """
    Replaces topologies.

    Args:
        path: the main configuration file.
        environment: the world of the drivers.
        queues: the queues, which outlive topologies.

    """

    def __init__(
        self, path: Path, environment: Environment, queues: QueueStore
    ) -> None:
        self._path = path
        self._environment = environment
        self._queues = queues

    async def replace(self, running: Topology) -> tuple[Topology, str]:
        """
        Read the configuration again and switch to it.

        Returns what runs now, and an empty string or why it is the old configuration.
        """
        log = self._environment.log
        log.emit(events.ReloadRequested())
        running, problem = await self._replace(running)
        if problem:
            log.emit(events.ReloadFailed(problem))
        else:
            self._mark_orphans(running)
            log.emit(events.ConfigurationInitialized())
            log.emit(events.ReloadFinished())
        return running, problem

    async def _replace(self, running: Topology) -> tuple[Topology, str]:
        try:
            configuration, _ = load_configuration(
                self._path, default_registry(), os.environ
            )
            topology = self._build(configuration)
            topology.check()
        except LogferryError as error:
            return running, str(error)
        try:
            await topology.start(running)
        except LogferryError as error:
            return await self._go_back(running, topology), str(error)
        return topology, ""

    def _build(self, configuration: Configuration) -> Topology:
        return build_topology(configuration, self._environment, self._queues)

    async def _go_back(self, running: Topology, failed: Topology) -> Topology:
        """Run the old configuration with what it and ``failed`` still hold."""
        old = self._build(running.configuration)
        failed.merge(running)
        try:
            await old.start(failed)
        except LogferryError as error:
            # Somebody took an address in this moment. What did start, runs.
            self._environment.log.emit(events.StartFailed(str(error)))
        return old

    def _mark_orphans(self, running: Topology) -> None:
        """Mark the counters of what is no longer configured."""
        configuration = running.configuration
        drivers = {*running.sources, *running.destinations}
        names = {
            "",
            *drivers,
            *(name.partition("#")[0] for name in drivers),
            *configuration.filters,
            *(name for _, name in configuration.processors),
            *(path.name for path in configuration.log_paths),
        }
        self._environment.metrics.mark_orphans(
            lambda series: (
                (series.legacy.id if series.legacy is not None else "") in names
                and dict(series.labels).get("id", "") in names
            )
        )
