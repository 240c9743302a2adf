"""
Dead letters on their way back into a queue.

A letter goes to the destination that gave it up, or to another one by request. A
destination that keeps more in a record than the message (delimiters, headers) knows
how to make a record of a letter again: ``revive``.

A routing key (file name, values of a URL) means something to the driver that it was
rendered for, and to no other kind of driver. A letter that goes to another kind gets
that destination's own key, if it does not depend on the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from logferry.daemon.registry import destination_kinds
from logferry.message.batch import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from logferry.config.schema import Options
    from logferry.daemon.dead_letters import SavedLetter
    from logferry.daemon.retirement import RunningDestination
    from logferry.message.batch import Receipt

__all__ = ["Replay", "Revives", "family_of", "find_destination"]

_FAMILY = re.compile(r"[\w-]*")


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
        running: all destinations.
        globals_: the global options, which drivers take defaults from.
        target: the id or name of the destination to take instead, or "".

    """

    def __init__(
        self,
        running: Collection[RunningDestination],
        globals_: Options,
        target: str = "",
    ) -> None:
        self._running = running
        self._globals = globals_
        self._target = target

    def deliver(self, letter: SavedLetter, receipt: Receipt) -> bool:
        """Push ``letter``; false when there is nobody to push it to."""
        found = find_destination(self._running, self._target or letter.destination)
        if found is None:
            return False
        batch = self._revive(found, letter)
        if batch is None:
            return False
        batch.receipt = receipt
        # A full queue takes it all the same: somebody asked for exactly this.
        batch.is_patient = True
        found.destination.push(batch)
        return True

    def _revive(
        self, running: RunningDestination, letter: SavedLetter
    ) -> RecordBatch | None:
        """Return the record of ``letter``, framed as its destination frames."""
        is_foreign = family_of(letter.destination) != family_of(running.queue_name)
        if isinstance(running.destination, Revives):
            key = "" if is_foreign else letter.key
            return running.destination.revive(letter.payload, key)
        kind = destination_kinds()[running.spec.kind]
        rendering = kind.rendering(running.spec, self._globals)
        key = letter.key
        if is_foreign:
            key = "" if rendering.key is None else rendering.key.text
            if "$" in key:
                return None  # a file name, say, which only the message could tell
        data = letter.payload.removesuffix(b"\n")
        if rendering.octet_count:
            data = b"%d %b" % (len(data), data)
        else:
            data += b"\n"
        return RecordBatch.of([data], key.encode("utf-8", "surrogateescape"))


def family_of(queue_name: str) -> str:
    """Return what kind of driver a queue belongs to, by its name."""
    found = _FAMILY.match(queue_name)
    return found[0] if found is not None else ""


def find_destination(
    running: Collection[RunningDestination], wanted: str
) -> RunningDestination | None:
    """Return the destination with this queue name, id or statement name."""
    for item in running:
        if wanted in {item.queue_name, item.spec.id, item.spec.id.partition("#")[0]}:
            return item
    return None
