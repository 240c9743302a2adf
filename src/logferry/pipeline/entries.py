"""
Where the messages of one source enter a log path.

Sources stand at the head of a log path as a rule, but may stand in a channel, too:
``junction { channel { source(a); … }; channel { source(b); … }; }``. For one source
such a path is a smaller one: what its messages never reach is left out.
"""

from __future__ import annotations

from dataclasses import replace

from logferry.config.nodes import Element, Junction, LogPath, Sources

__all__ = ["entered"]


def entered(path: LogPath, source_id: str) -> LogPath | None:
    """Return what the source's messages see of a top-level path, if they enter it."""
    if "catchall" in path.flags or _enters(path.elements, source_id):
        return path
    return _inside(path, source_id)


def _enters(elements: tuple[Element, ...], source_id: str) -> bool:
    """Tell whether a source stands among ``elements``: it is at their head then."""
    return any(
        isinstance(element, Sources)
        and any(spec.id == source_id for spec in element.group.drivers)
        for element in elements
    )


def _inside(path: LogPath, source_id: str) -> LogPath | None:
    """Return ``path`` without what comes before the messages."""
    if _enters(path.elements, source_id):
        return path
    elements: list[Element] = []
    has_entered = False
    for element in path.elements:
        if has_entered:
            elements.append(element)
        elif isinstance(element, Junction):
            branches = _alive(element.branches, source_id)
            if branches:
                elements.append(replace(element, branches=branches))
                has_entered = True
        elif isinstance(element, LogPath):
            elements += _alive((element,), source_id)  # what leaves it goes nowhere
    return replace(path, elements=tuple(elements)) if elements else None


def _alive(branches: tuple[LogPath, ...], source_id: str) -> tuple[LogPath, ...]:
    found = (_inside(branch, source_id) for branch in branches)
    return tuple(branch for branch in found if branch is not None)
