"""
The running drivers of one configuration, and how they pass on to the next one.

Building a topology binds nothing and starts nothing: every error of a configuration
shows before the old one is touched. ``start`` then takes over what can be kept:

* a *queue* belongs to its name (``persist-name()`` or the driver's addresses) and goes
  to the driver of the new configuration with that name;
* a *driver* whose kind, name and options did not change goes on as it is, with its
  connections; a kept source gets the new program put into its channel.

The order is: old sources that end stop first (they free their ports), old
destinations that end put back what is under way, new destinations start, new sources
start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from logferry.config.diagnostics import Diagnostics
from logferry.config.nodes import (
    Configuration,
    Deliver,
    Element,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
    Spec,
)
from logferry.daemon.registry import destination_kinds, source_kinds
from logferry.errors import StateError
from logferry.pipeline.build import BuildContext, build_programs
from logferry.runtime.channel import Channel, Route
from logferry.telemetry.counters import Legacy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from logferry.daemon.queue_store import QueueStore
    from logferry.destinations.base import Destination
    from logferry.pipeline.program import Program
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Source

__all__ = ["Topology", "build_topology"]


@dataclass(slots=True)
class _RunningSource:
    spec: Spec
    source: Source
    channel: Channel


@dataclass(slots=True)
class _RunningDestination:
    spec: Spec
    queue_name: str
    destination: Destination


_R = TypeVar("_R", _RunningSource, _RunningDestination)


class Topology:
    """What runs, or is ready to run."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Environment,
        queues: QueueStore,
        programs: Mapping[str, Program],
    ) -> None:
        self.configuration = configuration
        self.programs = programs
        self._environment = environment
        self._queues = queues
        self.sources: dict[str, _RunningSource] = {}
        self.destinations: dict[str, _RunningDestination] = {}
        self._switched_off: set[str] = set()  # by hand, until the next reload

    async def start(self, previous: Topology | None = None) -> None:
        """
        Start all drivers, taking over what ``previous`` can hand on.

        Raises ``TransportError`` when a source cannot listen; nothing runs then
        unless it was running before.
        """
        specs = list(_specs(self.configuration))
        sources = [spec for is_source, spec in specs if is_source]
        destinations = [spec for is_source, spec in specs if not is_source]
        if previous is not None:
            await self._release(previous, sources, destinations)
        for spec in destinations:
            await self._start_destination(spec, previous)
        try:
            for spec in sources:
                await self._start_source(spec, previous)
        except BaseException:
            await self.stop(0.0)
            raise

    async def _release(
        self, previous: Topology, sources: list[Spec], destinations: list[Spec]
    ) -> None:
        """Stop the drivers of ``previous`` that have no equal here."""
        for old in tuple(previous.sources.values()):
            if not any(_is_same(old.spec, spec) for spec in sources):
                await old.source.stop()
                del previous.sources[old.spec.id]
        for name, running in tuple(previous.destinations.items()):
            if not any(_is_same(running.spec, spec) for spec in destinations):
                await running.destination.stop(0.0)
                del previous.destinations[name]

    async def _start_destination(self, spec: Spec, previous: Topology | None) -> None:
        kind = destination_kinds()[spec.kind]
        name = kind.queue_name(spec)
        old = _take_same(previous.destinations, spec) if previous else None
        if old is not None:
            self.destinations[spec.id] = _RunningDestination(
                spec, name, old.destination
            )
            return
        queue = self._queues.queue(name, spec)
        destination = kind.create(spec, self._environment, queue)
        self.destinations[spec.id] = _RunningDestination(spec, name, destination)
        await destination.start()

    async def _start_source(self, spec: Spec, previous: Topology | None) -> None:
        kind = source_kinds()[spec.kind]
        if self._environment.worker_index and not kind.runs_everywhere:
            return
        route = self._route(spec)
        old = _take_same(previous.sources, spec) if previous else None
        if old is not None:
            old.channel.replace(route)
            self.sources[spec.id] = _RunningSource(spec, old.source, old.channel)
            return
        channel = Channel(
            route,
            self._environment.now,
            self._environment.metrics.counter(
                "",
                legacy=Legacy("source", spec.id.partition("#")[0], "", "processed"),
            ),
            is_acknowledged=kind.is_acknowledged,
        )
        source = kind.create(spec, self._environment, channel)
        await source.start()
        self.sources[spec.id] = _RunningSource(spec, source, channel)

    def _route(self, spec: Spec) -> Route:
        program = self.programs[spec.id]
        pushes = tuple(
            self.destinations[name].destination.push for name in program.outputs
        )
        return Route(program, pushes)

    def source_states(self) -> dict[str, str]:
        """Return ``running`` or ``stopped`` by source driver."""
        return {
            name: "stopped" if name in self._switched_off else "running"
            for name in self.sources
        }

    async def switch_source(self, name: str, *, is_on: bool) -> None:
        """
        Stop or start one source (a driver's id, or its statement's name).

        Raises ``StateError`` for an unknown name, ``TransportError`` when it cannot
        listen.
        """
        names = [
            item for item in self.sources if name in {item, item.partition("#")[0]}
        ]
        if not names:
            raise StateError(f"no source '{name}' is running")
        for item in names:
            source = self.sources[item].source
            if is_on and item in self._switched_off:
                await source.start()
                self._switched_off.discard(item)
            elif not is_on and item not in self._switched_off:
                await source.stop()
                self._switched_off.add(item)

    def reopen(self) -> None:
        """Reopen the files of all destinations."""
        for running in self.destinations.values():
            running.destination.reopen()

    async def stop(self, grace_s: float) -> None:
        """Stop intake, deliver for at most ``grace_s`` seconds, save the rest."""
        for source in self.sources.values():
            await source.source.stop()
        self.sources.clear()
        for running in self.destinations.values():
            await running.destination.stop(grace_s)
        self.destinations.clear()


def build_topology(
    configuration: Configuration, environment: Environment, queues: QueueStore
) -> Topology:
    """
    Compile ``configuration`` without touching the world.

    Raises ``ConfigError``.
    """
    specs = list(_specs(configuration))
    _check_queue_names([spec for is_source, spec in specs if not is_source])
    context = BuildContext(
        receptions={
            spec.id: source_kinds()[spec.kind].reception(spec)
            for is_source, spec in specs
            if is_source
        },
        renderings={
            spec.id: destination_kinds()[spec.kind].rendering(
                spec, configuration.options
            )
            for is_source, spec in specs
            if not is_source
        },
        metrics=environment.metrics,
        host_name=environment.host_name,
        local_time_zone=environment.time_zone,
    )
    programs = build_programs(configuration, context)
    return Topology(configuration, environment, queues, programs)


def _check_queue_names(destinations: list[Spec]) -> None:
    diagnostics = Diagnostics()
    seen: dict[str, Spec] = {}
    for spec in destinations:
        name = destination_kinds()[spec.kind].queue_name(spec)
        if name in seen:
            diagnostics.error(
                "Automatic assignment of persist names failed, as conflicting "
                f"persist-names were found: '{name}' is also that of "
                f"{seen[name].id} at {seen[name].span}",
                spec.span,
                "give one of them a persist-name() of its own",
            )
        seen[name] = spec
    diagnostics.raise_errors()


def _is_same(old: Spec, new: Spec) -> bool:
    return old.id == new.id and old.kind == new.kind and old.options == new.options


def _take_same(running: dict[str, _R], spec: Spec) -> _R | None:
    old = running.get(spec.id)
    if old is None or not _is_same(old.spec, spec):
        return None
    del running[spec.id]
    return old


def _specs(configuration: Configuration) -> Iterator[tuple[bool, Spec]]:
    """Yield (is source, driver) for every driver that a log path uses, once."""
    seen = set()
    for path in configuration.log_paths:
        for is_source, spec in _specs_of(path.elements):
            if (is_source, spec.id) not in seen:
                seen.add((is_source, spec.id))
                yield is_source, spec


def _specs_of(elements: tuple[Element, ...]) -> Iterator[tuple[bool, Spec]]:
    for element in elements:
        match element:
            case Sources(group):
                yield from ((True, spec) for spec in group.drivers)
            case Deliver(group):
                yield from ((False, spec) for spec in group.drivers)
                if group.channel is not None:
                    yield from _specs_of(group.channel.elements)
            case Junction(branches):
                for branch in branches:
                    yield from _specs_of(branch.elements)
            case LogPath():
                yield from _specs_of(element.elements)
            case ProcessStep():
                steps = tuple(
                    step for step in element.steps if not isinstance(step, Spec)
                )
                yield from _specs_of(steps)
            case _:
                pass
