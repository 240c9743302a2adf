"""
The table of ``logferry ctl queues``: what waits, does it grow, what costs a restart.

::

    destination  state    waiting  size      filled  trend   full in  restart  …
    d#0          up       0        0 B       0 %     steady           nothing
    q#0          waiting  1200     41.2 KiB  4 %     +100/s  4 min    kept
    h#0          down     1200     9.3 KiB   12 %    +100/s  88 s     lost

    a restart now loses up to 1200 messages that wait in memory: h#0 1200

Who reads it at night asks: does it still fit, for how long, and may I restart? *Kept*
is what is in a reliable disk buffer; *saved* what an ordinary one writes when the
daemon stops in good order (a crash loses it); *lost* what is in memory. A stop delivers
for ``shutdown-grace()`` first, therefore "up to".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from logferry.daemon.pool_table import duration, table
from logferry.queues.disk import DiskQueue
from logferry.queues.memory import MemoryQueue

if TYPE_CHECKING:
    from logferry.queues.queue import Queue

__all__ = ["describe_queue", "render_queues"]

_STEADY_PER_S = 0.05
"""Less than three messages a minute is no trend."""

_COLUMNS = (
    *("destination", "state", "waiting", "size", "filled", "trend"),
    *("full in", "restart", "delivered", "dropped", "dead letters", "queue", "why"),
)
_KIB = 1024


def describe_queue(
    name: str, destination: str, queue: Queue, growth_per_s: float | None
) -> dict[str, Any]:
    """
    Return one row; sizes in bytes, durations in seconds, ``None`` for unknown.

    ``destination`` is the driver that empties the queue called ``name``,
    ``growth_per_s`` how many messages more wait each second lately.
    """
    is_disk = isinstance(queue, DiskQueue)
    fill, left = _room(queue)
    full_in_s = None
    if left is not None and growth_per_s is not None and growth_per_s > _STEADY_PER_S:
        full_in_s = left / growth_per_s
    ledger = queue.ledger
    return {
        "name": name,
        "destination": destination,
        "kind": "disk" if is_disk else "memory",
        "messages": queue.count,
        "bytes": queue.bytes,
        "filled": fill,
        "growth_per_s": growth_per_s,
        "full_in_s": full_in_s,
        "restart": _restart(queue),
        "accepted": ledger.accepted,
        "delivered": ledger.delivered,
        "dropped": dict(ledger.dropped + ledger.rejected),
        "dead_lettered": ledger.dead_lettered,
    }


def _room(queue: Queue) -> tuple[float | None, float | None]:
    """Return how full the queue is, from 0 to 1, and how many messages still fit."""
    if isinstance(queue, MemoryQueue) and queue.count_limit:
        left = queue.count_limit - queue.waiting_count
        return min(1.0, queue.waiting_count / queue.count_limit), max(0, left)
    if isinstance(queue, DiskQueue) and queue.limits.capacity_bytes:
        left_bytes = max(0, queue.limits.capacity_bytes - queue.bytes)
        mean = queue.bytes / queue.count if queue.count else 0
        fill = min(1.0, queue.bytes / queue.limits.capacity_bytes)
        return fill, left_bytes / mean if mean else None
    return None, None


def _restart(queue: Queue) -> str:
    if not queue.count:
        return "nothing"
    if not isinstance(queue, DiskQueue):
        return "lost"
    return "kept" if queue.limits.is_reliable else "saved"


def render_queues(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table, and what a restart would cost."""
    if not rows:
        return "No destination has a queue"
    cells = [list(_COLUMNS), *(_cells(row) for row in rows)]
    text = "\n".join(table(cells))
    lost = {
        row["destination"] or row["name"]: row["messages"]
        for row in rows
        if row["restart"] == "lost"
    }
    if lost:
        parts = ", ".join(f"{name} {count}" for name, count in lost.items())
        text += (
            f"\n\na restart now loses up to {sum(lost.values())} messages that wait in"
            f" memory: {parts}"
        )
    return text


def _cells(row: Mapping[str, Any]) -> list[str]:
    dropped = ", ".join(
        f"{count} {why}" for why, count in row["dropped"].items() if count
    )
    growth = row["growth_per_s"]
    trend = ""
    if growth is not None:
        trend = f"{growth:+.1f}/s" if abs(growth) > _STEADY_PER_S else "steady"
    full_in_s = row["full_in_s"]
    return [
        row["destination"],
        row.get("state", ""),
        str(row["messages"]),
        _size(row["bytes"]),
        "" if row["filled"] is None else f"{row['filled']:.0%}",
        trend,
        "" if full_in_s is None else duration(full_in_s),
        row["restart"],
        str(row["delivered"]),
        dropped or "0",
        str(row["dead_lettered"]),
        f"{row['name']} ({row['kind']})",
        str(row.get("why") or ""),
    ]


def _size(count: float) -> str:
    if count < _KIB:
        return f"{count} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= _KIB
        if count < _KIB:
            return f"{count:.1f} {unit}"
    return f"{count / _KIB:.1f} TiB"
