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

__all__ = ["HeaderRules", "fill"]

_cisco_sequence = re.compile(rb"(\d+): (?=[.*]?[A-Z0-9])")
_ipv6 = re.compile(
    rb"[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.%]*[0-9A-Fa-f]\Z|[0-9A-Fa-f:]*::\Z"
)
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
    text = text.lstrip(b" ")
    position = _skip_cisco_marks(message, text)
    match = scan_stamp(text, position)
    stamp = stamps.read(match, now) if match is not None else None
    host = b""
    if match is None or stamp is None:
        if text:
            message.tags += (
                b"syslog.missing_timestamp",
                b"syslog.rfc3164_missing_header",
            )
        position = 0 if position and not message.values else position
        rest = text[position:]
    else:
        message.stamp = stamp
        rest = text[match.end() :].lstrip(b" ")
        if rest.startswith(b": "):  # Cisco: "Mar  1 10:20:30.123: %SYS-5-X: …"
            rest = rest[2:]
        if rest.startswith(_REPEATED):
            message.message = rest
            return b""
        if rest.startswith(_FORWARDED):
            forwarded, colon, after = rest[len(_FORWARDED) :].partition(b": ")
            if colon:
                host, rest = forwarded, after
        elif rules.expect_hostname:
            host, rest = _take_host(message, rest, rules)
    _take_program(message, rest, rules)
    return host


def _skip_cisco_marks(message: Message, text: bytes) -> int:
    """Return where the stamp begins after ``42: *``; keep what the marks say."""
    match = _cisco_sequence.match(text)
    position = match.end() if match else 0
    mark = text[position : position + 1]
    is_marked = mark in {b"*", b"."}
    if scan_stamp(text, position + is_marked) is None:
        return 0
    if match is not None:
        message.values[".SDATA.meta.sequenceId"] = match[1]
    if is_marked:
        message.values[".SDATA.timeQuality.isSynced"] = b"0"
    return position + is_marked


def _take_host(
    message: Message, rest: bytes, rules: HeaderRules
) -> tuple[bytes, bytes]:
    """Split the host off, when the first word is one."""
    word, space, after = rest.partition(b" ")
    if not space or not _is_host(word, rules):
        message.tags.append(b"syslog.invalid_hostname")
        return b"", rest
    return word, after.lstrip(b" ")


def _is_host(word: bytes, rules: HeaderRules) -> bool:
    if not word or b"[" in word:
        return False
    if b":" in word and not _ipv6.match(word):
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
