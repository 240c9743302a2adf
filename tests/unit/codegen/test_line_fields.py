"""What the fast form makes of lines, where a mistake would be silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.programs import LOCAL_ORIGIN, NOW, relay

LINE = b"<13>Nov 21 12:00:00 app[7]: text"


def test_captures_that_differ_by_a_space_have_names_of_their_own() -> None:
    site = relay(
        'rewrite { subst("a" "" value("MESSAGE")); }; destination { output(); };',
        output='template("$(format-json --scope rfc5424,nv-pairs)\\n")',
    )
    assert site.program.form == "slices"
    plain, _ = site.lines(b"<34>Oct 11 22:14:15 h su[42]: a b").values()
    assert plain == [b"<34>Oct 11 22:14:15 relay.example su[42]:  b\n"]


@pytest.mark.parametrize(
    ("template", "form", "expected"),
    [
        ("${.unix.pid} $MSG\\n", "slices", b"42 text\n"),
        ("$(format-json --key .unix.*)\\n", "messages", b'{"_unix":{"pid":"42"}}\n'),
        ("$(format-json --key PROGRAM)\\n", "slices", b'{"PROGRAM":"app"}\n'),
    ],
)
def test_values_of_the_sender_are_there(
    template: str, form: str, expected: bytes
) -> None:
    site = relay(
        source="flags(no-hostname) local(yes) sender-values(yes)",
        output=f'template("{template}")',
    )
    origin = replace(LOCAL_ORIGIN, values=((".unix.pid", b"42"),))
    assert site.frames_at([LINE], origin, NOW) == [expected]
    assert site.program.form == form


@pytest.mark.parametrize("sdata", [b'[x y="1" y="2"]', b'[x y="1"][x z="2"]'])
def test_repeated_names_of_structured_data_are_copied_with_the_line(
    sdata: bytes,
) -> None:
    """RFC 5424, 6.3.3 allows the former. A message keeps the last one (below)."""
    site = relay(source="flags(syslog-protocol)", output="form(rfc5424)")
    line = b"<34>1 2026-10-11T22:14:15Z h p 1 m %b text" % sdata
    ((record,),) = site.lines(line).values()
    assert sdata in record


def test_of_repeated_names_a_message_keeps_the_last() -> None:
    site = relay(source="flags(syslog-protocol)", output='template("${.SDATA.x.y}\\n")')
    line = b'<34>1 2026-10-11T22:14:15Z h p 1 m [x y="1" y="2"] text'
    assert list(site.lines(line).values()) == [[b"2\n"]]


@pytest.mark.parametrize(
    ("source", "line", "expected"),
    [
        ("flags(no-parse)", b"any text", b"13 relay.example 2026-11-21T03 any text\n"),
        (
            "flags(no-parse) default-pri(46) host-override(h)",
            b"<9>x",
            b"46 h 2026-11-21T03 <9>x\n",
        ),
        (
            "flags(no-hostname)",
            b"<34>Oct 11 22:14:15 su[1]: text",
            b"34 relay.example 2026-10-11T22 text\n",
        ),
        (
            "keep-timestamp(no) keep-hostname(yes)",
            b"<34>Oct 11 22:14:15 box su[1]: text",
            b"34 box 2026-11-21T03 text\n",
        ),
        (
            "flags(syslog-protocol) normalize-hostnames(yes) keep-hostname(yes)",
            b"<34>1 2026-10-11T22:14:15.5+02:00 BOX su 1 - - text",
            b"34 box 2026-10-11T22 text\n",
        ),
    ],
)
def test_common_sources_take_the_fast_form(
    source: str, line: bytes, expected: bytes
) -> None:
    template = "$PRI $HOST $YEAR-$MONTH-${DAY}T$HOUR $MSG\\n"
    site = relay(source=source, output=f'template("{template}")')
    assert site.program.form == "slices"
    ((record,),) = site.lines(line).values()
    assert record == expected
