"""
Legacy syslog (RFC 3164) as it is met in the wild.

The rules and their quirks are the reference's, row by row (its parsing tables are
``tests/compat/test_rfc3164_table.py``): PRI, an optional Cisco sequence number, a
stamp, a host unless the next word is a program, ``program[pid]:``, the rest.

``fill`` writes into a message that has its PRI and defaults already and never raises.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from logferry.message.timestamps import StampReader, scan_stamp

if TYPE_CHECKING:
    from logferry.message.model import Message, UnixNanos

__all__ = ["HOST", "HOST_MAX", "HeaderRules", "fill"]

# A sequence number, and whether the clock is synchronized.
_cisco_marks = re.compile(rb"(?:(\d*):(?= ))? *([*.]?)")
HOST = re.compile(
    rb"(?:[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){1,7}[^ \[:]*|[^ \[:]*)(?= )"
)
"""A host in front of a space: no ``[``, colons only as in an IPv6 address."""

HOST_MAX = 255
_program = re.compile(rb"([^ :\[]*)(?:\[([^ \]:]*)\]?)?:? ?")
_sane_program = re.compile(rb"[A-Za-z0-9_/.()\-%]+")
_sane_host = re.compile(rb"[A-Za-z0-9_.:\-@/]+")
_REPEATED = b"last message repeated"
_FORWARDED = b"Message forwarded from "


class HeaderRules(NamedTuple):
    """The source flags that change how a header is read."""

    expect_hostname: bool = True
    check_hostname: bool = False
    check_program: bool = False
    store_header: bool = True
    bad_hostname: re.Pattern[bytes] | None = None


def fill(
    message: Message,
    text: bytes,
    rules: HeaderRules,
    stamps: StampReader,
    now: UnixNanos,
) -> bytes:
    """
    Read ``text`` (what follows the PRI) into ``message``.

    Returns the host that the header names, or nothing.
    """
    position = _skip_cisco_marks(message, text)
    match = scan_stamp(text, position)
    stamp = stamps.read(match, now) if match is not None else None
    host = b""
    if match is None or stamp is None:
        message.tags += (b"syslog.missing_timestamp", b"syslog.rfc3164_missing_header")
        rest = text[position:]
    else:
        message.stamp = stamp
        rest = text[match.end() :].removeprefix(b":").lstrip(b" ")  # a colon: Cisco
        if rest.startswith(_FORWARDED):
            host, _, rest = rest[len(_FORWARDED) :].partition(b":")
            rest = rest.lstrip(b" :")
        if rest.startswith(_REPEATED):
            message.message = rest
            return host
        if rules.expect_hostname and not host:
            host, rest = _take_host(message, rest, rules)
    _take_program(message, rest, rules)
    return host


def _skip_cisco_marks(message: Message, text: bytes) -> int:
    """Return where the stamp begins after ``42: *``; keep what the marks say."""
    match = _cisco_marks.match(text)
    assert match is not None  # every part is optional
    sequence, mark = match.groups()
    if sequence is not None:
        message.values[".SDATA.meta.sequenceId"] = sequence
    if mark:
        message.values[".SDATA.timeQuality.isSynced"] = b"1" if mark == b"." else b"0"
    return match.end()


def _take_host(
    message: Message, rest: bytes, rules: HeaderRules
) -> tuple[bytes, bytes]:
    """Split the host off, when the first word is one."""
    match = HOST.match(rest)
    if match is None or not _is_host(match.group(), rules):
        message.tags.append(b"syslog.invalid_hostname")
        return b"", rest
    return match.group(), rest[match.end() :].lstrip(b" ")


def _is_host(word: bytes, rules: HeaderRules) -> bool:
    if len(word) > HOST_MAX:
        return False
    if rules.bad_hostname is not None and rules.bad_hostname.search(word):
        return False
    return not rules.check_hostname or bool(_sane_host.fullmatch(word))


def _take_program(message: Message, rest: bytes, rules: HeaderRules) -> None:
    match = _program.match(rest)
    assert match is not None  # every part is optional
    program, pid = match.groups()
    if rules.check_program and program and not _sane_program.fullmatch(program):
        message.tags.append(b"syslog.rfc3164_invalid_program")
        message.message = rest
        return
    message.program = program
    if pid:
        message.pid = pid
    if rules.store_header:
        message.header = match.group()
    message.message = rest[match.end() :]
