"""Where the daemon keeps its state when nobody says."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_control", "default_state_dir"]


def default_state_dir() -> Path:
    """Return where state is kept when nobody says."""
    chosen = os.environ.get("LOGFERRY_STATE_DIR")
    if chosen:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/logferry")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(base) / "logferry"


def default_control(state_dir: Path) -> str:
    """Return the path of the control socket when nobody says."""
    return str(state_dir / "logferry.ctl")
