"""The time zone of this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["local_time_zone"]


def local_time_zone() -> str:
    """Return the name of the system's zone, or its present offset."""
    name = os.environ.get("TZ", "").lstrip(":")
    if name:
        return name
    try:
        target = str(Path("/etc/localtime").resolve())
    except OSError:
        target = ""
    _, marker, zone = target.partition("/zoneinfo/")
    if marker:
        return zone
    offset_s = time.localtime().tm_gmtoff
    sign = "-" if offset_s < 0 else "+"
    return f"{sign}{abs(offset_s) // 3600:02}:{abs(offset_s) % 3600 // 60:02}"
