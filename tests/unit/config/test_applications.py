"""``application`` statements and the chain that ``app-parser()`` stands for."""

from __future__ import annotations

import pytest

from helpers.programs import compiled, expand
from logferry.errors import ConfigError

APPLICATIONS = """
application a[t] { filter { program("a") }; parser { kv-parser(prefix("a.")); }; };
application ab[t] { filter { program("a" or "b") }; };
application c[t] { parser { json-parser(prefix("c.")); }; };
application d[other] { };
""".replace('"a" or "b"', '"[ab]"')


def through(options: str, program: str, message: str) -> bytes | None:
    """Return names and tags behind ``app-parser(options)``; ``None`` if refused."""
    site = compiled(
        f"{APPLICATIONS} log {{ source {{ input(); }}; "
        f"parser {{ app-parser({options}); }}; "
        'destination { output(template("${.app.name} $TAGS ${a.x}${c.x}")); }; };'
    )
    found = site.lines(f"<13>Nov 21 02:00:00 web {program}: {message}".encode())
    return b"".join(next(iter(found.values()))) if found else None


@pytest.mark.parametrize(
    ("options", "program", "message", "expected"),
    [
        ("topic(t)", "a", "x=1", b"a .source.,.app.a 1"),
        ("topic(t)", "b", "x=1", b"ab .source.,.app.ab "),
        ("topic(t)", "x", '{"x":2}', b"c .source.,.app.c 2"),
        ("topic(t)", "x", "x=1", None),
        ("topic(t) permissive(yes)", "x", "x=1", b" .source. "),
        ("topic(t) auto-parse(no)", "a", "x=1", None),
        ("topic(t) auto-parse-exclude(a)", "a", "x=1", b"ab .source.,.app.ab "),
        ("topic(t), auto-parse-exclude('a,ab')", "a", "x=1", None),
        ("topic(t) auto-parse-include('ab' c)", "a", "x=1", b"ab .source.,.app.ab "),
        ("topic(t) allow-overlaps(yes)", "a", "x=1", b" .source. 1"),
        ("topic(t) allow-overlaps(yes)", "x", "x=1", b" .source. "),
        ('topic("other")', "x", "x=1", b"d .source.,.app.d "),
        ("topic(nobody)", "x", "x=1", None),
        ("topic(nobody) permissive(yes)", "x", "x=1", b" .source. "),
    ],
)
def test_the_first_application_that_fits_has_the_message(
    options: str, program: str, message: str, expected: bytes | None
) -> None:
    assert through(options, program, message) == expected


def test_a_refusal_inside_a_conditional_leaves_the_message_alone() -> None:
    middle = "if { parser { app-parser(topic(x)); }; };"
    assert expand("$MESSAGE", b"<13>Nov 21 02:00:00 web a: hi", middle) == b"hi"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("application a[t] { filterx { true; }; };", "unexpected 'filterx'"),
        ("application a[t] { rewrite { }; };", "unexpected 'rewrite'"),
        ("application a { };", "expected a name, a topic and braces"),
        ("transformation a[t] { };", "transformations are written in filterx"),
        ("parser p { app-parser(); };", "app-parser() needs topic()"),
        ("parser p { app-parser(topic(t) topics(t)); };", "no option topics()"),
        ("parser p { app-parser(topic(t) permissive(si)); };", "is yes or no"),
        ("parser p { app-parser(t); };", "unexpected 't' in app-parser()"),
    ],
)
def test_a_mistake_is_shown_at_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(text)
    assert message in str(caught.value)


def test_a_mistake_in_an_application_has_the_place_where_it_was_written() -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(
            "application a[t] {\n  filter { programme('x'); };\n};\n"
            "log { source { input(); }; parser { app-parser(topic(t)); }; };"
        )
    assert "site.conf:3:12: error:" in str(caught.value)
