"""
``ctl drain`` and ``undrain``: what would happen, and what happens next, in words.

Everything is read from what destinations report of themselves (``Pooled.describe``, the
rows of ``ctl pool``), so that all kinds of pools answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["after_drain", "after_undrain", "is_last", "objection"]

_WORKING: Final = frozenset({"up", "healthy"})
_FAILED: Final = frozenset({"failed", "connecting", "absent", "ejected"})


def _rows(pool: Mapping[str, Any], name: str) -> tuple[list[Any], list[Any]]:
    """Return the rows of the server and those of others that may be used."""
    rows = pool["servers"]
    own = [row for row in rows if row["name"] == name]
    others = [row for row in rows if row["name"] != name and not row["is_drained"]]
    return own, others


def is_last(pool: Mapping[str, Any], server: str) -> bool:
    """Tell whether nobody is left when ``server`` is drained."""
    return not _rows(pool, server)[1]


def objection(pool: Mapping[str, Any], name: str) -> str:
    """
    Return why draining ``name`` would stop deliveries, or an empty string.

    A server that does not work itself may always be drained, and one of which nobody
    knows whether it works is given the benefit of the doubt.
    """
    own, others = _rows(pool, name)
    if not others or not any(row["state"] in _WORKING for row in own):
        return ""
    if any(row["state"] not in _FAILED for row in others):
        return ""
    states = ", ".join(
        f"{row['name']}: {row.get('why') or row['state']}" for row in others
    )
    return (
        f"no other server works at present ({states}); with --force messages wait in "
        "the queue until one does, or until undrain"
    )


def after_drain(pool: Mapping[str, Any], name: str) -> str:
    """Return where deliveries go on after ``drain``."""
    _, others = _rows(pool, name)
    working = [row["name"] for row in others if row["state"] in _WORKING]
    if "current" not in pool:
        if working:
            return f"shared among {', '.join(working)}"
        return "messages wait until another target works"
    if pool["current"] in working:
        return f"goes on at {pool['current']}"
    if pool.get("next_try_s") is not None:
        return f"messages wait; next server in {pool['next_try_s']:.1f} s"
    return f"connecting to {pool['current']}"


def after_undrain(pool: Mapping[str, Any], name: str) -> str:
    """Return when the server is used again after ``undrain``."""
    own, _ = _rows(pool, name)
    row: Mapping[str, Any] = own[0] if own else {"state": "absent", "is_current": False}
    if row["state"] == "absent":
        return "no member at present"
    if row["is_current"] and row["state"] in _WORKING:
        return "in use"
    if "current" not in pool:
        return "gets its share when it is connected"
    if row["is_current"]:
        return "is tried next"
    if row.get("probe_successes") is not None:
        missing = max(1, row["probes_required"] - row["probe_successes"])
        return f"is returned to after {missing} good probe{'s' * (missing > 1)}"
    return f"is used when {pool['current']} fails"
