"""Macros of BSD and RFC 5424 messages, row by row."""

from __future__ import annotations

import pytest

from helpers.differences import (
    EMPTY,
    NEWER,
)
from helpers.differential import Row, Table

LEGACY = Table(
    [
        Row(
            "$PRI $FACILITY $FACILITY_NUM $LEVEL $LEVEL_NUM $SEVERITY $SEVERITY_NUM $PRIORITY $TAG $BSDTAG",
            (
                "13 user 1 notice 5 notice 5 notice 0d 5B",
                "191 local7 23 debug 7 debug 7 debug bf 7X",
                "0 kern 0 emerg 0 emerg 0 emerg 00 0A",
                "34 auth 4 crit 2 crit 2 crit 22 2E",
                "999 7c 124 debug 7 debug 7 debug 3e7 7\udcbd",
                "13 user 1 notice 5 notice 5 notice 0d 5B",
            ),
        ),
        Row("$MSG", ("text", "odd  spaces", "", "iso stamp", "pri", "last second")),
        Row("$MESSAGE", ("text", "odd  spaces", "", "iso stamp", "pri", "last second")),
        Row("$MSGONLY", ("text", "odd  spaces", "", "iso stamp", "pri", "last second")),
        Row(
            "$MSGHDR",
            ("prog[42]: ", "kernel: ", "a/b-c[x]: ", "app[9]: ", "weird: ", "p: "),
        ),
        Row(
            "$LEGACY_MSGHDR",
            ("prog[42]: ", "kernel: ", "a/b-c[x]: ", "app[9]: ", "weird: ", "p: "),
        ),
        Row("$PROGRAM", ("prog", "kernel", "a/b-c", "app", "weird", "p")),
        Row("$PID", ("42", "", "x", "9", "", "")),
        Row("$MSGID", ("", "", "", "", "", "")),
        Row("$HOST", ("host", "db", "h1", "iso", "host", "h")),
        Row("$FULLHOST", ("host", "db", "h1", "iso", "host", "h")),
        Row("$SDATA", ("", "", "", "", "", "")),
        Row("$STRUCTURED_DATA", ("", "", "", "", "", "")),
        Row("${.SDATA.x.y}", ("", "", "", "", "", "")),
        Row("${.SDATA.meta.sequenceId}", ("", "", "", "", "", "")),
        Row("${.SDATA.timeQuality.tzKnown}", ("", "", "", "", "", "")),
        Row(
            "$TAGS",
            (
                ".source.s",
                ".source.s",
                ".source.s",
                ".source.s",
                ".source.s",
                ".source.s",
            ),
        ),
        Row("$SOURCE", ("s", "s", "s", "s", "s", "s")),
        Row(
            "$DATE",
            (
                "Oct 11 22:14:15",
                "Nov 21 02:03:04",
                "Jan  1 00:00:00",
                "Feb 28 05:06:07",
                "Oct 11 22:14:15",
                "Dec 31 23:59:59",
            ),
        ),
        Row(
            "$STAMP",
            (
                "Oct 11 22:14:15",
                "Nov 21 02:03:04",
                "Jan  1 00:00:00",
                "Feb 28 05:06:07",
                "Oct 11 22:14:15",
                "Dec 31 23:59:59",
            ),
        ),
        Row(
            "$FULLDATE",
            (
                "2026 Oct 11 22:14:15",
                "2026 Nov 21 02:03:04",
                "2026 Jan  1 00:00:00",
                "2026 Feb 28 05:06:07",
                "2026 Oct 11 22:14:15",
                "2026 Dec 31 23:59:59",
            ),
        ),
        Row(
            "$ISODATE",
            (
                "2026-10-11T22:14:15+00:00",
                "2026-11-21T02:03:04+00:00",
                "2026-01-01T00:00:00+00:00",
                "2026-02-28T05:06:07+02:00",
                "2026-10-11T22:14:15+00:00",
                "2026-12-31T23:59:59+00:00",
            ),
        ),
        Row(
            "$UNIXTIME",
            (
                "1791756855",
                "1795226584",
                "1767225600",
                "1772247967",
                "1791756855",
                "1798761599",
            ),
        ),
        Row("$YEAR", ("2026", "2026", "2026", "2026", "2026", "2026")),
        Row("$YEAR_DAY", ("284", "325", "001", "059", "284", "365")),
        Row("$MONTH", ("10", "11", "01", "02", "10", "12")),
        Row(
            "$MONTH_NAME",
            ("October", "November", "January", "February", "October", "December"),
        ),
        Row("$MONTH_ABBREV", ("Oct", "Nov", "Jan", "Feb", "Oct", "Dec")),
        Row("$MONTH_WEEK", ("1", "3", "0", "4", "1", "4")),
        Row("$DAY", ("11", "21", "01", "28", "11", "31")),
        Row("$HOUR", ("22", "02", "00", "05", "22", "23")),
        Row("$HOUR12", ("10", "02", "12", "05", "10", "11")),
        Row("$MIN", ("14", "03", "00", "06", "14", "59")),
        Row("$SEC", ("15", "04", "00", "07", "15", "59")),
        Row("$USEC", ("000000", "000000", "000000", "123456", "000000", "000000")),
        Row("$MSEC", ("000", "000", "000", "123", "000", "000")),
        Row("$AMPM", ("PM", "AM", "AM", "AM", "PM", "PM")),
        Row("$WEEK", ("40", "46", "00", "08", "40", "52")),
        Row("$ISOWEEK", ("41", "47", "01", "09", "41", "53")),
        Row("$WEEK_DAY", ("1", "7", "5", "7", "1", "5")),
        Row("$WEEKDAY", ("Sun", "Sat", "Thu", "Sat", "Sun", "Thu")),
        Row(
            "$WEEK_DAY_NAME",
            ("Sunday", "Saturday", "Thursday", "Saturday", "Sunday", "Thursday"),
        ),
        Row("$WEEK_DAY_ABBREV", ("Sun", "Sat", "Thu", "Sat", "Sun", "Thu")),
        Row("$TZ", ("+00:00", "+00:00", "+00:00", "+02:00", "+00:00", "+00:00")),
        Row("$TZOFFSET", ("+00:00", "+00:00", "+00:00", "+02:00", "+00:00", "+00:00")),
        Row("$BSDDATE", ("", "", "", "", "", "")),
        Row(
            "$S_DATE",
            (
                "Oct 11 22:14:15",
                "Nov 21 02:03:04",
                "Jan  1 00:00:00",
                "Feb 28 05:06:07",
                "Oct 11 22:14:15",
                "Dec 31 23:59:59",
            ),
        ),
        Row(
            "$S_ISODATE",
            (
                "2026-10-11T22:14:15+00:00",
                "2026-11-21T02:03:04+00:00",
                "2026-01-01T00:00:00+00:00",
                "2026-02-28T05:06:07+02:00",
                "2026-10-11T22:14:15+00:00",
                "2026-12-31T23:59:59+00:00",
            ),
        ),
        Row(
            "$S_UNIXTIME",
            (
                "1791756855",
                "1795226584",
                "1767225600",
                "1772247967",
                "1791756855",
                "1798761599",
            ),
        ),
        Row("$S_TZ", ("+00:00", "+00:00", "+00:00", "+02:00", "+00:00", "+00:00")),
        Row("$S_HOUR", ("22", "02", "00", "05", "22", "23")),
        Row("$S_MSEC", ("000", "000", "000", "123", "000", "000")),
        Row("$S_WEEK", ("40", "46", "00", "08", "40", "52")),
        Row(
            "$SOURCEIP",
            (
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
            ),
        ),
        Row(
            "$DESTIP",
            (
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
            ),
        ),
        Row("$PROTO", ("6", "6", "6", "6", "6", "6")),
        Row(
            "$PROTO_NAME",
            ("tcp", "tcp", "tcp", "tcp", "tcp", "tcp"),
            reference=("", "", "", "", "", ""),
            why=NEWER,
        ),
        Row(
            "$IP_PROTO",
            ("4", "4", "4", "4", "4", "4"),
            reference=("", "", "", "", "", ""),
            why=NEWER,
        ),
        Row(
            "$PEERIP",
            (
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
                "127.0.0.1",
            ),
            reference=("", "", "", "", "", ""),
            why=NEWER,
        ),
        Row("$FILE_NAME", ("", "", "", "", "", "")),
        Row(
            "$TRANSPORT",
            (
                "bsdsyslog+tcp",
                "bsdsyslog+tcp",
                "bsdsyslog+tcp",
                "bsdsyslog+tcp",
                "bsdsyslog+tcp",
                "bsdsyslog+tcp",
            ),
            reference=("", "", "", "", "", ""),
            why=NEWER,
        ),
        Row(
            "$MSGFORMAT",
            (
                "syslog:rfc3164",
                "syslog:rfc3164",
                "syslog:rfc3164",
                "syslog:rfc3164",
                "syslog:rfc3164",
                "syslog:rfc3164",
            ),
            reference=("", "", "", "", "", ""),
            why="values of AxoSyslog 4 are there",
        ),
        Row("$RAWMSG", ("", "", "", "", "", "")),
        Row("$SEQNUM", ("", "", "", "", "", "")),
        Row("$CONTEXT_ID", ("", "", "", "", "", "")),
        Row("$_", ("", "", "", "", "", "")),
        Row("$0", ("", "", "", "", "", "")),
        Row("$1", ("", "", "", "", "", "")),
        Row("$*", ("", "", "", "", "", "")),
        Row("$BOM", ("", "", "", "", "", "")),
        Row("$nosuch", ("", "", "", "", "", "")),
        Row("${no.such}", ("", "", "", "", "", "")),
        Row("$FOO_BAR", ("", "", "", "", "", "")),
        Row("$HOSTX", ("", "", "", "", "", "")),
        Row("$host", ("", "", "", "", "", "")),
        Row("$WEEKDAYX", ("", "", "", "", "", "")),
        Row(
            "$(format-json --scope rfc5424)",
            (
                '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"kernel","PRIORITY":"debug","MESSAGE":"odd  spaces","HOST":"db","FACILITY":"local7","DATE":"Nov 21 02:03:04"}',
                '{"PROGRAM":"a/b-c","PRIORITY":"emerg","PID":"x","HOST":"h1","FACILITY":"kern","DATE":"Jan  1 00:00:00"}',
                '{"PROGRAM":"app","PRIORITY":"crit","PID":"9","MESSAGE":"iso stamp","HOST":"iso","FACILITY":"auth","DATE":"Feb 28 05:06:07"}',
                '{"PROGRAM":"weird","PRIORITY":"debug","MESSAGE":"pri","HOST":"host","FACILITY":"7c","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"p","PRIORITY":"notice","MESSAGE":"last second","HOST":"h","FACILITY":"user","DATE":"Dec 31 23:59:59"}',
            ),
        ),
        Row("$(format-json --scope sdata)", ("{}", "{}", "{}", "{}", "{}", "{}")),
        Row(
            "$(format-json --scope nv-pairs --exclude HOST_FROM --exclude TRANSPORT --exclude MSGFORMAT)",
            (
                '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"kernel","MESSAGE":"odd  spaces","LEGACY_MSGHDR":"kernel: ","HOST":"db"}',
                '{"SOURCE":"s","PROGRAM":"a/b-c","PID":"x","LEGACY_MSGHDR":"a/b-c[x]: ","HOST":"h1"}',
                '{"SOURCE":"s","PROGRAM":"app","PID":"9","MESSAGE":"iso stamp","LEGACY_MSGHDR":"app[9]: ","HOST":"iso"}',
                '{"SOURCE":"s","PROGRAM":"weird","MESSAGE":"pri","LEGACY_MSGHDR":"weird: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"p","MESSAGE":"last second","LEGACY_MSGHDR":"p: ","HOST":"h"}',
            ),
            reference=(
                '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"kernel","MESSAGE":"odd  spaces","LEGACY_MSGHDR":"kernel: ","HOST":"db"}',
                '{"SOURCE":"s","PROGRAM":"a/b-c","PID":"x","MESSAGE":"","LEGACY_MSGHDR":"a/b-c[x]: ","HOST":"h1"}',
                '{"SOURCE":"s","PROGRAM":"app","PID":"9","MESSAGE":"iso stamp","LEGACY_MSGHDR":"app[9]: ","HOST":"iso"}',
                '{"SOURCE":"s","PROGRAM":"weird","MESSAGE":"pri","LEGACY_MSGHDR":"weird: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"p","MESSAGE":"last second","LEGACY_MSGHDR":"p: ","HOST":"h"}',
            ),
            why=EMPTY,
        ),
        Row(
            "$(format-json --scope dot-nv-pairs)", ("{}", "{}", "{}", "{}", "{}", "{}")
        ),
        Row(
            "$(format-json --scope all-nv-pairs --exclude HOST_FROM --exclude TRANSPORT --exclude MSGFORMAT)",
            (
                '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"kernel","MESSAGE":"odd  spaces","LEGACY_MSGHDR":"kernel: ","HOST":"db"}',
                '{"SOURCE":"s","PROGRAM":"a/b-c","PID":"x","LEGACY_MSGHDR":"a/b-c[x]: ","HOST":"h1"}',
                '{"SOURCE":"s","PROGRAM":"app","PID":"9","MESSAGE":"iso stamp","LEGACY_MSGHDR":"app[9]: ","HOST":"iso"}',
                '{"SOURCE":"s","PROGRAM":"weird","MESSAGE":"pri","LEGACY_MSGHDR":"weird: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"p","MESSAGE":"last second","LEGACY_MSGHDR":"p: ","HOST":"h"}',
            ),
            reference=(
                '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"kernel","MESSAGE":"odd  spaces","LEGACY_MSGHDR":"kernel: ","HOST":"db"}',
                '{"SOURCE":"s","PROGRAM":"a/b-c","PID":"x","MESSAGE":"","LEGACY_MSGHDR":"a/b-c[x]: ","HOST":"h1"}',
                '{"SOURCE":"s","PROGRAM":"app","PID":"9","MESSAGE":"iso stamp","LEGACY_MSGHDR":"app[9]: ","HOST":"iso"}',
                '{"SOURCE":"s","PROGRAM":"weird","MESSAGE":"pri","LEGACY_MSGHDR":"weird: ","HOST":"host"}',
                '{"SOURCE":"s","PROGRAM":"p","MESSAGE":"last second","LEGACY_MSGHDR":"p: ","HOST":"h"}',
            ),
            why=EMPTY,
        ),
        Row("$(format-json --key .SDATA.*)", ("{}", "{}", "{}", "{}", "{}", "{}")),
        Row("$(format-json --subkeys .SDATA.)", ("{}", "{}", "{}", "{}", "{}", "{}")),
        Row(
            "$(format-json --scope selected-macros --exclude SEQNUM)",
            (
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"kernel","PRIORITY":"debug","MESSAGE":"odd  spaces","HOST":"db","FACILITY":"local7","DATE":"Nov 21 02:03:04"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"a/b-c","PRIORITY":"emerg","PID":"x","HOST":"h1","FACILITY":"kern","DATE":"Jan  1 00:00:00"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"app","PRIORITY":"crit","PID":"9","MESSAGE":"iso stamp","HOST":"iso","FACILITY":"auth","DATE":"Feb 28 05:06:07"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"weird","PRIORITY":"debug","MESSAGE":"pri","HOST":"host","FACILITY":"7c","DATE":"Oct 11 22:14:15"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"p","PRIORITY":"notice","MESSAGE":"last second","HOST":"h","FACILITY":"user","DATE":"Dec 31 23:59:59"}',
            ),
        ),
        Row(
            "$(format-json --scope core)",
            (
                '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"kernel","PRIORITY":"debug","MESSAGE":"odd  spaces","HOST":"db","FACILITY":"local7","DATE":"Nov 21 02:03:04"}',
                '{"PROGRAM":"a/b-c","PRIORITY":"emerg","PID":"x","HOST":"h1","FACILITY":"kern","DATE":"Jan  1 00:00:00"}',
                '{"PROGRAM":"app","PRIORITY":"crit","PID":"9","MESSAGE":"iso stamp","HOST":"iso","FACILITY":"auth","DATE":"Feb 28 05:06:07"}',
                '{"PROGRAM":"weird","PRIORITY":"debug","MESSAGE":"pri","HOST":"host","FACILITY":"7c","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"p","PRIORITY":"notice","MESSAGE":"last second","HOST":"h","FACILITY":"user","DATE":"Dec 31 23:59:59"}',
            ),
        ),
        Row("$(format-flat-json --scope sdata)", ("{}", "{}", "{}", "{}", "{}", "{}")),
    ],
    lines=(
        "<13>Oct 11 22:14:15 host prog[42]: text",
        "<191>Nov 21 02:03:04 db kernel: odd  spaces",
        "<0>Jan  1 00:00:00 h1 a/b-c[x]: ",
        "<34>2026-02-28T05:06:07.123456+02:00 iso app[9]: iso stamp",
        "<999>Oct 11 22:14:15 host weird: pri",
        "<13>Dec 31 23:59:59 h p: last second",
    ),
)
SYSLOG = Table(
    [
        Row(
            "$PRI $FACILITY $FACILITY_NUM $LEVEL $LEVEL_NUM $SEVERITY $SEVERITY_NUM $PRIORITY $TAG $BSDTAG",
            (
                "165 local4 20 notice 5 notice 5 notice a5 5U",
                "165 local4 20 notice 5 notice 5 notice a5 5U",
                "14 user 1 info 6 info 6 info 0e 6B",
                "14 user 1 info 6 info 6 info 0e 6B",
            ),
        ),
        Row("$MSG", ("An application", "%% It is", "text é", "x")),
        Row("$MESSAGE", ("An application", "%% It is", "text é", "x")),
        Row("$MSGONLY", ("An application", "%% It is", "text é", "x")),
        Row("$MSGHDR", ("evntslog: ", "myproc[8710]: ", "p[1]: ", "p[1]: ")),
        Row("$LEGACY_MSGHDR", ("", "", "", "")),
        Row("$PROGRAM", ("evntslog", "myproc", "p", "p")),
        Row("$PID", ("", "8710", "1", "1")),
        Row("$MSGID", ("ID47", "", "m", "m")),
        Row("$HOST", ("mymachine", "192.0.2.1", "h", "h")),
        Row("$FULLHOST", ("mymachine", "192.0.2.1", "h", "h")),
        Row(
            "$SDATA",
            (
                '[x y="1" z="a\\"b\\]c"][e@32473 q="r"]',
                "",
                '[meta sequenceId="9"][timeQuality tzKnown="1"]',
                '[a][b c=""]',
            ),
        ),
        Row(
            "$STRUCTURED_DATA",
            (
                '[x y="1" z="a\\"b\\]c"][e@32473 q="r"]',
                "",
                '[meta sequenceId="9"][timeQuality tzKnown="1"]',
                '[a][b c=""]',
            ),
            reference=("", "", "", ""),
            why=NEWER,
        ),
        Row("${.SDATA.x.y}", ("1", "", "", "")),
        Row("${.SDATA.meta.sequenceId}", ("", "", "9", "")),
        Row("${.SDATA.timeQuality.tzKnown}", ("", "", "1", "")),
        Row("$TAGS", (".source.s", ".source.s", ".source.s", ".source.s")),
        Row("$SOURCE", ("s", "s", "s", "s")),
        Row(
            "$DATE",
            (
                "Oct 11 22:14:15",
                "Aug 24 05:14:15",
                "Dec 31 00:00:00",
                "Jan  1 00:00:00",
            ),
        ),
        Row(
            "$STAMP",
            (
                "Oct 11 22:14:15",
                "Aug 24 05:14:15",
                "Dec 31 00:00:00",
                "Jan  1 00:00:00",
            ),
        ),
        Row(
            "$FULLDATE",
            (
                "2003 Oct 11 22:14:15",
                "2003 Aug 24 05:14:15",
                "2026 Dec 31 00:00:00",
                "2026 Jan  1 00:00:00",
            ),
        ),
        Row(
            "$ISODATE",
            (
                "2003-10-11T22:14:15+00:00",
                "2003-08-24T05:14:15-07:00",
                "2026-12-31T00:00:00+05:30",
                "2026-01-01T00:00:00+00:00",
            ),
        ),
        Row("$UNIXTIME", ("1065910455", "1061727255", "1798655400", "1767225600")),
        Row("$YEAR", ("2003", "2003", "2026", "2026")),
        Row("$YEAR_DAY", ("284", "236", "365", "001")),
        Row("$MONTH", ("10", "08", "12", "01")),
        Row("$MONTH_NAME", ("October", "August", "December", "January")),
        Row("$MONTH_ABBREV", ("Oct", "Aug", "Dec", "Jan")),
        Row("$MONTH_WEEK", ("1", "3", "4", "0")),
        Row("$DAY", ("11", "24", "31", "01")),
        Row("$HOUR", ("22", "05", "00", "00")),
        Row("$HOUR12", ("10", "05", "12", "12")),
        Row("$MIN", ("14", "14", "00", "00")),
        Row("$SEC", ("15", "15", "00", "00")),
        Row("$USEC", ("003000", "000003", "000000", "000000")),
        Row("$MSEC", ("003", "000", "000", "000")),
        Row("$AMPM", ("PM", "AM", "AM", "AM")),
        Row("$WEEK", ("40", "33", "52", "00")),
        Row("$ISOWEEK", ("41", "34", "53", "01")),
        Row("$WEEK_DAY", ("7", "1", "5", "5")),
        Row("$WEEKDAY", ("Sat", "Sun", "Thu", "Thu")),
        Row("$WEEK_DAY_NAME", ("Saturday", "Sunday", "Thursday", "Thursday")),
        Row("$WEEK_DAY_ABBREV", ("Sat", "Sun", "Thu", "Thu")),
        Row("$TZ", ("+00:00", "-07:00", "+05:30", "+00:00")),
        Row("$TZOFFSET", ("+00:00", "-07:00", "+05:30", "+00:00")),
        Row("$BSDDATE", ("", "", "", "")),
        Row(
            "$S_DATE",
            (
                "Oct 11 22:14:15",
                "Aug 24 05:14:15",
                "Dec 31 00:00:00",
                "Jan  1 00:00:00",
            ),
        ),
        Row(
            "$S_ISODATE",
            (
                "2003-10-11T22:14:15+00:00",
                "2003-08-24T05:14:15-07:00",
                "2026-12-31T00:00:00+05:30",
                "2026-01-01T00:00:00+00:00",
            ),
        ),
        Row("$S_UNIXTIME", ("1065910455", "1061727255", "1798655400", "1767225600")),
        Row("$S_TZ", ("+00:00", "-07:00", "+05:30", "+00:00")),
        Row("$S_HOUR", ("22", "05", "00", "00")),
        Row("$S_MSEC", ("003", "000", "000", "000")),
        Row("$S_WEEK", ("40", "33", "52", "00")),
        Row("$SOURCEIP", ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1")),
        Row("$DESTIP", ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1")),
        Row("$PROTO", ("6", "6", "6", "6")),
        Row(
            "$PROTO_NAME",
            ("tcp", "tcp", "tcp", "tcp"),
            reference=("", "", "", ""),
            why=NEWER,
        ),
        Row("$IP_PROTO", ("4", "4", "4", "4"), reference=("", "", "", ""), why=NEWER),
        Row(
            "$PEERIP",
            ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
            reference=("", "", "", ""),
            why=NEWER,
        ),
        Row("$FILE_NAME", ("", "", "", "")),
        Row(
            "$TRANSPORT",
            ("bsdsyslog+tcp", "bsdsyslog+tcp", "bsdsyslog+tcp", "bsdsyslog+tcp"),
            reference=("", "", "", ""),
            why=NEWER,
        ),
        Row(
            "$MSGFORMAT",
            ("syslog:rfc5424", "syslog:rfc5424", "syslog:rfc5424", "syslog:rfc5424"),
            reference=("", "", "", ""),
            why="values of AxoSyslog 4 are there",
        ),
        Row("$RAWMSG", ("", "", "", "")),
        Row("$SEQNUM", ("", "", "9", "")),
        Row("$CONTEXT_ID", ("", "", "", "")),
        Row("$_", ("", "", "", "")),
        Row("$0", ("", "", "", "")),
        Row("$1", ("", "", "", "")),
        Row("$*", ("", "", "", "")),
        Row("$BOM", ("", "", "", "")),
        Row("$nosuch", ("", "", "", "")),
        Row("${no.such}", ("", "", "", "")),
        Row("$FOO_BAR", ("", "", "", "")),
        Row("$HOSTX", ("", "", "", "")),
        Row("$host", ("", "", "", "")),
        Row("$WEEKDAYX", ("", "", "", "")),
        Row(
            "$(format-json --scope rfc5424)",
            (
                '{"_SDATA":{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}},"PROGRAM":"evntslog","PRIORITY":"notice","MSGID":"ID47","MESSAGE":"An application","HOST":"mymachine","FACILITY":"local4","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"myproc","PRIORITY":"notice","PID":"8710","MESSAGE":"%% It is","HOST":"192.0.2.1","FACILITY":"local4","DATE":"Aug 24 05:14:15"}',
                '{"_SDATA":{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}},"PROGRAM":"p","PRIORITY":"info","PID":"1","MSGID":"m","MESSAGE":"text é","HOST":"h","FACILITY":"user","DATE":"Dec 31 00:00:00"}',
                '{"_SDATA":{"b":{"c":""},"a":""},"PROGRAM":"p","PRIORITY":"info","PID":"1","MSGID":"m","MESSAGE":"x","HOST":"h","FACILITY":"user","DATE":"Jan  1 00:00:00"}',
            ),
        ),
        Row(
            "$(format-json --scope sdata)",
            (
                '{"_SDATA":{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}}}',
                "{}",
                '{"_SDATA":{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}}}',
                '{"_SDATA":{"b":{"c":""},"a":""}}',
            ),
        ),
        Row(
            "$(format-json --scope nv-pairs --exclude HOST_FROM --exclude TRANSPORT --exclude MSGFORMAT)",
            (
                '{"SOURCE":"s","PROGRAM":"evntslog","MSGID":"ID47","MESSAGE":"An application","HOST":"mymachine"}',
                '{"SOURCE":"s","PROGRAM":"myproc","PID":"8710","MESSAGE":"%% It is","HOST":"192.0.2.1"}',
                '{"SOURCE":"s","PROGRAM":"p","PID":"1","MSGID":"m","MESSAGE":"text é","HOST":"h"}',
                '{"SOURCE":"s","PROGRAM":"p","PID":"1","MSGID":"m","MESSAGE":"x","HOST":"h"}',
            ),
        ),
        Row(
            "$(format-json --scope dot-nv-pairs)",
            (
                '{"_SDATA":{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}}}',
                "{}",
                '{"_SDATA":{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}}}',
                '{"_SDATA":{"b":{"c":""},"a":""}}',
            ),
        ),
        Row(
            "$(format-json --scope all-nv-pairs --exclude HOST_FROM --exclude TRANSPORT --exclude MSGFORMAT)",
            (
                '{"_SDATA":{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}},"SOURCE":"s","PROGRAM":"evntslog","MSGID":"ID47","MESSAGE":"An application","HOST":"mymachine"}',
                '{"SOURCE":"s","PROGRAM":"myproc","PID":"8710","MESSAGE":"%% It is","HOST":"192.0.2.1"}',
                '{"_SDATA":{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}},"SOURCE":"s","PROGRAM":"p","PID":"1","MSGID":"m","MESSAGE":"text é","HOST":"h"}',
                '{"_SDATA":{"b":{"c":""},"a":""},"SOURCE":"s","PROGRAM":"p","PID":"1","MSGID":"m","MESSAGE":"x","HOST":"h"}',
            ),
        ),
        Row(
            "$(format-json --key .SDATA.*)",
            (
                '{"_SDATA":{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}}}',
                "{}",
                '{"_SDATA":{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}}}',
                '{"_SDATA":{"b":{"c":""},"a":""}}',
            ),
        ),
        Row(
            "$(format-json --subkeys .SDATA.)",
            (
                '{"x":{"z":"a\\"b]c","y":"1"},"e@32473":{"q":"r"}}',
                "{}",
                '{"timeQuality":{"tzKnown":"1"},"meta":{"sequenceId":"9"}}',
                '{"b":{"c":""},"a":""}',
            ),
        ),
        Row(
            "$(format-json --scope selected-macros --exclude SEQNUM)",
            (
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"evntslog","PRIORITY":"notice","MESSAGE":"An application","HOST":"mymachine","FACILITY":"local4","DATE":"Oct 11 22:14:15"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"myproc","PRIORITY":"notice","PID":"8710","MESSAGE":"%% It is","HOST":"192.0.2.1","FACILITY":"local4","DATE":"Aug 24 05:14:15"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"p","PRIORITY":"info","PID":"1","MESSAGE":"text é","HOST":"h","FACILITY":"user","DATE":"Dec 31 00:00:00"}',
                '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"p","PRIORITY":"info","PID":"1","MESSAGE":"x","HOST":"h","FACILITY":"user","DATE":"Jan  1 00:00:00"}',
            ),
        ),
        Row(
            "$(format-json --scope core)",
            (
                '{"PROGRAM":"evntslog","PRIORITY":"notice","MESSAGE":"An application","HOST":"mymachine","FACILITY":"local4","DATE":"Oct 11 22:14:15"}',
                '{"PROGRAM":"myproc","PRIORITY":"notice","PID":"8710","MESSAGE":"%% It is","HOST":"192.0.2.1","FACILITY":"local4","DATE":"Aug 24 05:14:15"}',
                '{"PROGRAM":"p","PRIORITY":"info","PID":"1","MESSAGE":"text é","HOST":"h","FACILITY":"user","DATE":"Dec 31 00:00:00"}',
                '{"PROGRAM":"p","PRIORITY":"info","PID":"1","MESSAGE":"x","HOST":"h","FACILITY":"user","DATE":"Jan  1 00:00:00"}',
            ),
        ),
        Row(
            "$(format-flat-json --scope sdata)",
            (
                '{"_SDATA.x.z":"a\\"b]c","_SDATA.x.y":"1","_SDATA.e@32473.q":"r"}',
                "{}",
                '{"_SDATA.timeQuality.tzKnown":"1","_SDATA.meta.sequenceId":"9"}',
                '{"_SDATA.b.c":"","_SDATA.a":""}',
            ),
        ),
    ],
    lines=(
        '<165>1 2003-10-11T22:14:15.003Z mymachine evntslog - ID47 [x y="1" z="a\\"b\\]c"][e@32473 q="r"] An application',
        "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It is",
        '<14>1 2026-12-31T00:00:00+05:30 h p 1 m [meta sequenceId="9"][timeQuality tzKnown="1"] \ufefftext é',
        '<14>1 2026-01-01T00:00:00Z h p 1 m [a][b c=""] x',
    ),
    flags="syslog-protocol",
)

CASES = [
    pytest.param(table, row, id=f"{number}-{row.name}")
    for number, table in enumerate(
        (
            LEGACY,
            SYSLOG,
        )
    )
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), CASES)
def test_a_row_comes_out_as_the_table_says(table: Table, row: Row) -> None:
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(("table", "row"), CASES)
def test_syslog_ng_does_as_the_table_says(table: Table, row: Row) -> None:
    assert not table.differs(row)
