"""Where syslog-ng keeps its files when nobody says otherwise (Debian's layout)."""

from __future__ import annotations

from typing import Final

__all__ = ["CONFIG_FILE", "CONTROL_SOCKET", "PERSIST_FILE", "PID_FILE"]

CONFIG_FILE: Final = "/etc/syslog-ng/syslog-ng.conf"
PERSIST_FILE: Final = "/var/lib/syslog-ng/syslog-ng.persist"
CONTROL_SOCKET: Final = "/var/lib/syslog-ng/syslog-ng.ctl"
PID_FILE: Final = "/var/run/syslog-ng.pid"
