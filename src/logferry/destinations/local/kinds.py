"""The local destinations by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.local.destination import LocalDestination
from logferry.destinations.local.options import (
    PipeDestinationOptions,
    ProgramDestinationOptions,
    StdoutDestinationOptions,
    TerminalDestinationOptions,
    UnixDestinationOptions,
)
from logferry.destinations.local.outlet import (
    DatagramSocket,
    Fifo,
    Outlet,
    Program,
    StandardOutput,
    StreamSocket,
    Terminals,
)
from logferry.destinations.options import WriterOptions, rendering_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.rendering import Rendering
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment

__all__ = ["KINDS"]

_OUTLETS: dict[str, Callable[..., Outlet]] = {
    "pipe": Fifo,
    "program": Program,
    "stdout": StandardOutput,
    "unix-dgram": DatagramSocket,
    "unix-stream": StreamSocket,
    "usertty": Terminals,
}


def _target(spec: Spec) -> str:
    """Return the path, command or user that a driver writes to."""
    for name in ("path", "command", "user"):
        value = getattr(spec.options, name, "")
        if value:
            return str(value)
    return ""


def _rendering(spec: Spec, globals_: Options) -> Rendering:
    assert isinstance(spec.options, WriterOptions)
    is_socket = spec.kind.startswith("unix-")
    return rendering_of(
        spec.options,
        "rfc3164" if is_socket else "file",
        default=getattr(
            globals_, "proto_template" if is_socket else "file_template", None
        ),
    )


def _queue_name(spec: Spec) -> str:
    name = getattr(spec.options, "persist_name", "")
    return f"{spec.kind}_qfile({name or _target(spec)})"


def _create(spec: Spec, environment: Environment, queue: Queue) -> Destination:
    open_outlet = partial(_OUTLETS[spec.kind], spec.options)
    return LocalDestination(spec, _target(spec), environment, queue, open_outlet)


KINDS = {
    name: DestinationKind(options, _rendering, _queue_name, _create)
    for name, options in {
        "pipe": PipeDestinationOptions,
        "program": ProgramDestinationOptions,
        "stdout": StdoutDestinationOptions,
        "unix-dgram": UnixDestinationOptions,
        "unix-stream": UnixDestinationOptions,
        "usertty": TerminalDestinationOptions,
    }.items()
}
