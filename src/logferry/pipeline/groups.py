"""
Neighbouring log paths whose filters ask about the same field.

Where there are many (a path for each program, a path for each host), asking all of
them would make every message pay for every path. A *group* knows the test that is
true when any of its paths may be reached; ``PathWriter`` writes groups as a tree of
such tests, remembered by text. A message that no path wants costs one look-up, one
that a path wants costs the depth of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from logferry.codegen.needs import Test, any_of, needs
from logferry.codegen.patterns import Verdicts
from logferry.config.nodes import FilterStep, LogPath, Sources
from logferry.pipeline.shapes import has_junction

__all__ = ["GUARDED_MIN", "Group", "guarded_group"]

GUARDED_MIN: Final = 4
"""Fewer paths are asked one after the other."""


@dataclass(frozen=True, slots=True)
class Group:
    """
    Paths that can be guarded together.

    Attributes:
        field: what their filters ask about: ``PROGRAM`` or ``HOST``.
        tests: for each path, what must be true of it.
        filters: for each path, the name under which its filter counts, or nothing.

    """

    field: str
    tests: tuple[Test, ...]
    filters: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The filters that count."""
        return [name for name in self.filters if name]

    def verdicts(self) -> Verdicts:
        """Return the memory of which texts any path may want."""
        return Verdicts(any_of(self.tests))

    def halves(self) -> tuple[Group, Group]:
        """Return two groups."""
        middle = len(self.tests) // 2
        return (
            Group(self.field, self.tests[:middle], self.filters[:middle]),
            Group(self.field, self.tests[middle:], self.filters[middle:]),
        )


def guarded_group(paths: list[LogPath], *, can_stop: bool) -> Group | None:
    """
    Return the group that the first of ``paths`` begins, if it is large enough.

    ``can_stop`` says that a final path may end the work on a message at once.
    """
    # Looked at one by one: with thousands of paths, looking at all of them for each
    # of them would take minutes.
    found = [_needs(paths[0], can_stop=can_stop)]
    for field in found[0][0]:
        count = 1
        while count < len(paths):
            if count == len(found):
                found.append(_needs(paths[count], can_stop=can_stop))
            if field not in found[count][0]:
                break
            count += 1
        if count >= GUARDED_MIN:
            return Group(
                field,
                tuple(tests[field] for tests, _ in found[:count]),
                tuple(name for _, name in found[:count]),
            )
    return None


def _needs(path: LogPath, *, can_stop: bool) -> tuple[dict[str, Test], str]:
    """Return what ``path`` needs of each field, and the name its filter counts as."""
    nothing: tuple[dict[str, Test], str] = ({}, "")
    if path.name:
        return nothing  # what enters it is counted
    if "final" in path.flags and not (can_stop and not has_junction(path.elements)):
        return nothing  # the paths behind it stand deeper
    elements = [item for item in path.elements if not isinstance(item, Sources)]
    if not elements or not isinstance(elements[0], FilterStep):
        return nothing
    step = elements[0]
    is_counted = bool(step.name) and not step.name.startswith("#")
    return needs(step.expression), step.name if is_counted else ""
