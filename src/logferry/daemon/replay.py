"""
Dead letters on their way back into a queue.

A letter goes to the destination that gave it up, or to another one by request. A
destination that keeps more in a record than the message (delimiters, headers) knows
how to make a record of a letter again: ``revive``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from logferry.message.batch import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.daemon.dead_letters import SavedLetter
    from logferry.destinations.base import Destination
    from logferry.message.batch import Receipt

__all__ = ["Replay", "Revives", "find_destination"]


@runtime_checkable
class Revives(Protocol):
    """A destination that knows its own dead letters."""

    def revive(self, payload: bytes, key: str) -> RecordBatch:
        """Return the record that ``payload`` and ``key`` were made of."""
        ...


class Replay:
    """
    Finds the destination of each letter.

    Args:
        running: destinations by the names of their queues.
        target: the id or name of the destination to take instead, or "".

    """

    def __init__(self, running: Mapping[str, Destination], target: str = "") -> None:
        self._running = running
        self._target = target

    def deliver(self, letter: SavedLetter, receipt: Receipt) -> bool:
        """Push ``letter``; false when there is nobody to push it to."""
        destination = self._find(letter)
        if destination is None:
            return False
        if isinstance(destination, Revives):
            batch = destination.revive(letter.payload, letter.key)
        else:
            batch = RecordBatch.of([letter.payload], letter.key.encode())
        batch.receipt = receipt
        # A full queue takes it all the same: somebody asked for exactly this.
        batch.is_patient = True
        destination.push(batch)
        return True

    def _find(self, letter: SavedLetter) -> Destination | None:
        if not self._target:
            return self._running.get(letter.destination)
        return find_destination(self._running, self._target)


def find_destination(
    running: Mapping[str, Destination], wanted: str
) -> Destination | None:
    """Return the destination with this queue name, id or statement name."""
    for name, destination in running.items():
        if wanted in {name, destination.id, destination.id.partition("#")[0]}:
            return destination
    return None
