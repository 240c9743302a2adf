"""
The running drivers of one configuration, and how they pass on to the next one.

Building a topology binds nothing and starts nothing: every error of a configuration
shows before the old one is touched. ``start`` then takes over what can be kept:

* a *queue* belongs to its name (``persist-name()`` or the driver's addresses) and goes
  to the driver of the new configuration with that name;
* a *driver* whose kind, name and options did not change goes on as it is, with its
  connections; a kept source gets the new program put into its channel.

The order is: new destinations are made, so that their queues exist; sources that are
kept change over to the new programs in one step; new sources take over listeners and
connections of old ones with the same address; old sources that end stop, old
destinations put back what is under way or retire (``retirement.py``); new destinations
start, then new sources.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

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
    TemplateText,
)
from logferry.daemon.census import census_of
from logferry.daemon.events import FilterxFailed
from logferry.daemon.hooks import run_hooks
from logferry.daemon.ledgers import Ledgers, labels_of
from logferry.daemon.own_messages import OwnMessages, OwnMessagesPlan
from logferry.daemon.registry import destination_kinds, source_kinds
from logferry.daemon.retirement import Retirement, RunningDestination
from logferry.daemon.stats_clock import stats_options
from logferry.destinations.base import Heir
from logferry.errors import LogferryError, StateError
from logferry.pipeline.build import BuildContext, build_pipeline
from logferry.pipeline.suppression import Suppressor
from logferry.runtime.channel import Channel, Route, Watch
from logferry.runtime.directory import MachineDirectory, naming_by_default
from logferry.runtime.guard import GuardedProgram
from logferry.runtime.waiting import WaitingRoom
from logferry.sources.base import Inheriting, Reloadable
from logferry.telemetry.counters import Counter, Legacy
from logferry.telemetry.flows import Measured
from logferry.telemetry.histograms import PROCESSING_LATENCY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from logferry.config.options import GlobalOptions
    from logferry.daemon.queue_store import QueueStore
    from logferry.pipeline.program import Program
    from logferry.pipeline.stations import Station
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Source
    from logferry.telemetry.flows import Cutter, Flow

__all__ = ["Topology", "build_topology"]


@dataclass(slots=True)
class _RunningSource:
    spec: Spec
    source: Source
    channel: Channel


_LATENCY_LEVEL = 2
_PROCESSED = "processed"

_COUNTING_KINDS = frozenset(
    ("network", "syslog", "tcp", "tcp6", "udp", "udp6", "file", "wildcard-file")
)
"""Sources that have a row for each client or file."""

_R = TypeVar("_R", _RunningSource, RunningDestination)


class Topology:
    """What runs, or is ready to run."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Environment,
        queues: QueueStore,
        programs: Mapping[str, Program],
        stations: Sequence[Station] = (),
    ) -> None:
        self.configuration = configuration
        self.stations = stations
        self._waiting: WaitingRoom | None = None
        self.programs = programs
        self._environment = environment
        self._queues = queues
        self.sources: dict[str, _RunningSource] = {}
        self.destinations: dict[str, RunningDestination] = {}
        self.cutters: dict[str, Cutter] = {}  # by destination
        self._switched_off: set[str] = set()  # by hand
        self.retirement: Retirement  # from ``start`` on, one for all topologies
        self.own_messages: OwnMessagesPlan | None = None
        self._speaker: OwnMessages | None = None

    def check(self) -> None:
        """
        Look at the files that sources need. Raises ``LogferryError``.

        Before a reload: a source whose old files are gone and whose new ones are bad
        could not be started again on the way back.
        """
        for is_source, spec in _specs(self.configuration):
            check = source_kinds()[spec.kind].check if is_source else None
            if check is not None:
                check(spec, self._environment)

    async def start(self, previous: Topology | None = None) -> None:
        """
        Start all drivers, taking over what ``previous`` can hand on.

        Raises ``TransportError`` when a source cannot listen. What runs then is in
        this topology and in what is left of ``previous``: :meth:`merge` brings it
        together for the way back.
        """
        specs = list(_specs(self.configuration))
        sources = [spec for is_source, spec in specs if is_source]
        if previous is not None:
            previous.hush()
        old = previous or Topology(
            self.configuration, self._environment, self._queues, {}
        )
        self.retirement = previous.retirement if previous else self._new_retirement()
        fresh = await self._take_destinations(specs, old)
        changed = [item for item in sources if not _has_same(old.sources, item)]
        try:
            made = [self._make_source(item) for item in changed]
        except LogferryError:
            await self._give_back(fresh)
            raise
        self._join_cutters()
        # From here to the first await, sources that are kept change over to queues
        # that exist already, so that no record goes to a driver that has ended.
        self._waiting = self._make_waiting_room(previous)
        kept = [spec.id for spec in sources if self._keep_source(spec, old)]
        for item in made:
            self._begin_source(item, old)
        await self._end(old)
        await self._queues.finish_moves()
        new = [running.spec for running, _ in fresh] + [item.spec for item in made]
        hooks = ("setup",) if previous else ("startup", "setup")
        await run_hooks(new, hooks, self._environment.log)
        for running, ancestor in fresh:
            if ancestor is not None and isinstance(running.destination, Heir):
                running.destination.inherit(ancestor.destination)
            await running.destination.start()
        for item in made:
            await item.source.start()
        for name in kept:
            source = self.sources[name].source
            if isinstance(source, Reloadable):
                source.on_reload()
        if self.own_messages is not None:
            pushes = {
                name: item.destination.push for name, item in self.destinations.items()
            }
            self._count_suppressed(self.own_messages.context.suppressors)
            self._speaker = self.own_messages.make(pushes)
            self._speaker.start(asyncio.get_running_loop())
        self._waiting.start(asyncio.get_running_loop())

    def _count_suppressed(self, suppressors: Mapping[str, Suppressor]) -> None:
        """Show what ``suppress()`` holds back beside what is delivered."""
        for name, suppressor in suppressors.items():
            spec = self.destinations[name].spec
            labels = labels_of(spec, self.destinations[name].destination)
            address = labels.get("address")
            path = getattr(spec.options, "path", "")
            path = path.text if isinstance(path, TemplateText) else str(path)
            instance = f"{labels['transport']},{address}" if address else path
            suppressor.suppressed = self._environment.metrics.counter(
                "output_events_total",
                {**labels, "result": "suppressed"},
                legacy=Legacy(f"dst.{spec.kind}", spec.id, instance, "suppressed"),
            )

    def _make_waiting_room(self, previous: Topology | None) -> WaitingRoom:
        """Return who ticks the stations, with what waited at them before."""
        channels = {
            item.id: Channel(
                self._route_of(item.program, item.id),
                self._environment.now,
                Counter(),
                is_acknowledged=True,
            )
            for item in self.stations
        }
        room = WaitingRoom(self._environment, self.stations, channels)
        if previous is None:
            room.restore()
        elif previous._waiting is not None:
            room.inherit(previous._waiting)
        return room

    def hush(self) -> None:
        """Write the counts of what was held back; no marks from here on."""
        if self._speaker is not None:
            self._speaker.stop()
            self._speaker = None
        if self._waiting is not None:
            self._waiting.stop()

    def _new_retirement(self) -> Retirement:
        environment = self._environment
        return Retirement(
            self._queues,
            Ledgers(environment.metrics),
            environment.log,
            environment.clock,
        )

    async def _take_destinations(
        self, specs: list[tuple[bool, Spec]], old: Topology
    ) -> list[tuple[RunningDestination, RunningDestination | None]]:
        """Keep what did not change, make the rest; see ``_make_destination``."""
        fresh = []
        try:
            for is_source, spec in specs:
                if not is_source and not await self._keep_destination(spec, old):
                    fresh.append(self._make_destination(spec, old))
        except LogferryError:
            await self._give_back(fresh)
            raise
        return fresh

    async def _give_back(
        self, fresh: list[tuple[RunningDestination, RunningDestination | None]]
    ) -> None:
        """Forget new drivers; nothing was pushed: the old ones go on as they are."""
        for running, _ in fresh:
            del self.destinations[running.spec.id]
        await self._queues.undo_moves()

    async def _keep_destination(self, spec: Spec, old: Topology) -> bool:
        """Go on with a driver that did not change; tell whether there is one."""
        if not getattr(spec.options, "keep_alive", True):
            return False  # its connection ends with every reload
        name = destination_kinds()[spec.kind].queue_name(spec)
        running = _take_same(old.destinations, spec)
        if running is None:
            called_back = await self.retirement.call_back(name)
            if called_back is not None and _is_same(called_back.spec, spec):
                running = called_back
            elif called_back is not None:
                await called_back.destination.stop(0.0)
        if running is None:
            return False
        self.destinations[spec.id] = RunningDestination(spec, name, running.destination)
        return True

    def _make_destination(
        self, spec: Spec, old: Topology
    ) -> tuple[RunningDestination, RunningDestination | None]:
        """Make a driver; return it and the old one that had its queue, if any."""
        kind = destination_kinds()[spec.kind]
        name = kind.queue_name(spec)
        queue = self._queues.make(name, spec)
        destination = kind.create(spec, self._environment, queue)
        running = RunningDestination(spec, name, destination)
        self.destinations[spec.id] = running
        self.retirement.ledgers.follow(name, queue, spec, destination)
        for ancestor in old.destinations.values():
            if ancestor.queue_name == name or ancestor.spec.id == spec.id:
                return running, ancestor
        return running, None

    def _keep_source(self, spec: Spec, old: Topology) -> bool:
        """Go on with a driver that did not change; tell whether there is one."""
        running = _take_same(old.sources, spec)
        if running is None:
            return False
        running.channel.replace(self._route(spec))
        self.sources[spec.id] = _RunningSource(spec, running.source, running.channel)
        if spec.id in old._switched_off:
            self._switched_off.add(spec.id)
        return True

    def _make_source(self, spec: Spec) -> _RunningSource:
        """Make a driver, which changes nothing yet. May raise ``LogferryError``."""
        kind = source_kinds()[spec.kind]
        metrics = self._environment.metrics
        channel = Channel(
            self._route(spec),
            self._environment.now,
            metrics.counter("", legacy=Legacy("source", _group(spec), "", _PROCESSED)),
            driver=self._driver_counter(spec),
            stamp=self._driver_stamp(spec),
            size=self._driver_size(spec),
            flow=self._driver_flow(spec),
            received=metrics.counter(
                "", legacy=Legacy("center", "", "received", _PROCESSED)
            ),
            queued=metrics.counter(
                "", legacy=Legacy("center", "", "queued", _PROCESSED)
            ),
            is_acknowledged=kind.is_acknowledged,
        )
        source = kind.create(spec, self._environment, channel)
        return _RunningSource(spec, source, channel)

    def _begin_source(self, item: _RunningSource, old: Topology) -> None:
        """Give a new driver the sockets of an old one that had its address."""
        if isinstance(item.source, Inheriting):
            for ancestor in old.sources.values():
                if item.source.inherit(ancestor.source):
                    break
        # Known from here on: what it inherited must not get lost when it cannot start.
        self.sources[item.spec.id] = item

    def _driver_counter(self, spec: Spec) -> Counter | None:
        """Return the counter of a source that has none by client or by file."""
        if spec.kind in _COUNTING_KINDS:
            return None
        return self._environment.metrics.counter(
            "input_events_total",
            {"driver": spec.kind, "id": spec.id},
            level=1,
            legacy=Legacy(*_source_row(spec), _PROCESSED),
            legacy_level=0,
        )

    def _driver_size(self, spec: Spec) -> Counter | None:
        if spec.kind in {*_COUNTING_KINDS, "internal"}:
            return None
        return self._environment.metrics.counter(
            "input_event_bytes_total", {"driver": spec.kind, "id": spec.id}, level=1
        )

    def _driver_stamp(self, spec: Spec) -> Counter | None:
        if spec.kind in _COUNTING_KINDS:
            return None
        return self._environment.metrics.gauge(
            "", legacy=Legacy(*_source_row(spec), "stamp")
        )

    def _driver_flow(self, spec: Spec) -> Flow | None:
        if spec.kind in {*_COUNTING_KINDS, "internal"}:  # events never were bytes
            return None
        return self._environment.metrics.flow(_source_row(spec), newline_bytes=0)

    def _join_cutters(self) -> None:
        """Let ``truncate-size()`` count where its destination's rows are."""
        for name, cutter in self.cutters.items():
            destination = self.destinations[name].destination
            if isinstance(destination, Measured):
                cutter.owner = destination

    async def _end(self, old: Topology) -> None:
        """Stop the drivers that have no equal here: sources first."""
        ended = old.specs()
        for name, item in tuple(old.sources.items()):
            await item.source.stop()
            del old.sources[name]
        if old._waiting is not None:
            old._waiting.flush()
        queues = {running.queue_name for running in self.destinations.values()}
        replaced = []
        for name, running in tuple(old.destinations.items()):
            if running.queue_name in queues:
                replaced.append(running)
            else:
                self.retirement.take(running)
            del old.destinations[name]
        await _stop_all(replaced, 0.0)
        await run_hooks(ended, ("teardown",), self._environment.log)

    def merge(self, other: Topology) -> None:
        """Take the drivers of ``other`` in, to hand on or stop all together."""
        for name, item in other.sources.items():
            self.sources.setdefault(name, item)
        for name, running in other.destinations.items():
            self.destinations.setdefault(name, running)
        self._waiting = self._waiting or other._waiting

    def _route(self, spec: Spec) -> Route:
        route = self._route_of(self.programs[spec.id], spec.id)
        options = stats_options(cast("GlobalOptions", self.configuration.options))
        if options.level < _LATENCY_LEVEL:
            return route
        histogram = self._environment.metrics.histogram(
            "event_processing_latency_seconds",
            {"driver": spec.kind, "id": spec.id, "measurement_point": "input"},
            PROCESSING_LATENCY,
            level=_LATENCY_LEVEL,
        )
        return replace(route, watch=Watch(self._environment.clock, histogram))

    def _route_of(self, program: Program, name: str) -> Route:
        metrics = self._environment.metrics
        faults = metrics.counter("processing_faults_total", {"id": name})
        running = [self.destinations[name] for name in program.outputs]
        return Route(
            GuardedProgram(program, name, self._environment.log, faults),
            tuple(item.destination.push for item in running),
            tuple(
                metrics.counter(
                    "", legacy=Legacy("destination", _group(item.spec), "", _PROCESSED)
                )
                for item in running
            ),
        )

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

    def specs(self) -> list[Spec]:
        """Return the configuration of everything that runs."""
        return [item.spec for item in self.sources.values()] + [
            item.spec for item in self.destinations.values()
        ]

    def queues(self) -> list[Queue]:
        """Return the queues of all destinations."""
        return [
            self._queues.get(running.queue_name)
            for running in self.destinations.values()
        ]

    def reopen(self) -> None:
        """Reopen the files of all destinations."""
        for running in self.destinations.values():
            running.destination.reopen()

    async def stop(self, grace_s: float) -> None:
        """Stop intake, deliver for at most ``grace_s`` seconds, save the rest."""
        ended = self.specs()
        clock = self._environment.clock
        deadline = clock() + grace_s
        await asyncio.gather(*(item.source.stop() for item in self.sources.values()))
        self.sources.clear()
        self.hush()
        if self._waiting is not None:
            self._waiting.keep()
        grace_s = max(0.0, deadline - clock())
        await asyncio.gather(
            _stop_all(list(self.destinations.values()), grace_s),
            self.retirement.stop(grace_s),
        )
        self.destinations.clear()
        await run_hooks(ended, ("teardown", "shutdown"), self._environment.log)


async def _stop_all(destinations: list[RunningDestination], grace_s: float) -> None:
    """Stop them side by side: one that waits must not take the others' time."""
    await asyncio.gather(
        *(running.destination.stop(grace_s) for running in destinations)
    )


def build_topology(
    configuration: Configuration, environment: Environment, queues: QueueStore
) -> Topology:
    """
    Compile ``configuration`` without touching the world.

    Raises ``ConfigError``.
    """
    specs = list(_specs(configuration))
    _check_persist_names(specs)
    renderings = {
        spec.id: destination_kinds()[spec.kind].rendering(spec, configuration.options)
        for is_source, spec in specs
        if not is_source
    }
    suppressors = {
        name: Suppressor(
            rendering.suppress_s, environment.host_name.encode(), os.getpid()
        )
        for name, rendering in renderings.items()
        if rendering.suppress_s
    }
    context = BuildContext(
        receptions={
            spec.id: source_kinds()[spec.kind].reception(spec)
            for is_source, spec in specs
            if is_source
        },
        renderings=renderings,
        suppressors=suppressors,
        census=census_of(
            stats_options(cast("GlobalOptions", configuration.options)),
            environment.metrics,
        ),
        metrics=environment.metrics,
        host_name=environment.host_name,
        local_time_zone=environment.time_zone,
        started_ns=environment.started_ns,
        post=environment.inbox.post,
        run_id=environment.run_id,
        note_failure=lambda place, reason: environment.log.emit(
            FilterxFailed(reason, place)
        ),
        directory=MachineDirectory(
            naming_by_default(cast("GlobalOptions", configuration.options)),
            environment.clock,
        ),
    )
    pipeline = build_pipeline(configuration, context)
    programs = pipeline.programs
    topology = Topology(configuration, environment, queues, programs, pipeline.stations)
    topology.cutters = {name: item.cutter for name, item in renderings.items()}
    topology.own_messages = OwnMessagesPlan(
        environment,
        configuration,
        tuple(spec for is_source, spec in specs if not is_source),
        context,
        programs,
    )
    return topology


def _persist_name(spec: Spec, *, is_source: bool) -> str:
    """Return the name that a driver's queue or position is kept under, if any."""
    if not is_source:
        return destination_kinds()[spec.kind].queue_name(spec)
    name_of = source_kinds()[spec.kind].persist_name
    return name_of(spec) if name_of is not None else ""


def _check_persist_names(specs: list[tuple[bool, Spec]]) -> None:
    diagnostics = Diagnostics()
    seen: dict[str, Spec] = {}
    for is_source, spec in specs:
        name = _persist_name(spec, is_source=is_source)
        if name and name in seen:
            diagnostics.error(
                "Automatic assignment of persist names failed, as conflicting "
                f"persist-names were found: '{name}' is also that of "
                f"{seen[name].id} at {seen[name].span}",
                spec.span,
                "give one of them a persist-name() of its own",
            )
        seen[name] = spec
    diagnostics.raise_errors()


def _group(spec: Spec) -> str:
    """Return the name of the statement that a driver belongs to."""
    return spec.id.partition("#")[0]


def _source_row(spec: Spec) -> tuple[str, str, str]:
    instance = str(getattr(spec.options, "path", "") or "")
    return f"src.{spec.kind}", spec.id, instance


def _is_same(old: Spec, new: Spec) -> bool:
    return old.id == new.id and old.kind == new.kind and old.options == new.options


def _has_same(running: Mapping[str, _R], spec: Spec) -> bool:
    return spec.id in running and _is_same(running[spec.id].spec, spec)


def _take_same(running: dict[str, _R], spec: Spec) -> _R | None:
    return running.pop(spec.id) if _has_same(running, spec) else None


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
