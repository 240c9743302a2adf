"""
From a resolved configuration to one compiled program per source driver.

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

from logferry.codegen.macros import MacroContext
from logferry.codegen.patterns import PatternError
from logferry.codegen.python.code import PythonFailed
from logferry.codegen.rendering import Rendering
from logferry.codegen.template_text import TemplateError
from logferry.config.diagnostics import Diagnostics
from logferry.config.nodes import (
    Configuration,
    Deliver,
    Element,
    Junction,
    LogPath,
)
from logferry.message.model import Message
from logferry.pipeline.compile import CompiledProgram, ProgramCompiler
from logferry.pipeline.entries import entered
from logferry.pipeline.paths import Output
from logferry.pipeline.suppression import Suppressor
from logferry.syslog.reception import Reception
from logferry.telemetry.counters import Metrics

__all__ = ["BuildContext", "build_programs"]


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
        census: counts every message, where somebody asks for it.

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


def build_programs(
    configuration: Configuration, context: BuildContext
) -> dict[str, CompiledProgram]:
    """
    Compile the log paths reachable from each source driver.

    Returns the programs by source driver id. Raises ``ConfigError`` with every
    problem found (unknown template functions, bad patterns …).
    """
    diagnostics = Diagnostics()
    programs = {}
    # From the time of the start, so that no number comes twice after another start.
    ids = itertools.count(context.started_ns // 10_000)
    has_ids = bool(getattr(configuration.options, "use_uniqid", False))
    for source_id, reception in context.receptions.items():
        entries = (entered(path, source_id) for path in configuration.log_paths)
        paths = [path for path in entries if path is not None]
        outputs = _outputs(paths, configuration, context)
        group = source_id.partition("#")[0]
        tagged = replace(reception, tags=(*reception.tags, f".source.{group}"))
        macros = MacroContext(
            host_name=context.host_name.encode(),
            started_ns=context.started_ns,
            metrics=context.metrics,
            filters=configuration.filters,
            templates=configuration.templates,
            version=configuration.version,
            python=configuration.python,
            take_id=ids.__next__ if has_ids else None,
            on_error=getattr(configuration.options, "on_error", "drop-message"),
        )
        compiler = ProgramCompiler(
            source_id,
            paths,
            outputs,
            tagged,
            macros,
            metrics=context.metrics,
            local_time_zone=context.local_time_zone,
            pid=context.pid,
            census=context.census,
        )
        try:
            programs[source_id] = compiler.compile()
        except (PatternError, PythonFailed, TemplateError) as error:
            span = getattr(error, "place", None)
            diagnostics.error(str(error), span or paths[0].span)
        except RecursionError:
            diagnostics.error(
                "a log path has too many elements one after the other",
                paths[0].span,
                "divide it: what follows can be a log path of its own",
            )
    diagnostics.raise_errors()
    return programs


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
