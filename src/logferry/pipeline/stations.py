"""
Stations: the places of the log paths where messages wait for others.

A parser that correlates has contexts of its own at every place where a log path names
it, shared by all sources that come by. What goes on from there because time has passed
belongs to no source: it enters a *continuation*, a program of what stands behind the
station.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, TypeAlias, cast

from logferry.codegen.correlation.kinds import correlates, name_of
from logferry.config.nodes import (
    Deliver,
    Element,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    Spec,
)
from logferry.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logferry.codegen.correlation.correlator import Correlator
    from logferry.pipeline.program import Program

__all__ = ["Place", "Station", "find_places", "station_ids", "stations_on_the_way"]

_Step: TypeAlias = Spec | FilterStep | Junction | LogPath
_FLOW_FLAGS = frozenset({"flow-control", "no-flow-control"})


@record
class Place:
    """
    Where a parser stands that correlates.

    Attributes:
        spec: the parser, with an id that no other place has.
        number: how many places come before this one whose contexts have its name.
        continuation: what stands behind it, as a log path of its own.

    """

    spec: Spec
    number: int
    continuation: LogPath


@record
class Station:
    """
    A place where messages wait.

    Attributes:
        id: the parser's id.
        correlator: what keeps them, and is asked every second.
        program: what is behind, for the messages that a tick gives.

    """

    id: str
    correlator: Correlator
    program: Program


def find_places(
    log_paths: Iterable[LogPath],
) -> tuple[tuple[LogPath, ...], tuple[Place, ...]]:
    """Return the log paths with an id for every place, and the places."""
    finder = _Finder()
    paths = tuple(finder.path(item, (), frozenset()) for item in log_paths)
    return paths, tuple(finder.places)


def station_ids(path: LogPath) -> frozenset[str]:
    """Return the ids of the stations of one path."""
    found: set[str] = set()
    _collect(path.elements, found)
    return frozenset(found)


def stations_on_the_way(elements: tuple[Element | Spec, ...]) -> Iterator[str]:
    """Yield the ids of stations that a message passes on its way to the end."""
    for element in elements:
        match element:
            case Spec() if correlates(element):
                yield element.id
            case ProcessStep(_, _, steps):
                yield from stations_on_the_way(steps)
            case Junction(branches):
                for branch in branches:
                    yield from stations_on_the_way(branch.elements)
            case _:
                pass


def _collect(elements: tuple[Element | Spec, ...], found: set[str]) -> None:
    for element in elements:
        match element:
            case Spec() if correlates(element):
                found.add(element.id)
            case ProcessStep(_, _, steps):
                _collect(steps, found)
            case Junction(branches):
                for branch in branches:
                    _collect(branch.elements, found)
            case LogPath():
                _collect(element.elements, found)
            case Deliver(group) if group.channel is not None:
                _collect(group.channel.elements, found)
            case _:
                pass


class _Finder:
    """Walks from the end of each path to its head, so that it knows what is behind."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self._numbers: dict[str, count[int]] = {}
        self._ids = count()

    def path(
        self, path: LogPath, behind: tuple[Element, ...], flags: frozenset[str]
    ) -> LogPath:
        """Return ``path`` with its places named."""
        own = path.flags & _FLOW_FLAGS
        elements = self._elements(path.elements, behind, own or flags)
        if _is_same(path.elements, elements):
            return path
        return replace(path, elements=elements)

    def _elements(
        self,
        elements: tuple[Element, ...],
        behind: tuple[Element, ...],
        flags: frozenset[str],
    ) -> tuple[Element, ...]:
        found: tuple[Element, ...] = ()
        for element in reversed(elements):
            found = (self._element(element, found + behind, flags), *found)
        return found

    def _element(
        self, element: Element, behind: tuple[Element, ...], flags: frozenset[str]
    ) -> Element:
        match element:
            case ProcessStep():
                steps = self._steps(element, behind, flags)
                if _is_same(element.steps, steps):
                    return element
                return replace(element, steps=steps)
            case Junction(branches):
                named = tuple(self.path(item, behind, flags) for item in branches)
                if _is_same(branches, named):
                    return element
                return replace(element, branches=named)
            case LogPath():  # what leaves it goes nowhere
                return self.path(element, (), flags)
            case Deliver(group) if group.channel is not None:
                channel = self.path(group.channel, (), flags)
                if channel is group.channel:
                    return element
                return Deliver(replace(group, channel=channel))
            case _:
                return element

    def _steps(
        self, step: ProcessStep, behind: tuple[Element, ...], flags: frozenset[str]
    ) -> tuple[_Step, ...]:
        found: tuple[_Step, ...] = ()
        for item in reversed(step.steps):
            rest = behind
            if found:  # counted already: the rest has no name
                rest = (replace(step, name="#", steps=found), *behind)
            if isinstance(item, Spec):
                named: _Step = item
                if correlates(item):
                    named = self._place(item, rest, flags)
            else:
                named = cast("_Step", self._element(item, rest, flags))
            found = (named, *found)
        return found

    def _place(
        self, spec: Spec, behind: tuple[Element, ...], flags: frozenset[str]
    ) -> Spec:
        number = next(self._numbers.setdefault(name_of(spec), count()))
        named = replace(spec, id=f"{spec.id}@{next(self._ids)}")
        continuation = LogPath(behind, flags, spec.span)
        self.places.append(Place(named, number, continuation))
        return named


def _is_same(before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    return all(one is other for one, other in zip(before, after, strict=True))
