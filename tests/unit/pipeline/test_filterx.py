"""``filterx`` in log paths: where a message goes that passes, fails or is dropped."""

from __future__ import annotations

import pytest

from helpers.programs import compiled

LINES = (
    b"<13>Nov 21 12:00:00 web sshd[7]: one",
    b"<13>Nov 21 12:00:00 web sshd[7]: two",
    b"<13>Nov 21 12:00:00 web sshd[7]: three",
)

# Log paths, and what reaches which destination.
PATHS = [
    (
        'log { source(s); filterx { $MSG =~ "o"; }; destination(a); };',
        {"a": ["one", "two"]},
    ),
    # what a block changes, another path does not see
    (
        """log { source(s); filterx { $MSG = upper($MSG); }; destination(a); };
        log { source(s); destination(b); };""",
        {"a": ["ONE", "TWO", "THREE"], "b": ["one", "two", "three"]},
    ),
    (
        """log { source(s);
            log { filterx { $MSG += "!"; }; destination(a); };
            log { destination(b); };
            filterx { $MSG += "?"; }; destination(c);
        };""",
        {
            "a": ["one!", "two!", "three!"],
            "b": ["one", "two", "three"],
            "c": ["one?", "two?", "three?"],
        },
    ),
    # a block that fails does not match: the next branch is tried
    (
        """log { source(s);
            if { filterx { nope; $MSG = "x"; }; } else { filterx { $MSG += "-"; }; };
            destination(a); };""",
        {"a": ["one-", "two-", "three-"]},
    ),
    # a dropped message has matched: no other branch is tried, nothing goes on
    (
        """log { source(s);
            if { filterx { if ($MSG == "two") { drop; }; }; } else { destination(b); };
            destination(a); };""",
        {"a": ["one", "three"]},
    ),
    (
        """log { source(s); filterx { if ($MSG == "two") { drop; }; $MSG != "one"; };
            destination(a); flags(final); };
        log { source(s); destination(b); };""",
        {"a": ["three"], "b": ["one"]},
    ),
    (
        """log { source(s); filterx { if ($MSG == "two") { drop; }; false; };
            destination(a); };
        log { source(s); destination(b); flags(fallback); };""",
        {"b": ["one", "three"]},
    ),
    (
        """log { source(s);
            junction {
                channel { filterx { $MSG == "one"; $MSG = "1"; }; flags(final); };
                channel { filterx { $MSG == "two" and drop; true; }; flags(final); };
                channel { filterx { $MSG = "never"; }; };
            };
            destination(a); };""",
        {"a": ["1", "never"]},
    ),
    # variables of the log path go with the message
    (
        """log { source(s);
            filterx { declare seen = {"text": $MSG}; };
            junction {
                channel { filterx { seen.way = "x"; }; };
                channel { filterx { seen.way = "y"; }; };
            };
            filterx { $MSG = seen.text + seen.way; };
            destination(a); };""",
        {"a": [text + way for text in ("one", "two", "three") for way in ("x", "y")]},
    ),
    # named blocks, with arguments and without
    (
        """block filterx add(what("!")) { $MSG += `what`; };
        block filterx twice() { $MSG += $MSG; };
        log { source(s); filterx(add()); filterx add(what("?")); filterx(twice);
            destination(a); };""",
        {"a": [text * 2 for text in ("one!?", "two!?", "three!?")]},
    ),
    # in other statements and blocks
    (
        """block parser p(x()) { channel { filterx { $MSG += `x`; }; }; };
        rewrite r { channel { filterx { $MSG += "r"; }; }; };
        log { source(s); parser { p(x("p")); }; rewrite(r);
            channel { filterx { $MSG += "c"; }; }; destination(a); };""",
        {"a": ["oneprc", "twoprc", "threeprc"]},
    ),
    (
        """destination d { channel { filterx { $MSG += "d"; }; destination(a); }; };
        log { source(s); destination(d); destination(b); };""",
        {"a": ["oned", "twod", "threed"], "b": ["one", "two", "three"]},
    ),
    # things called filterx that are none
    (
        """destination filterx { output(template("$MSG\\n")); };
        filter f_filterx { message("one"); };
        log { source(s); filter(f_filterx); destination(filterx); };""",
        {"filterx": ["one"]},
    ),
]


@pytest.mark.parametrize(("paths", "expected"), PATHS)
def test_a_message_goes_where_its_blocks_let_it(
    paths: str, expected: dict[str, list[str]]
) -> None:
    site = compiled(
        f"""
        source s {{ input(keep-hostname(yes)); }};
        destination a {{ output(template("$MSG\\n")); }};
        destination b {{ output(template("$MSG\\n")); }};
        destination c {{ output(template("$MSG\\n")); }};
        {paths}
        """
    )
    reached = {
        name.partition("#")[0]: [record.strip().decode() for record in records]
        for name, records in site.lines(*LINES).items()
        if records
    }
    assert reached == expected


def test_the_program_shows_one_function_for_a_block() -> None:
    site = compiled(
        """source s { input(); };
        destination a { output(); };
        block filterx shared() { $x = 1; };
        log { source(s); filterx(shared); filterx { $y = "text"; }; destination(a); };"""
    )
    source = site.program.source
    assert source.count("def filterx_") == 2
    assert "if filterx_1(m):" in source
    assert "# filterx at" in source
