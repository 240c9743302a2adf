"""The file destinations by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.config.nodes import NOWHERE, TemplateText
from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.file.destination import FileDestination
from logferry.destinations.file.options import (
    ExampleDestinationOptions,
    FileDestinationOptions,
)
from logferry.destinations.options import rendering_of

if TYPE_CHECKING:
    from logferry.codegen.rendering import Rendering
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment

__all__ = ["KINDS"]

_EXAMPLE = TemplateText("thread_id=0 message=$MSG\n", NOWHERE)
"""The reference's form; there is one thread here."""


def _rendering(spec: Spec, globals_: Options) -> Rendering:
    options = cast("FileDestinationOptions", spec.options)
    return rendering_of(
        options,
        "file",
        key=options.path,
        key_escape="path",
        default=getattr(globals_, "file_template", None),
    )


def _queue_name(spec: Spec) -> str:
    options = cast("FileDestinationOptions", spec.options)
    return f"affile_dd_qfile({options.persist_name or options.path.text})"


def _create(spec: Spec, environment: Environment, queue: Queue) -> Destination:
    return FileDestination(spec, environment, queue)


def _example_rendering(spec: Spec, globals_: Options) -> Rendering:
    del globals_
    options = cast("ExampleDestinationOptions", spec.options)
    return rendering_of(
        options, "file", key=options.path, key_escape="path", default=_EXAMPLE
    )


def _example_queue_name(spec: Spec) -> str:
    options = cast("ExampleDestinationOptions", spec.options)
    return f"example-destination({options.persist_name or options.path.text})"


KINDS = {
    "file": DestinationKind(FileDestinationOptions, _rendering, _queue_name, _create),
    "example-destination": DestinationKind(
        ExampleDestinationOptions, _example_rendering, _example_queue_name, _create
    ),
}
