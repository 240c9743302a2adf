"""
Which servers an operator has taken out of use: kept over reloads and restarts.

A mark belongs to a name, not to a connection or a member: a server that DNS forgets for
a while comes back as drained as it went. Marks are kept in the persist store under the
destination's persist name and end only by ``undrain``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.runtime.stores import State

__all__ = ["DrainMarks"]


class DrainMarks:
    """
    The drained servers of one destination, by name.

    Args:
        state: where the marks are kept.
        owner: the persist name of the destination.

    """

    def __init__(self, state: State, owner: str) -> None:
        self._state = state
        self._key = f"{owner}.drained"
        self._names = set(_read(state.get(self._key)))

    def __contains__(self, name: object) -> bool:
        """Tell whether the server called ``name`` is drained."""
        return name in self._names

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all drained servers, sorted."""
        return tuple(sorted(self._names))

    def add(self, name: str) -> None:
        """Remember that ``name`` is drained."""
        if name not in self._names:
            self._names.add(name)
            self._save()

    def discard(self, name: str) -> None:
        """Remember that ``name`` is not drained."""
        if name in self._names:
            self._names.remove(name)
            self._save()

    def _save(self) -> None:
        if self._names:
            self._state.put(self._key, json.dumps(self.names).encode())
        else:
            self._state.delete(self._key)


def _read(stored: bytes | None) -> list[str]:
    """Return the names in ``stored``; what somebody else wrote is no reason to fail."""
    try:
        names = json.loads(stored or b"[]")
    except ValueError:
        return []
    if not isinstance(names, list):
        return []
    return [item for item in names if isinstance(item, str)]
