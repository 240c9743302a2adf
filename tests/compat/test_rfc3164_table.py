"""
Row by row: how the reference reads legacy syslog (its behaviour, network source,
keep-hostname(yes)). Source: observed behaviour of AxoSyslog 4.27.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from logferry.message.model import Origin, UnixNanos
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception

NOW = UnixNanos(1_795_238_424_000_000_000)  # 2026-11-21T05:20:24Z
PEER = b"peer"
NO_STAMP = (b"syslog.missing_timestamp", b"syslog.rfc3164_missing_header")


@dataclass
class Row:
    frame: bytes
    pri: int = 13
    host: bytes = PEER
    program: bytes = b""
    pid: bytes = b""
    message: bytes = b""
    tags: tuple[bytes, ...] = ()
    unix_s: int | None = None


OCT = 1_791_756_855
MAR = 1_772_360_430
ROWS = [
    Row(
        b"<34>Oct 11 22:14:15 mymachine su: su root failed",
        34,
        b"mymachine",
        b"su",
        message=b"su root failed",
        unix_s=OCT,
    ),
    Row(
        b"no pri at all",
        program=b"no",
        message=b"pri at all",
        tags=(b"syslog.missing_pri", *NO_STAMP),
    ),
    Row(
        b"<13>just text without header",
        program=b"just",
        message=b"text without header",
        tags=NO_STAMP,
    ),
    Row(
        b"<13>myprog[33]: no timestamp",
        program=b"myprog",
        pid=b"33",
        message=b"no timestamp",
        tags=NO_STAMP,
    ),
    Row(b"<13>", tags=NO_STAMP),
    Row(b"<13", tags=NO_STAMP),
    Row(b"<13>.noise", program=b"noise", tags=NO_STAMP),
    Row(b"<13>7: noise", program=b"noise", tags=NO_STAMP),
    Row(
        b"<13>Oct 11 22:14:15= prog: text",
        host=b"=",
        program=b"prog",
        message=b"text",
    ),
    Row(
        b"<13>Oct 11 22:14:15 a/b@c prog: text",
        host=b"a/b@c",
        program=b"prog",
        message=b"text",
    ),
    Row(b"<>empty pri", 0, program=b"empty", message=b"pri", tags=NO_STAMP),
    Row(b"<999>x y", 999, program=b"x", message=b"y", tags=NO_STAMP),
    Row(b"<1234>four x", 1234, program=b"four", message=b"x", tags=NO_STAMP),
    Row(b"<13 no close", message=b"<13 no close", tags=(b"syslog.invalid_pri",)),
    Row(b"<abc>junk", message=b"<abc>junk", tags=(b"syslog.invalid_pri",)),
    Row(b"<13> leading space", program=b"leading", message=b"space", tags=NO_STAMP),
    Row(
        b"<13>Jan  5 10:00:00 host: msg",
        program=b"host",
        message=b"msg",
        tags=(b"syslog.invalid_hostname",),
    ),
    Row(b"<13>Mar  1 10:20:30 h", program=b"h", tags=(b"syslog.invalid_hostname",)),
    Row(b"<13>Mar  1 10:20:30", tags=(b"syslog.invalid_hostname",)),
    Row(b"<13>Mar  1 10:20:30 h p[12: x", 13, b"h", b"p", b"12", b"x"),
    Row(b"<13>Mar  1 10:20:30 h p[12] x", 13, b"h", b"p", b"12", b"x"),
    Row(b"<13>Mar  1 10:20:30 h p:x", 13, b"h", b"p", message=b"x"),
    Row(b"<13>Mar  1 10:20:30 h  two spaces", 13, b"h", b"two", message=b"spaces"),
    Row(b"<13>Mar  1 10:20:30 h p/sub[9]: z", 13, b"h", b"p/sub", b"9", b"z"),
    Row(
        b"<13>Mar  1 10:20:30 h p q: two words",
        13,
        b"h",
        b"p",
        message=b"q: two words",
    ),
    Row(b"<13>Mar  1 10:20:30 10.0.0.1 p: z", 13, b"10.0.0.1", b"p", message=b"z"),
    Row(b"<13>Mar  1 10:20:30 fe80::1 p: z", 13, b"fe80::1", b"p", message=b"z"),
    Row(b"<13>Mar  1 10:20:30 ho_st p: z", 13, b"ho_st", b"p", message=b"z"),
    Row(b"<13>Mar  1 10:20:30 h\xc3\xa9 p: z", 13, b"h\xc3\xa9", b"p", message=b"z"),
    Row(b"<13>Mar 1 10:20:30 h p: z", 13, b"h", b"p", message=b"z", unix_s=MAR),
    Row(
        b"<13>2024-03-01T10:20:30.123456+02:00 h p: z",
        13,
        b"h",
        b"p",
        message=b"z",
        unix_s=1_709_281_230,
    ),
    Row(
        b"<13>2024-03-01T10:20:30,123Z h p: z",
        13,
        b"h",
        b"p",
        message=b"z",
        unix_s=1_709_288_430,
    ),
    Row(
        b"<13>2024-03-01 10:20:30 h p: z",
        13,
        b"h",
        b"p",
        message=b"z",
        unix_s=1_709_288_430,
    ),
    Row(
        b"<13>Mar  1 2024 10:20:30 h p: z",
        13,
        b"h",
        b"p",
        message=b"z",
        unix_s=1_709_288_430,
    ),
    Row(
        b"<13>Mar  1 2024 10:20:30: h p: z",
        13,
        b"h",
        b"p",
        message=b"z",
        unix_s=1_709_288_430,
    ),
    Row(
        b"<13>42: *Mar  1 10:20:30.123: %SYS-5-X: cisco",
        program=b"%SYS-5-X",
        message=b"cisco",
        tags=(b"syslog.invalid_hostname",),
        unix_s=MAR,
    ),
    Row(
        b"<13>Feb 30 10:20:30 h p: z", 13, b"h", b"p", message=b"z", unix_s=MAR + 86_400
    ),
    Row(
        b"<13>Mar  1 25:20:30 h p: z", 13, b"h", b"p", message=b"z", unix_s=MAR + 54_000
    ),
    Row(
        b"<13>Mar  1 10:20:30 last message repeated 3 times",
        message=b"last message repeated 3 times",
    ),
    Row(
        b"<13>Mar  1 10:20:30 Message forwarded from H: p: z",
        13,
        b"H",
        b"p",
        message=b"z",
    ),
    Row(b"<13>Mar  1 10:20:30 h p: \xff\xfe", 13, b"h", b"p", message=b"\xff\xfe"),
    Row(
        b"<34>1 2026-10-11T22:14:15Z h p - - - m",
        34,
        program=b"1",
        message=b"2026-10-11T22:14:15Z h p - - - m",
        tags=NO_STAMP,
    ),
    Row(
        b"12 <13>framed",
        program=b"<13>framed",
        tags=(b"syslog.unexpected_framing", b"syslog.missing_pri", *NO_STAMP),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: repr(row.frame[:40]))
def test_a_legacy_frame_is_read_like_the_reference_reads_it(row: Row) -> None:
    parser = Parser(Reception(keep_hostname=True), "me", 1, "UTC")
    message = parser.parse(row.frame, Origin(host=PEER), NOW)
    assert message.pri == row.pri
    assert message.host == row.host
    assert message.program == row.program
    assert message.pid == row.pid
    assert message.message == row.message
    assert tuple(message.tags) == row.tags
    if row.unix_s is not None:
        assert message.stamp.unix_ns // 1_000_000_000 == row.unix_s


@pytest.mark.parametrize(
    ("options", "host", "program", "message"),
    [
        ({}, PEER, b"p", b"x"),
        ({"keep_hostname": True}, b"origh", b"p", b"x"),
        ({"chain_hostnames": True}, b"origh/peer", b"p", b"x"),
        ({"host_override": "hh"}, b"hh", b"p", b"x"),
        ({"flags": frozenset()}, PEER, b"origh", b"p[1]: x"),
        (
            {"flags": frozenset({"no-parse"})},
            PEER,
            b"",
            b"<13>Mar  1 10:20:30 origh p[1]: x",
        ),
        ({"normalize_hostnames": True, "keep_hostname": True}, b"origh", b"p", b"x"),
        ({"program_override": "q"}, PEER, b"q", b"x"),
    ],
)
def test_host_names_are_handled_like_the_reference_does(
    options: dict[str, object], host: bytes, program: bytes, message: bytes
) -> None:
    parser = Parser(Reception(**options), "me", 1, "UTC")  # type: ignore[arg-type]
    frame = b"<13>Mar  1 10:20:30 origh p[1]: x"
    parsed = parser.parse(frame, Origin(host=PEER), NOW)
    assert (parsed.host, parsed.program, parsed.message) == (host, program, message)


def test_december_in_january_is_last_year() -> None:
    parser = Parser(Reception(), "me", 1, "UTC")
    january = UnixNanos(1_767_268_800_000_000_000)  # 2026-01-01T12:00:00Z
    message = parser.parse(b"<13>Dec 31 23:59:59 h p: x", Origin(), january)
    assert message.stamp.unix_ns == 1_767_225_599_000_000_000


def test_january_in_december_is_next_year() -> None:
    parser = Parser(Reception(), "me", 1, "UTC")
    december = UnixNanos(1_767_225_000_000_000_000)  # 2025-12-31T23:50:00Z
    message = parser.parse(b"<13>Jan  1 00:00:01 h p: x", Origin(), december)
    assert message.stamp.unix_ns == 1_767_225_601_000_000_000
