"""``grouping-by()`` and ``db-parser()`` with contexts, the same as in syslog-ng."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from helpers.differences import CREATE_CONTEXT
from helpers.differential import Row, Table

FILE = Path(__file__).parent / "correlation.xml"
SEEN = "$HOST/$PROGRAM/$PID $MSG"


def at(
    second: int, text: str, program: str = "p", pid: int = 1, host: str = "h"
) -> str:
    """Return a line; the seconds count from the first one."""
    stamp = f"2026-10-11T22:{14 + second // 60:02}:{second % 60:02}+00:00"
    return f"<13>{stamp} {host} {program}[{pid}]: {text}"


def grouped(options: str, *expected: str, template: str = SEEN) -> Row:
    """Make a row: what ``grouping-by()`` makes of all lines; keys must differ."""
    options = options.replace('key("k")', f'key("k{next(_NUMBERS)}")')
    parser = f"parser {{ kv-parser(); grouping-by({options}); }};"
    return Row(template, expected, parser)


_NUMBERS = itertools.count()


def aggregate(value: str, more: str = "") -> str:
    """Return an aggregate that says ``value``."""
    return f'aggregate(value("MESSAGE" "{value}") {more})'


LINES = (
    at(0, "n=1"),
    at(1, "n=2", pid=2),
    at(2, "n=3 end=1", host="g"),
    at(8, "n=4", program="q"),
    at(9, "n=5 end=1", program="q"),
    at(13, "n=6"),
    at(19, "n=7", program="r"),
    at(30, "x=9", program="r"),
)
PASSED = (
    "h/p/1 n=1",
    "h/p/2 n=2",
    "g/p/1 n=3 end=1",
    "h/q/1 n=4",
    "h/q/1 n=5 end=1",
    "h/p/1 n=6",
    "h/r/1 n=7",
    "h/r/1 x=9",
)
GROUPS = Table(
    [
        grouped(
            'key("k") timeout(5) ' + aggregate("$(context-length) ${n}@1 ${n}@2"),
            *PASSED[:3],
            "g/p/1 4 3 2",
            *PASSED[3:6],
            "h/p/1 4 6 5",
            *PASSED[6:7],
            "h/r/1 2 7 ",
            PASSED[7],
        ),
        grouped(
            'key("$PROGRAM") timeout(5) '
            + aggregate("$(list-head $(context-values $n))"),
            *PASSED[:3],
            "g/p/1 1",
            *PASSED[3:6],
            "h/q/1 4",
            "h/p/1 6",
            PASSED[6],
            "h/r/1 7",
            PASSED[7],
        ),
        grouped(
            'key("k") timeout(5) scope(host) '
            + aggregate("$CONTEXT_ID $(context-length)"),
            *PASSED[:3],
            "h/p/2 k2 3",
            "g/p/1 k2 2",
            *PASSED[3:6],
            "h/p/1 k2 4",
            PASSED[6],
            "h/r/1 k2 2",
            PASSED[7],
        ),
        grouped(
            'key("k") timeout(5) scope(process) '
            + aggregate("$(context-length)", "inherit-mode(none)")
            + " inject-mode(aggregate-only)",
            "h/p/1 2",
            "h/p/2 2",
            "g/p/1 2",
            "h/q/1 3",
            "h/p/1 2",
            "h/r/1 2",
        ),
        grouped(
            'key("k") timeout(5) scope(program) '
            + aggregate("$(context-length)", "inherit-mode(last-message)")
            + " inject-mode(aggregate-only)",
            "h/p/2 3",
            "g/p/1 2",
            "h/q/1 3",
            "h/p/1 2",
            "h/r/1 2",
        ),
        grouped(
            'key("k") timeout(5) trigger("${end}" eq "1") '
            + aggregate("$(sum $n) ${n}@0 ${n}@1 ${n}@3"),
            *PASSED[:2],
            "g/p/1 9 3 3 1",
            *PASSED[2:4],
            "h/q/1 14 5 5 ",
            *PASSED[4:6],
            "h/p/1 12 6 6 ",
            PASSED[6],
            "h/r/1 14 7 7 ",
            PASSED[7],
        ),
        grouped(
            'key("k") timeout(5) trigger("$(context-length)" == "2") '
            'having("${end}" eq "1") inject-mode(aggregate-only) '
            + aggregate("$(context-length)"),
            "g/p/1 2",
            "h/q/1 3",
        ),
        grouped(
            'key("k") timeout(5) trigger("${n}@1" eq "2") inject-mode(aggregate-only) '
            + aggregate("$(grep program(p) $n)"),
            "g/p/1 1,2,3,3",
            "h/p/1 6,6",
            "h/r/1 ",
        ),
        grouped(
            'key("k") timeout(5) where("${n}" ge "4") inject-mode(aggregate-only) '
            + aggregate("$(max $n) $(min $n) $(average $n)"),
            "h/p/1 6 4 5",
        ),
        grouped(
            'key("k") timeout(5) sort-key("$PROGRAM$n") inject-mode(aggregate-only) '
            + aggregate('$(context-lookup (\\"$n\\" ne \\"2\\") $n)'),
            "g/p/1 1,3,3",
            "h/q/1 6,4,5,5",
            "h/r/1 7,7",
        ),
        grouped(
            'key("k") timeout(5) inject-mode(internal) ' + aggregate("away"), *PASSED
        ),
        grouped(
            'key("k") timeout(300) ' + aggregate("too late") + " having(program(p))",
            *PASSED,
        ),
        grouped(
            'key("k") timeout(5) inject-mode(aggregate-only) '
            'aggregate(value("a" "1") value("b.c" "$n") tags("t1") tags("t2"))',
            "g/p/1 n=3 end=1 1 3 t2",
            "h/p/1 n=6 1 6 t2",
            "h/r/1 n=7 1 7 t2",
            template=SEEN + " ${a} ${b.c} $(if tags(t2) t2 none)",
        ),
        grouped(
            'key("k") timeout(5) inject-mode(aggregate-only) '
            'aggregate(inherit-mode(none) tags("t"))',
            "//\t13\t2026-10-11T22:14:02+00:00\t\tt",
            "//\t13\t2026-10-11T22:14:13+00:00\t\tt",
            "//\t13\t2026-10-11T22:14:19+00:00\t\tt",
            template="$HOST/$PROGRAM/$PID$MSG\t$PRI\t$ISODATE\t$SOURCE\t$TAGS",
        ),
    ],
    LINES,
)


def classified(
    expected: tuple[str, ...], options: str = "", template: str = SEEN, behind: str = ""
) -> Row:
    """Make a row: what ``db-parser()`` makes of all lines."""
    parser = f'parser {{ db-parser(file("{FILE}") {options}); }};'
    return Row(template, expected, parser + behind)


DB_LINES = (
    at(0, "open ann", "sshd"),
    at(1, "open bob", "login", 2),
    at(2, "close ann", "sshd"),
    at(3, "close eve", "login", 2),
    at(10, "fail 1", "sshd"),
    at(10, "fail 2", "sshd"),
    at(10, "fail 3", "sshd", 2),
    at(11, "fail 4", "sshd"),
    at(16, "fail 5", "sshd"),
    at(17, "begin it", "sshd"),
    at(18, "next", "sshd", 5),
    at(19, "next", "sshd", 6),
    at(30, "next", "sshd", 7),
    at(31, "bare", "sshd"),
    at(31, "more", "sshd"),
    at(32, "anybody", "sshd"),
    at(32, "anybody", "nobody"),
    at(50, "open zed", "sshd"),
    at(59, "nothing"),
)

MANY = tuple(
    line
    for number in (1, 2, 3, 4, 5)
    for pid in (2 if number == 3 else 1,)
    for line in (
        f"// many {number}",
        f"h/sshd/{pid} once a second {number}",
        f"h/sshd/{pid} fail {number}",
    )
    if line not in {"// many 4", "h/sshd/1 once a second 2"}
)
HEAD = ("h/sshd/1 open ann", "h/login/2 open bob")
CLOSED = ("h/sshd/1 closed by ann ann ann",)
CHAIN = tuple(
    f"h/sshd/{line}"
    for line in ("1 begin it", "5 next", "6 next", "7 next", "1 bare", "1 more")
)
BARE = ("h/sshd/1 bare ended",)
LEFT = ("h/sshd/1 left open by zed after 2",)
TAKEN = (
    *(*HEAD, *CLOSED, "h/sshd/1 close ann", "h/login/2 close eve"),
    *(*MANY, *CHAIN, *BARE),
)
MADE_ONLY = tuple(line for line in MANY if "fail" not in line)
CONTEXTS = Table(
    [
        classified(
            (
                *(*TAKEN, "h/sshd/1 anybody", "h/nobody/1 anybody"),
                *("h/sshd/1 open zed", *LEFT, "h/p/1 nothing"),
            )
        ),
        classified((*CLOSED, *MADE_ONLY, *BARE, *LEFT), "inject-mode(aggregate-only)"),
        classified(
            (
                *(*HEAD, "h/sshd/1 close ann", "h/login/2 close eve"),
                *(line for line in MANY if "fail" in line),
                *(*CHAIN, "h/sshd/1 anybody", "h/nobody/1 anybody"),
                *("h/sshd/1 open zed", "h/p/1 nothing"),
            ),
            "inject-mode(internal)",
        ),
        classified(
            (*TAKEN, "h/nobody/1 anybody", "h/sshd/1 open zed", *LEFT),
            "drop-unmatched(yes)",
        ),
        classified(
            (
                "open ann session open sshd 1  sshd ann,opened",
                "open bob session open login 1  login bob,opened",
                "closed by ann ann ann session close sshd 1  sshd ann,no",
                "close ann session close sshd  ann,no",
                "close eve session close login  eve,no",
                "anybody any any   ,no",
                "open zed session open sshd 1  sshd zed,opened",
                "left open by zed after 2 session open sshd 1  sshd zed,opened",
            ),
            "drop-unmatched(yes)",
            "$MSG ${.classifier.class} ${.classifier.rule_id} "
            "${.classifier.context_id} ${seen} ${user},$(if tags(opened) opened no)",
            " filter { message('(open|close|anybody)') };",
        ),
        Row(
            "$MSG ${chained}",
            ("next it 2", "next  3", "next  1"),
            f"parser {{ db-parser(file(\"{FILE}\")); }}; filter {{ message('next') }};",
            None,
            ("next  1", "next  2", "next  1"),
            CREATE_CONTEXT,
        ),
    ],
    DB_LINES,
)


@pytest.mark.parametrize(
    "row", GROUPS.rows + CONTEXTS.rows, ids=lambda row: row.expected[-1]
)
def test_a_row_comes_out_as_the_table_says(row: Row) -> None:
    table = GROUPS if row in GROUPS.rows else CONTEXTS
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(
    "row", GROUPS.rows + CONTEXTS.rows, ids=lambda row: row.expected[-1]
)
def test_syslog_ng_does_as_the_table_says(row: Row) -> None:
    table = GROUPS if row in GROUPS.rows else CONTEXTS
    assert not table.differs(row)
