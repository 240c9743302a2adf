"""
The table of ``logferry ctl pool``: one block a destination, one row a server.

::

    d_logs#0: up, Connection refused (111); 0 queued
        server      tier  state   since   why                       note
        10.0.0.1    1     failed  12.3 s  Connection refused (111)  1 good probes, …
      * 10.0.0.2    1     up      12.3 s

Rows are what destinations report (``destinations.base.Pooled``); a column that no row
of a block fills is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["render_pools"]

_COLUMNS = ("name", "tier", "weight", "state", "since_s", "why", "note")
_TITLES = {"name": "server", "since_s": "since"}
_ALWAYS_ONE = ("tier", "weight")
"""Columns that say nothing when every row has the same."""


def render_pools(pools: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all pools."""
    return "\n".join(map(_render_pool, pools)) or "No destination has servers"


def _render_pool(pool: Mapping[str, Any]) -> str:
    head = f"{pool['destination']}: {pool['state']}, {pool['reason']}"
    if "queued" in pool:
        head += f"; {pool['queued']} queued"
    if pool.get("next_try_s") is not None:
        head += f"; next server in {pool['next_try_s']:.1f} s"
    rows = pool["servers"]
    columns = [name for name in _COLUMNS if _is_telling(name, rows)]
    cells = [[_TITLES.get(name, name) for name in columns]]
    cells += [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    marks = [" ", *("*" if row["is_current"] else " " for row in rows)]
    lines = [
        f"  {mark} {'  '.join(map(str.ljust, line, widths))}".rstrip()
        for mark, line in zip(marks, cells, strict=True)
    ]
    return "\n".join([head, *lines])


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
    return f"{value:.1f} s" if isinstance(value, float) else str(value)
