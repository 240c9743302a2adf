"""``grouping-by()`` with a clock of its own."""

from __future__ import annotations

import pytest

from helpers.programs import NOW, ORIGIN, Site, compiled, records
from logferry.codegen.correlation.contexts import Contexts
from logferry.errors import ConfigError
from logferry.message.model import UnixNanos

SECOND = 1_000_000_000
START = NOW // SECOND


def site(options: str, behind: str = "", template: str = "$MSG") -> Site:
    """Return a log path with one ``grouping-by()``."""
    return compiled(
        "log { source { input(keep-hostname(yes)); };"
        f" parser {{ grouping-by({options}); }}; {behind}"
        f' destination {{ output(template("{template}\\n")); }}; }};'
    )


def line(text: str, at_s: int = 0, host: str = "h", program: str = "p[1]") -> bytes:
    """Return a frame; ``at_s`` counts from the start."""
    seconds = START + at_s - 1_795_230_000
    stamp = f"2026-11-21T03:{seconds // 60:02}:{seconds % 60:02}+00:00"
    return f"<13>{stamp} {host} {program}: {text}".encode()


def run(it: Site, *frames: bytes, at_s: int = 0) -> list[bytes]:
    """Return what comes out, line by line."""
    now = UnixNanos(NOW + at_s * SECOND)
    found = records(it.program, it.program.frames(list(frames), ORIGIN, now))
    return [row.rstrip(b"\n") for rows in found.values() for row in rows]


def tick(it: Site, at_s: int) -> list[bytes]:
    """Return what comes out because it is ``at_s``."""
    found = it.tick(UnixNanos(NOW + at_s * SECOND))
    return [row.rstrip(b"\n") for rows in found.values() for row in rows]


BASIC = (
    'key("$PROGRAM") timeout(5) aggregate(value("MESSAGE" "sum of $(context-length)"))'
)


def test_a_context_without_messages_for_its_timeout_makes_one_message() -> None:
    it = site(BASIC)

    assert run(it, line("a"), line("b")) == [b"a", b"b"]
    assert tick(it, 5) == []
    assert tick(it, 6) == [b"sum of 3"]
    assert tick(it, 60) == []


def test_every_message_lets_the_timeout_begin_anew() -> None:
    it = site(BASIC)

    run(it, line("a"))
    run(it, line("b", 4), at_s=4)

    assert tick(it, 9) == []
    assert tick(it, 10) == [b"sum of 3"]


def test_the_times_of_the_messages_end_contexts_of_old_files() -> None:
    it = site(BASIC)

    found = run(it, line("a"), line("b", 10, program="q"), at_s=100_000)

    assert found == [b"a", b"sum of 2", b"b"]


def test_a_message_from_the_future_does_not_move_the_clock_beyond_now() -> None:
    it = site(BASIC)

    run(it, line("a"))

    assert run(it, line("b", 3000, program="q"), at_s=1) == [b"b"]


def test_a_trigger_ends_the_context_before_the_message_goes_on() -> None:
    it = site(
        'key("$PROGRAM") timeout(5) trigger(message("end"))'
        ' aggregate(value("MESSAGE" "${MESSAGE}@2+${MESSAGE}@1"))'
    )

    assert run(it, line("a"), line("end"), line("b")) == [b"a", b"a+end", b"end", b"b"]


def test_where_leaves_other_messages_alone() -> None:
    it = site(BASIC + ' where(message("yes"))')

    run(it, line("yes"), line("no"), line("yes"))

    assert tick(it, 6) == [b"sum of 3"]


def test_having_drops_contexts() -> None:
    it = site(BASIC + ' having("$(context-length)" >= "2")')

    run(it, line("a"), line("b", program="q"), line("c", program="q"))

    assert tick(it, 6) == [b"sum of 3"]


def test_aggregate_only_lets_nothing_else_go_on() -> None:
    it = site(BASIC + " inject-mode(aggregate-only)")

    assert run(it, line("a"), line("b")) == []
    assert tick(it, 6) == [b"sum of 3"]


def test_internal_posts_and_passes_the_messages() -> None:
    it = site(BASIC + " inject-mode(internal)")

    assert run(it, line("a")) == [b"a"]
    assert tick(it, 6) == []
    assert [message.message for message in it.posted] == [b"sum of 2"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("global", [b"5"]),
        ("host", [b"2", b"4"]),
        ("program", [b"2", b"2", b"3"]),
        ("process", [b"2", b"2", b"2", b"2"]),
    ],
)
def test_the_scope_is_part_of_the_key(scope: str, expected: list[bytes]) -> None:
    it = site(
        f'key("k") scope({scope}) timeout(5)'
        ' aggregate(value("MESSAGE" "$(context-length)"))'
    )

    run(
        it,
        line("a"),
        line("a", host="g"),
        line("a", host="g", program="q[1]"),
        line("a", host="g", program="q[2]"),
    )

    assert sorted(tick(it, 6)) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", b"/////"),
        ("last-message", b"h/p/1//2/"),
        ("context", b"h/p/1/1/2/"),
    ],
)
def test_the_inherit_mode_says_what_is_taken_over(mode: str, expected: bytes) -> None:
    it = compiled(
        "log { source { input(keep-hostname(yes)); };"
        ' parser { kv-parser(); grouping-by(key("k") timeout(5) aggregate('
        f'inherit-mode({mode}) value("MESSAGE" ""))); }};'
        " destination { output(template("
        '"$HOST/$PROGRAM/$PID/${first}/${second}/$MESSAGE\\n")); }; };'
    )

    run(it, line("first=1"), line("second=2"))

    assert tick(it, 6) == [expected]


def test_the_aggregate_has_tags_types_a_prefix_and_the_context_id() -> None:
    it = site(
        'key("k$PROGRAM") timeout(5) prefix("x.") aggregate('
        'value("n" int("$(context-length)")) value("id" "$CONTEXT_ID") tags("t", "u"))',
        template="$(format-json --scope none --key x.*) $TAGS",
    )

    run(it, line("a"))

    assert tick(it, 6) == [b'{"x":{"n":2,"id":"kp"}} .source.,t,u']


def test_messages_are_sorted_by_the_sort_key() -> None:
    it = site(
        'key("k") timeout(5) sort-key("$MSG")'
        ' aggregate(value("MESSAGE" "$(context-values $MSG)") inherit-mode(none))'
    )

    run(it, line("c"), line("a"), line("b"))

    assert tick(it, 6) == [b'a,b,c,""']


def test_what_comes_behind_a_station_sees_all_that_goes_on() -> None:
    it = site(
        BASIC,
        behind='rewrite { set("<$MSG>" value("MESSAGE")); }; filter { message("<") };',
    )

    assert run(it, line("a")) == [b"<a>"]
    assert tick(it, 6) == [b"<sum of 2>"]


def test_what_is_changed_later_is_not_changed_in_the_context() -> None:
    it = site(
        'key("k") timeout(5) aggregate(value("MESSAGE" "$(context-values $MSG)"))',
        behind='rewrite { set("x", value("MESSAGE") condition(not message("a,"))); };',
    )

    run(it, line("a"), line("b"))

    assert tick(it, 6)[0].startswith(b"a,b,")


def test_sources_at_the_same_place_share_contexts_and_other_places_have_their_own() -> (
    None
):
    it = compiled(
        "source s1 { input(); }; source s2 { input(); };"
        f"parser p {{ grouping-by({BASIC}); }};"
        "log { source(s1); source(s2); parser(p);"
        ' destination { output(template("1 $MSG\\n")); }; };'
        "log { source(s1); parser(p);"
        ' destination { output(template("2 $MSG\\n")); }; };'
    )
    for program in it.programs.values():
        program.frames([line("a")], ORIGIN, NOW)

    found = sorted(row for rows in it.tick(NOW + 6 * SECOND).values() for row in rows)  # type: ignore[arg-type]

    assert found == [b"1 sum of 3\n", b"2 sum of 2\n"]


def test_a_final_path_keeps_what_it_groups_from_later_paths() -> None:
    it = compiled(
        "source s { input(); };"
        f"log {{ source(s); parser {{ grouping-by({BASIC}"
        " inject-mode(aggregate-only)); };"
        ' destination { output(template("1 $MSG\\n")); }; flags(final); };'
        'log { source(s); destination { output(template("2 $MSG\\n")); }; };'
    )

    assert run(it, line("a"), line("b")) == []


def test_without_stations_there_is_nothing_to_tick() -> None:
    it = compiled("log { source { input(); }; destination { output(); }; };")

    assert it.stations == ()
    assert it.program.correlators == ()


def test_a_full_table_ends_the_context_that_would_end_next() -> None:
    contexts = Contexts(contexts_max=2)
    contexts.advance(NOW, NOW)
    for name in (b"a", b"b", b"c"):
        contexts.open((name,), 5)
    first = contexts.find((b"a",))
    assert first is not None
    contexts.renew(first, 5)

    assert [context.id for context in contexts.make_room()] == [b"b"]
    assert contexts.early_count == 1
    assert len(contexts) == 2


def test_a_table_full_of_text_ends_contexts_until_there_is_room() -> None:
    contexts = Contexts(size_max=10)
    contexts.advance(NOW, NOW)
    for name in (b"a", b"b", b"c"):
        contexts.grow(contexts.open((name,), 5), 4)

    assert [context.id for context in contexts.make_room()] == [b"a"]
    assert contexts.size == 8


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ('timeout(5) aggregate(value("a" "b"))', "key() is missing"),
        ('key("k") aggregate(value("a" "b"))', "timeout() is missing"),
        ('key("k") timeout(0) aggregate(value("a" "b"))', "at least 1"),
        ('key("k") timeout(5)', "aggregate() is missing"),
        ('key("k") timeout(5) aggregate(value("a"))', "a name and a template"),
        ('key("k") timeout(5) aggregate() scope(any)', "one of global"),
    ],
)
def test_what_is_missing_is_an_error_at_start(options: str, problem: str) -> None:
    with pytest.raises(
        ConfigError, match=problem.replace("(", r"\(").replace(")", r"\)")
    ):
        site(options)
