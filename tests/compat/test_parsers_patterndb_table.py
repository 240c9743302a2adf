"""``db-parser()``: pattern by pattern, the same as in syslog-ng."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.differences import NLSTRING
from helpers.differential import Row, Table
from helpers.programs import compiled
from logferry.codegen.macros import MacroContext
from logferry.codegen.parsers.db import Database
from logferry.codegen.patterns import PatternError

FILE = Path(__file__).parent / "patterndb.xml"
MIDDLE = f'parser {{ db-parser(file("{FILE}")); }};'
VALUES = (
    "$(format-json --scope nv-pairs --scope dot-nv-pairs --exclude TRANSPORT --exclude MSGFORMAT "
    "--exclude HOST_FROM --exclude SOURCE --exclude HOST --exclude MESSAGE "
    "--exclude LEGACY_MSGHDR --exclude PROGRAM --exclude PID)"
)


def gives(text: str, expected: str) -> Row:
    """Make a row: what the database makes of a message."""
    return Row(VALUES, expected, MIDDLE, text)


TABLE = Table(
    [
        gives(
            "Accepted password for bob from 10.0.0.1 port 22",
            '{"user":"bob","port":22,"note":"bob@prog","ip":"10.0.0.1","how":"password","_classifier":{"rule_id":"r1","class":"login"}}',
        ),
        gives(
            "Accepted password for bob from 10.0.0.1 port 22 ssh2",
            '{"user":"bob","port":22,"note":"bob@prog","ip":"10.0.0.1","how":"password","_classifier":{"rule_id":"r1","class":"login"}}',
        ),
        gives(
            "Accepted password for bob from nowhere port 22",
            '{"_classifier":{"class":"unknown"}}',
        ),
        gives(
            'Failed pw for "al ice"',
            '{"user":"al ice","note":"al ice@prog","how":"pw","_classifier":{"rule_id":"r1","class":"login"}}',
        ),
        gives("literal", '{"_classifier":{"rule_id":"r2","class":"sys"}}'),
        gives("literal longer", '{"_classifier":{"rule_id":"r3","class":"sys"}}'),
        gives("literal longe", '{"_classifier":{"rule_id":"r2","class":"sys"}}'),
        gives(
            "literal longer and more", '{"_classifier":{"rule_id":"r3","class":"sys"}}'
        ),
        gives("literally", '{"_classifier":{"rule_id":"r2","class":"sys"}}'),
        gives(
            "any thing at all",
            '{"rest":"thing at all","_classifier":{"rule_id":"r4","class":"sys"}}',
        ),
        gives("any ", '{"_classifier":{"class":"unknown"}}'),
        gives("num 42 end", '{"n":42,"_classifier":{"rule_id":"r5","class":"sys"}}'),
        gives("num -42 end", '{"n":-42,"_classifier":{"rule_id":"r5","class":"sys"}}'),
        gives(
            "num 42 endless", '{"n":42,"_classifier":{"rule_id":"r5","class":"sys"}}'
        ),
        gives("num x end", '{"_classifier":{"class":"unknown"}}'),
        gives(
            "ip 1.2.3.4", '{"a":"1.2.3.4","_classifier":{"rule_id":"r6","class":"sys"}}'
        ),
        gives(
            "ip fe80::1", '{"a":"fe80::1","_classifier":{"rule_id":"r6","class":"sys"}}'
        ),
        gives("ip 1.2.3.400", '{"_classifier":{"class":"unknown"}}'),
        gives("ip x", '{"_classifier":{"class":"unknown"}}'),
        gives(
            "set aabc-x", '{"s":"aabc","_classifier":{"rule_id":"r7","class":"sys"}}'
        ),
        gives("set -x", '{"_classifier":{"class":"unknown"}}'),
        gives(
            "host www.example.com mac 00:11:22:33:44:55",
            '{"m":"00:11:22:33:44:55","h":"www.example.com","_classifier":{"rule_id":"r8","class":"sys"}}',
        ),
        gives(
            "mail <bob@example.com>",
            '{"e":"bob@example.com","_classifier":{"rule_id":"r9","class":"sys"}}',
        ),
        gives(
            "mail bob@example.com",
            '{"e":"bob@example.com","_classifier":{"rule_id":"r9","class":"sys"}}',
        ),
        gives("dbl 1.5 x", '{"d":1.5,"_classifier":{"rule_id":"r10","class":"sys"}}'),
        gives("dbl 5 x", '{"d":5,"_classifier":{"rule_id":"r10","class":"sys"}}'),
        gives("re abc z", '{"r":"abc","_classifier":{"rule_id":"r11","class":"sys"}}'),
        gives("re xyz z", '{"_classifier":{"class":"unknown"}}'),
        gives("at @ sign", '{"_classifier":{"rule_id":"r12","class":"sys"}}'),
        Row(
            VALUES,
            '{"l":"line","_classifier":{"rule_id":"r13","class":"sys"}}',
            MIDDLE,
            "nl line",
            '{"_classifier":{"class":"unknown"}}',
            NLSTRING,
        ),
        gives("opt (word", '{"o":"(","_classifier":{"rule_id":"r14","class":"sys"}}'),
        gives("opt word", '{"o":"","_classifier":{"rule_id":"r14","class":"sys"}}'),
        gives(
            "str a-b.c z", '{"s":"a-b.c","_classifier":{"rule_id":"r15","class":"sys"}}'
        ),
        gives("str abc z", '{"s":"abc","_classifier":{"rule_id":"r15","class":"sys"}}'),
        gives(
            "six fe80::1 z",
            '{"a":"fe80::1","_classifier":{"rule_id":"r16","class":"sys"}}',
        ),
        gives(
            "six 1:2:3:4:5:6:7:8 z",
            '{"a":"1:2:3:4:5:6:7:8","_classifier":{"rule_id":"r16","class":"sys"}}',
        ),
        gives(
            "q [in side] z",
            '{"q":"in side","_classifier":{"rule_id":"r17","class":"sys"}}',
        ),
        gives("q [open z", '{"_classifier":{"class":"unknown"}}'),
        gives(
            "es a-b--tail", '{"e":"a-b","_classifier":{"rule_id":"r18","class":"sys"}}'
        ),
        gives("es a-b-tail", '{"_classifier":{"class":"unknown"}}'),
        gives("noclass", '{"_classifier":{"rule_id":"r19","class":"system"}}'),
        gives("amb 5", '{"_classifier":{"rule_id":"r22","class":"v"}}'),
        gives("amb 7", '{"n":7,"_classifier":{"rule_id":"r20","class":"v"}}'),
        gives("amb 7 tail", '{"s":"7","_classifier":{"rule_id":"r21","class":"v"}}'),
        gives("amb x tail", '{"s":"x","_classifier":{"rule_id":"r21","class":"v"}}'),
        gives("unnamed 5 x y;", '{"_classifier":{"rule_id":"r23","class":"v"}}'),
        gives("nothing", '{"_classifier":{"class":"unknown"}}'),
    ],
)


@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.text)
def test_a_row_comes_out_as_the_table_says(row: Row) -> None:
    assert TABLE.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.text)
def test_syslog_ng_does_as_the_table_says(row: Row) -> None:
    assert not TABLE.differs(row)


def printed(parser: str, template: str, line: bytes) -> list[bytes]:
    """Return what comes out behind a parser."""
    site = compiled(
        "log { source { input(keep-hostname(yes)); }; "
        f"parser {{ {parser}; }}; "
        f"destination {{ output(template('{template}')); }}; }};"
    )
    return next(iter(site.lines(line).values()), [])


def test_a_rule_sets_its_tags() -> None:
    line = b"<13>Nov 21 03:00:00 h prog: Accepted key for al from 1.2.3.4 port 5"
    tags = printed(f'db-parser(file("{FILE}"))', "$TAGS", line)
    assert tags[0].endswith(b",.classifier.login,auth")


def test_names_may_have_a_prefix() -> None:
    line = b"<13>Nov 21 03:00:00 h prog: num 5 end"
    parser = f'db-parser(file("{FILE}") prefix("p."))'
    assert printed(parser, "${p.n} ${.classifier.class}", line) == [b"5 sys"]


def test_unmatched_messages_may_be_dropped() -> None:
    line = b"<13>Nov 21 03:00:00 h nobody: num 5 end"
    assert not printed(f'db-parser(file("{FILE}") drop-unmatched(yes))', "$MSG", line)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("<patterns><pattern>@NO:x@</pattern></patterns>", "unknown parser @NO@"),
        ("<patterns><pattern>@SET:x@</pattern></patterns>", "needs its characters"),
        ("<patterns><pattern>a@</pattern></patterns>", "is not closed"),
        ("<values><value>x</value></values>", "a value has no name"),
        ("<values><value name='a' type='x'>x</value></values>", "unknown type 'x'"),
        ("<actions><action/></actions>", "neither message nor create-context"),
        ("<actions><action trigger='x'/></actions>", "unknown trigger 'x'"),
        (
            "<actions><action rate='x'><message/></action></actions>",
            "rate is no number",
        ),
        (
            "<actions><action><create-context/></action></actions>",
            "neither message nor create-context",
        ),
        (
            "<actions><action><create-context><message/></create-context>"  # noqa: ISC004
            "</action></actions>",
            "create-context has no context-id",
        ),
        (
            "<actions><action condition='host('><message/></action></actions>",
            "cannot be read",
        ),
        (
            "<actions><action><message inherit-mode='x'/></action></actions>",
            "unknown inherit-mode 'x'",
        ),
    ],
)
def test_what_is_not_understood_is_an_error(
    rule: str, problem: str, tmp_path: Path
) -> None:
    text = (
        '<patterndb version="4"><ruleset><pattern>p</pattern><rules>'
        f'<rule id="r">{rule}</rule></rules></ruleset></patterndb>'
    )
    (tmp_path / "db.xml").write_text(text)
    with pytest.raises(PatternError, match=problem):
        Database(str(tmp_path / "db.xml"), MacroContext())
