"""Which form is chosen, for a source and for its branches, and what is said of it."""

from __future__ import annotations

import pytest

from helpers.programs import compiled, relay

JSON = "parser { json-parser(); };"
LINE = b"<13>Nov 21 12:00:00 h app: "


def test_only_lines_that_come_to_a_parser_become_messages() -> None:
    site = compiled(
        "source s { input(); };\n"
        f"log {{ source(s); filter {{ program('web'); }}; {JSON}"
        ' destination { output(template("$a\\n")); }; };\n'
        "log { source(s); destination { output(); }; };"
    )
    assert site.program.form == "slices"
    (branch,) = site.program.plan.branches
    assert branch.place == "site.conf:3"
    assert "json-parser() changes messages" in site.program.explain()
    head = b"<13>Nov 21 12:00:00 h "
    found = site.lines(
        head + b'web: {"a":"1"}', head + b'su: {"a":"2"}', head + b"web: x"
    )
    assert list(found.values()) == [
        [b"1\n"],
        [
            b'<13>Nov 21 12:00:00 relay.example web: {"a":"1"}\n',
            b'<13>Nov 21 12:00:00 relay.example su: {"a":"2"}\n',
            b"<13>Nov 21 12:00:00 relay.example web: x\n",
        ],
    ]


def test_what_rewrites_have_set_is_in_the_message() -> None:
    site = relay(
        'rewrite { set("p" value("PROGRAM")); set("v$PID" value("x")); };'
        f" filter {{ level(notice); }}; {JSON}",
        output='template("$PROGRAM $MSGHDR$x $a\\n")',
    )
    assert site.program.form == "slices"
    assert site.lines(b'<13>Nov 21 12:00:00 h app[7]: {"a":"1"}') == {
        site.program.outputs[0]: [b"p p[7]: v7 1\n"]
    }


def test_a_step_does_not_leak_into_the_next_path() -> None:
    site = compiled(
        "source s { input(); };\n"
        "log { source(s); log { filter { level(notice); };"
        ' rewrite { set-tag("t"); }; destination { output(template("$TAGS\\n")); }; };'
        ' destination { output(template("$TAGS|\\n")); }; };'
    )
    assert site.program.form == "slices"
    tagged, plain = site.lines(LINE + b"x").values()
    assert tagged == [b".source.s,t\n"]
    assert plain == [b".source.s|\n"]


@pytest.mark.parametrize(
    "paths",
    [
        f"log {{ source(s); {JSON} destination {{ output(); }}; }};",
        f"log {{ source(s); {JSON} destination {{ output(); }}; }};\n" * 2,
    ],
)
def test_where_every_line_needs_a_message_it_is_made_once(paths: str) -> None:
    site = compiled("source s { input(); };\n" + paths)
    assert site.program.form == "messages"
    assert site.program.explain() == "messages: json-parser() changes messages"


def test_a_named_parser_passes_on_what_it_has_read() -> None:
    site = compiled(
        "source s { input(); };\nparser p { json-parser(); };\n"
        "log { source(s); filter { level(notice); }; parser(p);"
        ' destination { output(template("$a\\n")); }; };'
    )
    assert site.program.form == "slices"
    assert list(site.lines(LINE + b'{"a":"1"}').values()) == [[b"1\n"]]


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        (
            "keep-hostname(yes)",
            "",
            "whole: chunks are copied when every line is canonical",
        ),
        (
            "",
            "",
            (
                "slices: everything is read from the line itself\n"
                "  reads head, tail\n"
                "  faster: with keep-hostname(yes) the host of the line would be copied"
            ),
        ),
        (
            "flags(no-multi-line)",
            "",
            "messages: flags(no-multi-line)\n  faster: without no-multi-line",
        ),
    ],
)
def test_explains_what_it_does_and_what_would_be_faster(
    source: str, output: str, expected: str
) -> None:
    assert relay(source=source, output=output).program.explain() == expected
