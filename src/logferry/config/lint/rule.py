"""What a rule is, and the routes of messages that most of them look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from logferry.config.nodes import (
    Deliver,
    Element,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
    Spec,
)

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration, Span
    from logferry.config.schema import Options

__all__ = [
    "Finding",
    "Route",
    "Rule",
    "destinations",
    "elements_of",
    "option",
    "routes",
    "sources",
]


class Finding(NamedTuple):
    """One thing that a rule found."""

    message: str
    span: Span
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A check: ``doc`` says what it looks for, ``find`` yields what it finds."""

    name: str
    doc: str
    find: Callable[[Configuration], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Route:
    """Messages of these sources reach this destination driver."""

    path: LogPath
    sources: tuple[Spec, ...]
    destination: Spec
    is_flow_controlled: bool


def option(options: Options | None, name: str, default: object = None) -> object:
    """Return the value of an option by its attribute's name, if there is one."""
    return getattr(options, name, default) if options is not None else default


def elements_of(elements: tuple[Element | Spec, ...]) -> Iterator[Element | Spec]:
    """Yield ``elements`` and all that is inside of them."""
    for element in elements:
        yield element
        match element:
            case Junction(branches):
                for branch in branches:
                    yield from elements_of(branch.elements)
            case LogPath():
                yield from elements_of(element.elements)
            case ProcessStep():
                yield from elements_of(element.steps)
            case Deliver(group) if group.channel is not None:
                yield from elements_of(group.channel.elements)
            case _:
                pass


def sources(configuration: Configuration) -> dict[str, Spec]:
    """Return the source drivers that log paths use, by their ids."""
    return {
        spec.id: spec
        for path in configuration.log_paths
        for element in elements_of(path.elements)
        if isinstance(element, Sources)
        for spec in element.group.drivers
    }


def destinations(configuration: Configuration) -> dict[str, Spec]:
    """Return the destination drivers that log paths use, by their ids."""
    return {
        spec.id: spec
        for path in configuration.log_paths
        for element in elements_of(path.elements)
        if isinstance(element, Deliver)
        for spec in element.group.drivers
    }


def routes(configuration: Configuration) -> Iterator[Route]:
    """Yield every way from sources to a destination driver."""
    everything = tuple(sources(configuration).values())
    is_default = bool(option(configuration.options, "log_flow_control", default=False))
    for path in configuration.log_paths:
        if "catchall" in path.flags:
            entered = everything
        else:
            entered = tuple(
                spec
                for element in elements_of(path.elements)
                if isinstance(element, Sources)
                for spec in element.group.drivers
            )
        for destination, is_controlled in _deliveries(path, is_default=is_default):
            yield Route(path, entered, destination, is_controlled)


def _deliveries(path: LogPath, *, is_default: bool) -> Iterator[tuple[Spec, bool]]:
    is_controlled = is_default
    if "flow-control" in path.flags:
        is_controlled = True
    elif "no-flow-control" in path.flags:
        is_controlled = False
    for element in path.elements:
        match element:
            case Deliver(group):
                yield from ((spec, is_controlled) for spec in group.drivers)
                if group.channel is not None:
                    yield from _deliveries(group.channel, is_default=is_controlled)
            case Junction(branches):
                for branch in branches:
                    yield from _deliveries(branch, is_default=is_controlled)
            case LogPath():
                yield from _deliveries(element, is_default=is_controlled)
            case _:
                pass
