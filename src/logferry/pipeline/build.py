"""From a resolved configuration to one compiled program per source driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from logferry.config.nodes import Configuration
from logferry.pipeline.program import Program
from logferry.pipeline.reception import Reception
from logferry.pipeline.rendering import Rendering
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

    """

    receptions: Mapping[str, Reception]
    renderings: Mapping[str, Rendering]
    metrics: Metrics
    host_name: str = "localhost"
    local_time_zone: str = "UTC"


def build_programs(
    configuration: Configuration, context: BuildContext
) -> dict[str, Program]:
    """
    Compile the log paths reachable from each source driver.

    Returns the programs by source driver id. Raises ``ConfigError`` with every
    problem found (unknown macros, bad patterns, unknown template functions …).
    """
    raise NotImplementedError
