"""
From a resolved configuration to one compiled program per source driver and station.

For each source, the log paths that its messages can enter are written twice: once for
``Message`` objects, once, if everything they do can be done on it, for the rows of
canonical lines (``codegen/layout.py``). ``explain()`` of a program says which form was
chosen and why.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from logferry.codegen.correlation.correlator import Correlator
from logferry.codegen.correlation.kinds import make_correlator
from logferry.codegen.directory import Directory, EmptyDirectory
from logferry.codegen.macros import MacroContext
from logferry.codegen.patterns import PatternError
from logferry.codegen.python.code import PythonFailed
from logferry.codegen.rendering import Rendering
from logferry.codegen.template_text import TemplateError
from logferry.config.diagnostics import Diagnostics
from logferry.config.nodes import (
    NOWHERE,
    Configuration,
    Deliver,
    Element,
    Junction,
    LogPath,
    Span,
)
from logferry.message.model import Message
from logferry.pipeline.compile import CompiledProgram, ProgramCompiler
from logferry.pipeline.entries import entered
from logferry.pipeline.output import Output
from logferry.pipeline.stations import Station, find_places, station_ids
from logferry.pipeline.suppression import Suppressor
from logferry.syslog.reception import Reception
from logferry.telemetry.counters import Metrics

__all__ = ["BuildContext", "Pipeline", "build_pipeline", "build_programs"]

_PROBLEMS: Final = (PatternError, PythonFailed, TemplateError, RecursionError)

_LOCAL: Final = Reception(local=True)
"""How a station receives: it never does, it is given messages."""


def _forget(message: Message) -> None:
    """Nobody wants it."""
    del message


@dataclass(frozen=True, slots=True)
class BuildContext:
    """
    What the compiler needs besides the configuration.

    Attributes:
        receptions: by source driver id.
        renderings: by destination driver id.
        host_name: our own short name.
        local_time_zone: name of the system's zone, such as ``Europe/Budapest``.
        pid: our own process id, for messages that report bad input.
        started_ns: when the program started, for ``$SYSUPTIME``.
        suppressors: by destination driver, where ``suppress()`` is set; shared by
            the programs of all sources.
        run_id: for ``$RUNID``.
        directory: where names of hosts and users are asked for.
        census: counts every message, where somebody asks for it.
        post: takes messages that correlations make for ``internal()``.
        note_failure: is told where and why an expression of ``filterx`` fails.

    """

    receptions: Mapping[str, Reception]
    renderings: Mapping[str, Rendering]
    metrics: Metrics = field(default_factory=Metrics)
    host_name: str = "localhost"
    local_time_zone: str = "UTC"
    pid: int = field(default_factory=os.getpid)
    started_ns: int = 0
    suppressors: Mapping[str, Suppressor] = field(default_factory=dict)
    census: Callable[[Message], None] | None = None
    post: Callable[[Message], None] = _forget
    run_id: int = 0
    directory: Directory = field(default_factory=EmptyDirectory)
    note_failure: Callable[[object, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """
    What a configuration is compiled to.

    Attributes:
        programs: by source driver id.
        stations: where messages wait for others; to be ticked every second.

    """

    programs: dict[str, CompiledProgram]
    stations: tuple[Station, ...] = ()


def build_programs(
    configuration: Configuration, context: BuildContext
) -> dict[str, CompiledProgram]:
    """Return just the programs of :func:`build_pipeline`."""
    return build_pipeline(configuration, context).programs


def build_pipeline(configuration: Configuration, context: BuildContext) -> Pipeline:
    """
    Compile the log paths reachable from each source driver.

    Raises ``ConfigError`` with every problem found (unknown template functions, bad
    patterns …).
    """
    return _Builder(configuration, context).build()


class _Builder:
    """Builds the pipeline of one configuration."""

    def __init__(self, configuration: Configuration, context: BuildContext) -> None:
        self._configuration = configuration
        self._context = context
        self._diagnostics = Diagnostics()
        self._log_paths, self._places = find_places(configuration.log_paths)
        self._correlators: dict[str, Correlator] = {}
        # From the time of the start, so that no number comes twice after another start.
        self._ids = itertools.count(context.started_ns // 10_000)

    def build(self) -> Pipeline:
        """Compile everything. Raises ``ConfigError``."""
        for place in self._places:
            try:
                self._correlators[place.spec.id] = make_correlator(
                    place.spec, place.number, self._macros(), self._context.post
                )
            except _PROBLEMS as error:
                self._report(error, place.spec.span)
        self._diagnostics.raise_errors()
        programs = {}
        for source_id, reception in self._context.receptions.items():
            entries = (entered(path, source_id) for path in self._log_paths)
            paths = [path for path in entries if path is not None]
            program = self._compile(source_id, paths, reception)
            if program is not None:
                programs[source_id] = program
        stations = []
        for place in self._places:
            name = place.spec.id
            program = self._compile(name, [place.continuation], _LOCAL)
            if program is not None:
                stations.append(Station(name, self._correlators[name], program))
        self._diagnostics.raise_errors()
        return Pipeline(programs, tuple(stations))

    def _compile(
        self, source_id: str, paths: list[LogPath], reception: Reception
    ) -> CompiledProgram | None:
        context = self._context
        group = source_id.partition("#")[0]
        tagged = replace(reception, tags=(*reception.tags, f".source.{group}"))
        passed = frozenset[str]().union(*map(station_ids, paths))
        compiler = ProgramCompiler(
            source_id,
            paths,
            _outputs(paths, self._configuration, context),
            tagged,
            self._macros(source_id),
            metrics=context.metrics,
            local_time_zone=context.local_time_zone,
            pid=context.pid,
            census=context.census if reception is not _LOCAL else None,
            correlators={
                name: item for name, item in self._correlators.items() if name in passed
            },
        )
        try:
            return compiler.compile()
        except _PROBLEMS as error:
            self._report(error, paths[0].span if paths else NOWHERE)
            return None

    def _macros(self, source_id: str = "") -> MacroContext:
        context, configuration = self._context, self._configuration
        # What is said of our own messages must not become such messages.
        group = configuration.sources.get(source_id.partition("#")[0])
        is_own = group is not None and any(
            spec.kind == "internal" for spec in group.drivers
        )
        has_ids = bool(getattr(configuration.options, "use_uniqid", False))
        return MacroContext(
            host_name=context.host_name.encode(),
            started_ns=context.started_ns,
            metrics=context.metrics,
            filters=configuration.filters,
            templates=configuration.templates,
            version=configuration.version,
            python=configuration.python,
            take_id=self._ids.__next__ if has_ids else None,
            run_id=context.run_id,
            directory=context.directory,
            note_failure=None if is_own else context.note_failure,
            has_chains=any(
                reception.chain_hostnames for reception in context.receptions.values()
            ),
            on_error=getattr(configuration.options, "on_error", "drop-message"),
        )

    def _report(self, error: Exception, span: Span) -> None:
        """Report what went wrong at its place or at ``span``."""
        if isinstance(error, RecursionError):
            self._diagnostics.error(
                "a log path has too many elements one after the other",
                span,
                "divide it: what follows can be a log path of its own",
            )
        else:
            self._diagnostics.error(str(error), getattr(error, "place", None) or span)


def _outputs(
    paths: list[LogPath], configuration: Configuration, context: BuildContext
) -> dict[str, Output]:
    is_global = bool(getattr(configuration.options, "log_flow_control", False))
    outputs: dict[str, Output] = {}
    for path in paths:
        _collect(path, is_global, context, outputs)
    return outputs


def _collect(
    path: LogPath,
    flow_controlled: bool,
    context: BuildContext,
    outputs: dict[str, Output],
) -> None:
    if "flow-control" in path.flags:
        flow_controlled = True
    elif "no-flow-control" in path.flags:
        flow_controlled = False
    for element in path.elements:
        _collect_element(element, flow_controlled, context, outputs)


def _collect_element(
    element: Element,
    flow_controlled: bool,
    context: BuildContext,
    outputs: dict[str, Output],
) -> None:
    match element:
        case Deliver(group):
            for spec in group.drivers:
                rendering = context.renderings[spec.id]
                output = outputs.setdefault(
                    spec.id,
                    Output(spec.id, len(outputs), rendering, rendering.key is not None),
                )
                output.flow_controlled = output.flow_controlled or flow_controlled
                output.suppressor = context.suppressors.get(spec.id)
            if group.channel is not None:
                _collect(group.channel, flow_controlled, context, outputs)
        case Junction(branches):
            for branch in branches:
                _collect(branch, flow_controlled, context, outputs)
        case LogPath():
            _collect(element, flow_controlled, context, outputs)
        case _:
            pass
