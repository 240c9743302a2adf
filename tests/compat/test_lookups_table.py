"""Functions that look something up, and applications, row by row."""

from __future__ import annotations

import pytest

from helpers.differences import OVERLAPS
from helpers.differential import LINE, Row, Table

LOOKUPS = Table(
    [
        Row("$RUNID", "1"),
        Row("${RUNID:-none}", "1"),
        Row("$(format-json --scope none RUNID=$RUNID)", '{"RUNID":"1"}'),
        Row("$(getent passwd root)", "0"),
        Row("$(getent passwd 0)", "root"),
        Row("$(getent passwd 0 name)", "root"),
        Row("$(getent passwd root uid)", "0"),
        Row("$(getent passwd root gid)", "0"),
        Row("$(getent passwd root dir)", "/root"),
        Row("$(getent passwd daemon shell)", "/usr/sbin/nologin"),
        Row("$(getent passwd daemon gecos)", "daemon"),
        Row("$(getent passwd nobody-here)", ""),
        Row("$(getent passwd root nosuch)", ""),
        Row("$(getent group root)", "0"),
        Row("$(getent group 0)", "root"),
        Row("$(getent group root gid)", "0"),
        Row("$(getent group root members)", ""),
        Row("$(getent group nobody-here)", ""),
        Row("$(getent services ssh)", "22"),
        Row("$(getent services 22)", "ssh"),
        Row("$(getent services nosuch)", ""),
        Row("$(getent protocols tcp)", "6"),
        Row("$(getent protocols 17)", "udp"),
        Row("$(getent protocols 6 x)", "tcp"),
        Row("$(getent protocols nosuch)", ""),
        Row("x$(getent passwd ${nothing})y", "xy"),
        Row("$(dns-resolve-ip --use-dns no 192.0.2.1)", "192.0.2.1"),
        Row("$(dns-resolve-ip -d no 2001:db8::1)", "2001:db8::1"),
        Row("$(dns-resolve-ip --use-dns=no $SOURCEIP)", "127.0.0.1"),
        Row("x$(dns-resolve-ip --use-dns no host)y", "xy"),
        Row("x$(dns-resolve-ip --use-dns no ${nothing})y", "xy"),
    ],
)

HEAD = """
application alpha[syslog] {
  filter { program("prog" type(string)) and match("x" value("MSG")); };
  parser { kv-parser(prefix("a.")); };
};
application beta[syslog] { filter { program("prog" type(string)); }; };
application gamma[other] { parser { csv-parser(columns("g.1" "g.2")); }; };
"""
WHO = (
    "${.app.name}|$(if 'tags(\".app.alpha\")' 1 0)$(if 'tags(\".app.beta\")' 1 0)"
    "$(if 'tags(\".app.gamma\")' 1 0)|${a.x}|${g.2}"
)


def _app(options: str) -> str:
    return f"parser {{ app-parser({options}); }};"


APPLICATIONS = Table(
    [
        Row(WHO, "alpha|100|1|", _app("topic(syslog)"), "x=1"),
        Row(WHO, "beta|010||", _app("topic(syslog)"), "y=1"),
        Row(WHO, "gamma|001||b", _app("topic(other)"), "a b"),
        Row(WHO, (), _app("topic(nobody)"), "x=1"),
        Row(WHO, (), _app("topic(syslog) auto-parse(no)"), "x=1"),
        Row(
            WHO,
            "beta|010||",
            _app("topic(syslog) auto-parse-exclude(alpha)"),
            "x=1",
        ),
        Row(
            WHO,
            (),
            _app('topic(syslog) auto-parse-exclude("alpha, beta")'),
            "x=1",
        ),
        Row(
            WHO,
            (),
            _app("topic(syslog) auto-parse-include(alpha)"),
            "y=1",
        ),
        Row(
            WHO,
            "alpha|100|1|",
            _app("topic(syslog) auto-parse-include(alpha beta)"),
            "x=1",
        ),
        Row(
            WHO,
            "|000||",
            "if { parser { app-parser(topic(nobody)); }; };",
            "x=1",
        ),
        Row(
            WHO,
            "|000|1|",
            _app("topic(syslog) allow-overlaps(yes)"),
            "x=1",
            "alpha|100|1|",
            OVERLAPS,
        ),
    ],
    (LINE.format(host="host", text="x=1"),),
    head=HEAD,
)

CASES = [
    pytest.param(table, row, id=f"{number}-{row.name}")
    for number, table in enumerate((LOOKUPS, APPLICATIONS))
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), CASES)
def test_a_row_comes_out_as_the_table_says(table: Table, row: Row) -> None:
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(("table", "row"), CASES)
def test_syslog_ng_does_as_the_table_says(table: Table, row: Row) -> None:
    assert not table.differs(row)
