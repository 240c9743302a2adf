"""How a source's frames become messages: what the compiler needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reception"]


@dataclass(frozen=True, slots=True)
class Reception:
    """
    How frames of one source driver are parsed.

    Attributes:
        flags: source flags such as ``no-parse``, ``syslog-protocol``,
            ``expect-hostname`` (reference: source flags).
        default_pri: PRI of messages that have none.
        time_zone: zone of stamps that name none; empty is the local one.
        local: messages are made here: HOST is our own name.
        has_own_pid: PID is that of this process (``use-syslogng-pid()``).
        has_sender_values: origins hold values of their own, such as ``.unix.pid``.

    """

    flags: frozenset[str] = frozenset({"expect-hostname"})
    keep_hostname: bool = False
    keep_timestamp: bool = True
    chain_hostnames: bool = False
    normalize_hostnames: bool = False
    check_hostname: bool = False
    bad_hostname: str = ""
    use_fqdn: bool = False
    host_override: str = ""
    program_override: str = ""
    default_pri: int = 13
    time_zone: str = ""
    sdata_prefix: str = ".SDATA."
    encoding: str = ""
    tags: tuple[str, ...] = ()
    local: bool = False
    has_own_pid: bool = False
    has_sender_values: bool = False
