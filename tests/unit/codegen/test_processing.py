"""Filters, rewrites and parsers that Debian's syslog-ng does not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.programs import NOW, ORIGIN, Site, compiled, records, relay
from logferry.errors import ConfigError
from logferry.message.model import UnixNanos

LINE = b"<13>2026-11-21T03:00:00+00:00 host prog[42]: "


def printed(site: Site, *texts: bytes) -> list[bytes]:
    """Return what the only destination got."""
    found = site.lines(*(LINE + text for text in texts))
    return next(iter(found.values()), [])


def values(parser: str, text: bytes) -> dict[str, object] | None:
    """Return what a parser makes of ``text``; ``None`` when it drops the message."""
    template = (
        'template("$(format-json --leave-initial-dot --scope dot-nv-pairs '
        "--scope nv-pairs --exclude *H* --exclude *M*S* --exclude SOURCE "
        '--exclude P* --exclude T*)")'
    )
    found = printed(
        relay(f"parser {{ {parser}; }};", "keep-hostname(yes)", template), text
    )
    return json.loads(found[0]) if found else None


def test_rate_limit_lets_so_many_of_a_key_pass_in_a_second() -> None:
    site = relay('filter { rate-limit(template("$MSG") rate(2)); };')
    program = site.program

    def passed(texts: list[bytes], after_s: float) -> int:
        now = UnixNanos(NOW + int(after_s * 1e9))
        frames = [LINE + text for text in texts]
        outputs = program.frames(frames, ORIGIN, now)
        return sum(map(len, records(program, outputs).values()))

    assert passed([b"a", b"a", b"a", b"b"], 0) == 3
    assert passed([b"a"], 0.1) == 0
    assert passed([b"a", b"a"], 0.6) == 1
    assert passed([b"a", b"a", b"a"], 10) == 2


def test_in_list_takes_whole_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("one\ntwo words\n")
    site = relay(f'filter {{ in-list("{tmp_path}/list" value("MESSAGE")); }};')
    assert len(printed(site, b"one", b"two", b"two words", b"")) == 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (b"pay 4111111111111111 now", b"pay 411111******1111 now"),
        (b"5500005555555559.", b"550000******5559."),
        (b"amex 371449635398431", b"amex 371449*****8431"),
        (b"no 41111111111111112222", b"no 41111111111111112222"),
        (b"tel 4711", b"tel 4711"),
    ],
)
def test_card_numbers_are_masked(text: bytes, masked: bytes) -> None:
    site = relay("rewrite { credit-card-mask(); };", output='template("$MSG")')
    assert printed(site, text) == [masked]


def test_card_numbers_are_hashed_alike() -> None:
    site = relay("rewrite { credit-card-hash(); };", output='template("$MSG")')
    one, two = printed(site, b"x 4111111111111111", b"y 4111111111111111")
    assert one[2:] == two[2:] == b"68bfb396f35af387"


def test_guess_time_zone_takes_the_message_for_fresh() -> None:
    site = relay(
        "rewrite { guess-time-zone(); };", output='template("$ISODATE") frac-digits(0)'
    )
    found = site.lines(b"<13>2026-11-21T05:00:03+00:00 h p: x")  # received 03:00:00
    assert next(iter(found.values())) == [b"2026-11-21T05:00:03+02:00"]


def test_set_matches_replaces_all_matches() -> None:
    site = relay(
        'rewrite { set-matches("a,b,c"); set-matches("x,\\"y z\\""); };',
        output='template("$1|$2|$3|$*")',
    )
    assert printed(site, b"") == [b'x|y z||x,"y z"']


def test_xml_elements_and_attributes_become_values() -> None:
    assert values("xml()", b"<a b='1'><c>x</c><c>y</c><d/></a>") == {
        ".xml": {"a": {"_b": "1", "c": ["x", "y"]}}
    }


def test_xml_with_entities_of_its_own_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "xx">]><a>&b;</a>'
    assert values("xml(drop-invalid(yes))", bomb) is None


def test_map_value_pairs_keeps_types() -> None:
    parser = 'map-value-pairs(pair("x" => int("$PID")) pair("y" => "$PROGRAM"))'
    assert values(parser, b"") == {"x": 42, "y": "prog"}


def test_map_value_pairs_takes_values_under_new_names() -> None:
    parser = (
        'kv-parser(prefix(".web.")); '
        'map-value-pairs(key(".web.*" rekey(shift-levels(2) add-prefix("copy.")))'
        ' exclude(".web.secret"))'
    )
    found = values(parser, b"user=eve secret=x")
    assert found is not None
    assert found["copy"] == {"user": "eve"}


@pytest.mark.parametrize("words", ["key()", 'key("a" bogus(1))', 'rekey("a" shift())'])
def test_map_value_pairs_says_what_it_does_not_understand(words: str) -> None:
    with pytest.raises(ConfigError):
        values(f"map-value-pairs({words})", b"")


def test_columns_have_types() -> None:
    parser = 'csv-parser(columns("a", int("b"), double("c")) delimiters(","))'
    assert values(parser, b"x,5,1.5") == {"a": "x", "b": 5, "c": 1.5}
    assert values(parser, b"x,five,1.5") is None


def test_contextual_data_is_looked_up(tmp_path: Path) -> None:
    (tmp_path / "db.csv").write_text("prog,team,storage\nother,team,net\n")
    parser = (
        f'add-contextual-data(selector("$PROGRAM") database("{tmp_path}/db.csv") '
        'prefix("ctx."))'
    )
    assert values(parser, b"") == {"ctx": {"team": "storage"}}


def test_data_of_windows_events_is_named() -> None:
    event = (
        b"<Event><System><EventID Qualifiers='0'>999</EventID></System>"
        b"<EventData><Data Name='user'>bob</Data><Data>more</Data></EventData></Event>"
    )
    found = values("windows-eventlog-xml-parser()", event)
    assert found == {
        ".eventlog": {
            "Event": {
                "System": {"EventID": {"EventID": "999", "_Qualifiers": "0"}},
                "EventData": {"Data": {"Data": "more", "user": "bob"}},
            }
        }
    }


def test_a_message_has_one_id_on_all_paths() -> None:
    site = compiled(
        "options { use-rcptid(yes); };\n"
        "source s { input(keep-hostname(yes)); };\n"
        'log { source(s); rewrite { set("x" value("y")); }; '
        'destination { output(template("$RCPTID")); }; };\n'
        'log { source(s); rewrite { set("z" value("y")); }; '
        'destination { output(template("$UNIQID $RCPTID")); }; };'
    )
    first, second = site.lines(LINE + b"a", LINE + b"b").values()
    assert int(first[1]) == int(first[0]) + 1
    host_id = second[0][:8]
    assert second == [b"%b@%016x %b" % (host_id, int(item), item) for item in first]


def test_without_ids_their_macros_are_empty() -> None:
    assert printed(relay(output='template("[$RCPTID$UNIQID]")'), b"x") == [b"[]"]


def test_a_filter_that_is_referred_to_keeps_its_brackets() -> None:
    site = compiled(
        'filter f { program("nobody" type(string)) or program("prog" type(string)); };\n'
        "log { source { input(keep-hostname(yes)); }; "
        'filter { filter(f) and message("yes"); }; destination { output(); }; };'
    )
    assert len(printed(site, b"yes", b"no")) == 1


def test_cheap_tests_come_first() -> None:
    site = relay('filter { message("a.c") and level(notice) and tags("t"); };')
    condition = site.program.source.partition("if ")[2]
    assert condition.index("pri") < condition.index("tags") < condition.index("search")


def test_tests_with_consequences_keep_their_order() -> None:
    site = relay("filter { rate-limit(rate(1)) and level(notice); };")
    condition = site.program.source.partition("def route")[2]
    assert condition.index("is_within_rate") < condition.index("pri_passes")


def test_two_destinations_that_copy_almost_the_same_run_get_their_own() -> None:
    site = compiled(
        "log { source { input(keep-hostname(yes)); }; "
        "destination { output(form(rfc5424)); }; "
        'destination { output(template("$HOST\\n")); }; };'
    )
    found = site.lines(b"<34>Oct 11 22:14:15 mymachine su[42]: failed")
    assert list(found.values()) == [
        [b"<34>1 2026-10-11T22:14:15+00:00 mymachine su 42 - - failed\n"],
        [b"mymachine\n"],
    ]


def test_a_host_that_was_emptied_is_a_dash_in_the_syslog_protocol() -> None:
    site = relay('rewrite { set("" value("HOST")); };', "", "form(rfc5424)")
    found = site.lines(b"<34>Oct 11 22:14:15 mymachine su[42]: failed")
    assert next(iter(found.values())) == [
        b"<34>1 2026-10-11T22:14:15+00:00 - su 42 - - failed\n"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"plain", "plain"),
        (b'quo"ted \\ back', 'quo"ted \\ back'),
        (b"tab\there", "tab\there"),
        ("é ü 漢".encode(), "é ü 漢"),
        ('é "ü" 漢'.encode(), 'é "ü" 漢'),
        (b'delete \x7f and "quote"', 'delete \x7f and "quote"'),
        (b"half \xc3", "half \\xc3"),
        (b"100% sure %b", "100% sure %b"),
    ],
)
@pytest.mark.parametrize("first", [b"x", b'"', b"\xa9 begins with a half"])
def test_json_says_what_the_message_says(text: bytes, value: str, first: bytes) -> None:
    middle = (
        'parser { csv-parser(columns("zz" "aa") delimiters("|") quote-pairs("")); };'
    )
    template = 'template("$(format-json aa=$aa zz=$zz n=int(3) t.u=$PROGRAM t.v=$PID)")'
    (record,) = printed(
        relay(middle, "keep-hostname(yes)", template), first + b"|" + text
    )
    expected = first.decode("utf-8", "backslashreplace")
    assert json.loads(record) == {
        "zz": expected,
        "t": {"v": "42", "u": "prog"},
        "n": 3,
        "aa": value,
    }
    assert list(json.loads(record)) == ["zz", "t", "n", "aa"]


def test_json_keeps_types_and_an_odd_number_is_printed_anew() -> None:
    parser = (
        'csv-parser(columns(int("a") double("b") boolean("c") "d") delimiters(","))'
    )
    assert values(parser, b"007,1.50,true,x") == {"a": 7, "b": 1.5, "c": True, "d": "x"}
    assert values(parser, b"7,.5,0,x") == {"a": 7, "b": 0.5, "c": False, "d": "x"}


def test_json_of_many_shapes_is_that_of_each() -> None:
    template = 'template("$(format-json --scope nv-pairs --exclude *S* --exclude *H*)")'
    site = relay("parser { kv-parser(); };", "keep-hostname(yes)", template)
    texts = [b" ".join(b"k%d=%d" % (k, n) for k in range(n % 7)) for n in range(40)]
    for text, record in zip(texts, printed(site, *texts), strict=True):
        found = json.loads(record)
        expected = dict(item.split("=") for item in text.decode().split())
        assert {k: v for k, v in found.items() if k.startswith("k")} == expected
