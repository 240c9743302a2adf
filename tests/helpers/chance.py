"""Chance under control."""

from __future__ import annotations

from collections.abc import Iterable


class ScriptedChance:
    """Gives the numbers of a list, then the last one for ever."""

    def __init__(self, numbers: Iterable[float] = (0.0,)) -> None:
        self._numbers = list(numbers)

    def random(self) -> float:
        """Return the next number."""
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]
