"""The ``http()`` destination by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.http.options import HttpDestinationOptions
from logferry.destinations.http.request import body_template, head_of, key_of
from logferry.destinations.http.setup import persist_name

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment

__all__ = ["KINDS"]


def _rendering(spec: Spec, globals_: Options) -> Rendering:
    del globals_
    options = cast("HttpDestinationOptions", spec.options)
    return Rendering(
        form="template",
        template=body_template(options),
        key=key_of(options),
        key_escape="url",
        head=head_of(options),
        time=TimeFormat(options.ts_format, options.frac_digits, options.time_zone),
        template_escape=options.template_escape,
        on_error=options.on_error,
    )


def _queue_name(spec: Spec) -> str:
    return persist_name(cast("HttpDestinationOptions", spec.options))


def _create(spec: Spec, environment: Environment, queue: Queue) -> Destination:
    from logferry.destinations.http.destination import HttpDestination  # loads aiohttp

    return HttpDestination(spec, environment, queue)


KINDS = {
    "http": DestinationKind(HttpDestinationOptions, _rendering, _queue_name, _create)
}
