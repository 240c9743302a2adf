"""
The table of ``logferry ctl pool``: one block a destination, one row a server.

::

    d_logs#0: up; 0 queued, 12 under way, last delivery 0.1 s ago
        switched 12.3 s ago from 10.0.0.1 to 10.0.0.2: EOF occurred; 134 sent again
        server    state   since   why                       note
        10.0.0.1  failed  12.3 s  Connection refused (111)  1 of 3 good probes, …
      * 10.0.0.2  up      12.3 s

Who reads it at night wants to know first whether messages arrive, then where, then why
not elsewhere. Rows are what destinations report (``destinations.base.Pooled``); a
column that no row of a block fills is left out, and so is what nobody reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["duration", "render_pools", "table"]

_COLUMNS = ("name", "tier", "weight", "state", "since_s", "why", "note")
_TITLES = {"name": "server", "since_s": "since"}
_ALWAYS_ONE = ("tier", "weight")
"""Columns that say nothing when every row has the same."""

_NOT_IN_USE = frozenset({"failed", "unused", "connecting"})
"""States in which the current server is not in use yet, or not any more."""

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def render_pools(pools: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all pools."""
    return "\n".join(map(_render_pool, pools)) or "No destination has servers"


def _render_pool(pool: Mapping[str, Any]) -> str:
    rows = pool["servers"]
    columns = [name for name in _COLUMNS if _is_telling(name, rows)]
    cells = [[_TITLES.get(name, name) for name in columns]]
    cells += [[_cell(row.get(name)) for name in columns] for row in rows]
    marks = [" ", *("*" if _is_in_use(row) else " " for row in rows)]
    lines = [
        f"  {mark} {line}".rstrip()
        for mark, line in zip(marks, table(cells), strict=True)
    ]
    return "\n".join([_head(pool), *_switch(pool.get("last_switch")), *lines])


def table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return lines in which the cells of a column begin below each other."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _head(pool: Mapping[str, Any]) -> str:
    """Return the line that says whether messages arrive."""
    head = f"{pool['destination']}: {pool['state']}"
    if "last_switch" not in pool or pool["state"] != "up" or "current" not in pool:
        head += f", {pool['reason']}"  # while all is well it is told by the switch
    facts = []
    if "queued" in pool:
        facts.append(f"{pool['queued']} queued")
    if pool.get("in_flight"):
        facts.append(f"{pool['in_flight']} under way")
    if pool.get("delivered_ago_s") is not None:
        facts.append(f"last delivery {duration(pool['delivered_ago_s'])} ago")
    elif "delivered_ago_s" in pool:
        facts.append("nothing delivered yet")
    if facts:
        head += f"; {', '.join(facts)}"
    if pool.get("next_try_s") is not None:
        head += f"; next server in {pool['next_try_s']:.1f} s"
    return head


def _switch(last: Mapping[str, Any] | None) -> list[str]:
    if last is None:
        return []
    line = (
        f"    switched {duration(last['ago_s'])} ago from {last['from']} "
        f"to {last['to']}: {last['reason']}"
    )
    if last["resent"]:
        line += f"; {last['resent']} sent again"
    return [line]


def _is_in_use(row: Mapping[str, Any]) -> bool:
    return row["is_current"] and row.get("state") not in _NOT_IN_USE


def _is_telling(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    if name == "name":
        return True
    values = [row.get(name) for row in rows]
    if name in _ALWAYS_ONE:
        return len(set(values)) > 1
    return any(value not in {None, ""} for value in values)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return duration(value) if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Return a duration for people: ``12.3 s``, ``4 min 10 s``, ``2 d 3 h``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    left = int(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
