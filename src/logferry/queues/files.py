"""
Queue files in a folder: which there are, and whose they are.

Names are the reference's (``syslog-ng-00000.rqf``, ``.qf`` when not reliable), because
scripts look for them; what counts is what stands in the file.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from logferry.queues.refusal import connect_readonly
from logferry.queues.storage import APPLICATION_ID, read_totals, remove_queue_file

if TYPE_CHECKING:
    from pathlib import Path

    from logferry.queues.work import Totals

__all__ = ["find_queue_files", "owner_of", "remove_queue_file"]


def find_queue_files(folder: Path) -> list[Path]:
    """Return the files in ``folder`` that are named like queue files."""
    return sorted(
        path for path in folder.glob("syslog-ng-*") if path.suffix in {".qf", ".rqf"}
    )


def owner_of(path: Path) -> tuple[str, Totals] | None:
    """Return owner and totals of a queue file, ``None`` for anything else."""
    try:
        with closing(connect_readonly(path)) as connection:
            kind = connection.execute("PRAGMA application_id").fetchone()[0]
            found = read_totals(connection) if kind == APPLICATION_ID else None
    except sqlite3.Error:
        return None
    return None if found is None else (found[0], found[1])
