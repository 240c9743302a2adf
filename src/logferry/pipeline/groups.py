"""
Neighbouring log paths whose filters need something of the same field.

Where there are many (a path for each program, for each host, for each facility), asking
all of them would make every message pay for every path. A *group* knows what each of
its paths needs; ``PathWriter`` writes a group as a loop over those paths that the text
of the field may reach, which are remembered by text: a message that no path wants costs
one look-up, whatever the number of paths.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from logferry.codegen.needs import Need, needs
from logferry.config.nodes import FilterStep, LogPath, Sources
from logferry.pipeline.shapes import has_junction
from logferry.records import record

__all__ = ["GROUP_MIN", "Group", "Ways", "group_of"]

GROUP_MIN: Final = 4
"""Fewer paths are asked one after the other."""

_FIELDS: Final = ("PROGRAM", "HOST", "PRI")
"""Those that tell more messages apart come first."""


class Ways(dict[bytes, tuple[int, ...]]):
    """
    Which of some paths, in their order, messages with a text may reach.

    Bounded: a sender that makes up names costs time, not memory.
    """

    _LIMIT = 4096

    def __init__(self, path_needs: tuple[Need, ...]) -> None:
        super().__init__()
        self._by_text: defaultdict[bytes, list[int]] = defaultdict(list)
        self._others: list[tuple[int, Need]] = []
        for number, need in enumerate(path_needs):
            if need.texts is None:
                self._others.append((number, need))
                continue
            for text in need.texts:
                self._by_text[text].append(number)

    def __missing__(self, text: bytes) -> tuple[int, ...]:
        if len(self) >= self._LIMIT:
            self.clear()
        found = list(self._by_text.get(text, ()))
        found += [number for number, need in self._others if need.test(text)]
        ways = self[text] = tuple(sorted(found))
        return ways


@record
class Group:
    """
    Paths that are told apart by one field.

    Attributes:
        field: ``PROGRAM``, ``HOST`` or ``PRI``.
        needs: for each path, what it needs of the field.
        filters: for each path, the filter at its head.

    """

    field: str
    needs: tuple[Need, ...]
    filters: tuple[FilterStep, ...]

    @property
    def names(self) -> list[str]:
        """For each path, the name under which its filter counts, or nothing."""
        return [_counted_name(step) for step in self.filters]


@record
class _Candidate:
    """What a path would be in a group."""

    needs: dict[str, Need]
    head: FilterStep
    is_final: bool


def group_of(paths: list[LogPath], *, can_stop: bool) -> Group | None:
    """
    Return the group that the first of ``paths`` begins, if it is large enough.

    ``can_stop`` says that a final path may end the work on a message at once.
    """
    # Looked at one by one: with thousands of paths, looking at all of them for each
    # of them would take minutes.
    found = [_candidate(paths[0], can_stop=can_stop)]
    best, best_count = "", 0
    for field in _FIELDS:
        count = 0
        has_final = has_name = False
        while count < len(paths):
            if count == len(found):
                found.append(_candidate(paths[count], can_stop=can_stop))
            candidate = found[count]
            if candidate is None or field not in candidate.needs:
                break
            # Behind a final path, a filter that counts does not see every message.
            if has_final and (has_name or _counted_name(candidate.head)):
                break
            count += 1
            has_final = has_final or candidate.is_final
            has_name = has_name or bool(_counted_name(candidate.head))
        if count > best_count:
            best, best_count = field, count
    if best_count < GROUP_MIN:
        return None
    members = [item for item in found[:best_count] if item is not None]
    return Group(
        best,
        tuple(item.needs[best] for item in members),
        tuple(item.head for item in members),
    )


def _candidate(path: LogPath, *, can_stop: bool) -> _Candidate | None:
    """Return what ``path`` needs, if it may be in a group."""
    if path.name:
        return None  # what enters it is counted
    is_final = "final" in path.flags
    if is_final and not (can_stop and not has_junction(path.elements)):
        return None  # the paths behind it stand deeper
    elements = [item for item in path.elements if not isinstance(item, Sources)]
    if not elements or not isinstance(elements[0], FilterStep):
        return None
    head = elements[0]
    return _Candidate(needs(head.expression), head, is_final)


def _counted_name(step: FilterStep) -> str:
    return step.name if step.name and not step.name.startswith("#") else ""
