"""Words for facilities and severities (RFC 5424, tables 1 and 2), and for formats."""

from __future__ import annotations

__all__ = [
    "FACILITIES",
    "FACILITY_NAMES",
    "MALFORMED",
    "RAW",
    "RFC3164",
    "RFC5424",
    "SEVERITIES",
    "SEVERITY_NAMES",
    "facility_name",
]

RFC3164 = b"syslog:rfc3164"
RFC5424 = b"syslog:rfc5424"
RAW = b"raw"
MALFORMED = b"syslog:error"
"""What ``$MSGFORMAT`` calls a frame: an old or a new header, none, a wrong one."""

SEVERITIES: dict[str, int] = {
    "emerg": 0,
    "emergency": 0,
    "panic": 0,
    "alert": 1,
    "crit": 2,
    "critical": 2,
    "err": 3,
    "error": 3,
    "warning": 4,
    "warn": 4,
    "notice": 5,
    "info": 6,
    "informational": 6,
    "debug": 7,
}
"""Severity by every word the configuration may use."""

SEVERITY_NAMES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""What ``$SEVERITY`` prints."""

FACILITIES: dict[str, int] = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "megasafe": 10,
    "ftp": 11,
    "ntp": 12,
    "security": 13,
    "console": 14,
    "solaris-cron": 15,
    **{f"local{number}": 16 + number for number in range(8)},
}
"""Facility by every word the configuration may use."""

FACILITY_NAMES: dict[int, str] = {
    code: name for name, code in reversed(FACILITIES.items())
}
"""What ``$FACILITY`` prints."""


def facility_name(code: int) -> str:
    """Return the word for a facility, or its number in hex when there is none."""
    return FACILITY_NAMES.get(code) or f"{code:x}"
