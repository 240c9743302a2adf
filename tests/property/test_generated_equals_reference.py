"""All forms of a compiled program do what the reference interpreter does."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from helpers.programs import LOCAL_ORIGIN, NOW, ORIGIN, Site, compiled
from helpers.reference import Reference

if TYPE_CHECKING:
    from logferry.message.model import Origin

_TEMPLATES = (
    "$MSG\\n",
    "$DATE $HOST $MSGHDR$MSG\\n",
    "<$PRI>$ISODATE $HOST $PROGRAM[$PID]: $MSG\\n",
    "$PROGRAM $PID\\n",
    "$MSG",
    "$HOST|$FULLHOST_FROM|$SOURCEIP|$LEVEL|$FACILITY|$LEVEL_NUM|${foo:-none}\\n",
    "${PROGRAM:-nobody} $(echo $MSG $HOST) $(length $MSG)\\n",
    "$UNIXTIME $(uppercase $PROGRAM) $PRI $TAGS\\n",
    "$(format-json --scope rfc3164 --pair foo=$foo)\\n",
    "$(format-json --key HOST --key MESSAGE n=$LEVEL_NUM)\\n",
    "$(format-json --scope rfc5424,nv-pairs --exclude DATE)\\n",
    "$STAMP $R_ISODATE $MSGHDR\\n",
    "100% $HOST\\n",
    "$YEAR-$MONTH-$DAY $HOUR:$MIN:$SEC $WEEK_DAY_ABBREV $TZOFFSET $USEC\\n",
    "$S_UNIXTIME $R_UNIXTIME $C_ISODATE $FULLDATE $S_MSEC $R_YEAR $P_DATE\\n",
    "$LEGACY_MSGHDR|$MSGHDR|$HOST $ISODATE\\n",
    "$(format-json --key ISODATE --key PROGRAM y=$YEAR r=$R_DATE)\\n",
    "$(echo $ISODATE)$(if ('$YEAR' == '2026') $PID none)\\n",
    "$(if (level(err..emerg)) $HOST $(+ $LEVEL_NUM 1)) ${1}${2} $*\\n",
    "$(if program('su') '$MSG' '') $(substr $MSG 2 5) $(sanitize $HOST)\\n",
    "$(format-json --key .SDATA.* a.b=$foo a.c=$LEVEL_NUM d=$MSGID)\\n",
    "$(format-json --scope nv-pairs --rekey f* --add-prefix x. t=$TAGS)\\n",
    "$(format-json --scope everything --exclude *DATE --exclude ?_* --exclude *UPTIME --exclude SEQNUM)\\n",
    "$(format-flat-json --scope nv-pairs x=${j.n} y=int($PID))\\n",
    "$(format-json --subkeys j. --subkeys kv. --omit-empty-values)\\n",
    "$(format-json --scope all-nv-pairs --no-cast) $TAGS ${j.n} ${when}\\n",
    "$(format-json foo=$foo n=${j.n} l=list($*) --pair k.v=${kv.a})\\n",
    "$(format-welf --scope nv-pairs) $FACILITY.$LEVEL $TZ $R_ISODATE\\n",
    "$SOURCE $(or $foo $PID none) $(list-count $TAGS) $(length $MSG)\\n",
    "",
)
_LIST = Path(__file__).with_name("words.txt")
_WORDS = ("a", "su", "sshd", "root", "h", "x y")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _calls() -> st.SearchStrategy[str]:
    word = st.sampled_from(_WORDS)
    flags = st.sampled_from(
        (
            "",
            " type(string)",
            " type(string) flags(prefix)",
            " type(string) flags(substring)",
            " type(glob)",
        )
    )
    return st.one_of(
        st.sampled_from(
            (
                "level(err..emerg)",
                "level(info)",
                "severity(debug..notice)",
                "facility(mail, auth)",
                "facility(kern..daemon)",
                "tags(syslog.missing_pri)",
                "tags(t1)",
                "source(s)",
                "match('a.*t')",
                "match('o' value(foo))",
                "message('^.{20,}')",
                "program('^s')",
                "program('^su$')",
                "host('h.*')",
                "netmask(192.0.2.0/24)",
                "netmask(10.0.0.0/255.0.0.0)",
                "netmask6('2001:db8::/32')",
                f"in-list('{_LIST}' value(PROGRAM))",
                f"in-list('{_LIST}')",
                "match('R(.)' template('$PROGRAM $MSG') flags(ignore-case))",
                "message('*failed*' type(glob))",
                "message('Root' type(string) flags(ignore-case substring))",
                '"${j.n}" == 3',
                '"${j.n}" == "${c1}"',
            )
        ),
        st.builds(
            lambda name, text, flag: f"{name}('{text}'{flag})",
            st.sampled_from(("program", "host", "message")),
            word,
            flags,
        ),
        st.builds(
            lambda left, sign, right: f'"{left}" {sign} "{right}"',
            st.sampled_from(("$PROGRAM", "$HOST", "$MSG", "${foo}", "$PID")),
            st.sampled_from(("==", "!=", "eq", "ne", "lt", "ge", "<", ">=")),
            word,
        ),
        st.builds(
            lambda left, sign, right: f'"{left}" {sign} {right}',
            st.sampled_from(("$LEVEL_NUM", "$PID", "$MSG", "$PRI")),
            st.sampled_from(("==", "!=", "<", ">=")),
            st.integers(0, 40),
        ),
    )


_filters = st.recursive(
    _calls(),
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"({a} and {b})", inner, inner),
        st.builds(lambda a, b: f"({a} or {b})", inner, inner),
        st.builds(lambda a: f"not {a}", inner),
    ),
    max_leaves=4,
)


def _rewrites() -> st.SearchStrategy[str]:
    value = st.sampled_from(("MESSAGE", "HOST", "PROGRAM", "PID", "foo", "bar.baz"))
    plain = st.one_of(
        st.builds(
            lambda text, name: f"set({_quoted(text)} value({_quoted(name)}));",
            st.sampled_from(("x", "$PROGRAM-$PID", "", "$MSG!", "${foo}o")),
            value,
        ),
        st.builds(
            lambda old, new, name, flags: (
                f"subst({_quoted(old)} {_quoted(new)} value({_quoted(name)}){flags});"
            ),
            st.sampled_from(("a", "o+", "^s", "[0-9]", "t$", "root")),
            st.sampled_from(("", "X", "$HOST")),
            value,
            st.sampled_from(("", " flags(global)")),
        ),
        st.sampled_from(
            (
                'set-tag("t1");',
                'set("c" value("foo") condition(level(err..emerg)));',
                'set("c" value("HOST") condition(program("su")));',
                'subst("(r)(o+)" "$2$1" value("MESSAGE") flags(global));',
                'subst("^(.)" "<$1>" value("PROGRAM"));',
                'subst("x*" "-" value("MESSAGE") flags(global));',
                'set("$LEVEL_NUM" value("foo"));',
                'set(int("7") value("bar.baz"));',
                'set("${foo}" value("foo2"));',
                'unset(value("foo"));',
                'unset(value("HOST"));',
                'set-severity("$LEVEL");',
                'set-severity("${c1}");',
                'set-level("crit");',
                'set-facility("local0");',
                'set-facility("99999");',
                'set-pri("$PRI"); set-pri("12");',
                'set-tag("$PROGRAM"); clear-tag("t1");',
                'clear-tag(".source.s");',
                "set-matches(\"a,b,'c,d'\");",
                'set-matches("$MSG");',
                'set-matches("x"); unset-matches();',
                'rename("foo" "bar.baz");',
                'rename("PROGRAM" "was");',
                'rename("j.n" "n");',
                'groupset("g" values("f*" "j.*"));',
                'groupset("" values("HOST"));',
                'groupunset(values("kv.*" "c?"));',
                'groupunset(values("*"));',
                'set-time-zone("America/New_York");',
                'set-time-zone("Europe/Budapest" time-stamp(recvd));',
                'fix-time-zone("Asia/Tokyo");',
                'fix-time-zone("Asia/Kolkata" condition(level(err..emerg)));',
                "guess-time-zone();",
                'set("$1$2" value("MESSAGE")); set("$(list-head $*)" value("foo"));',
                'set(list("a,b") value("foo")); set(double("1.5") value("bar.baz"));',
            )
        ),
    )
    return plain.map(lambda text: f"rewrite {{ {text} }};")


_outputs = st.one_of(
    st.sampled_from(
        (
            "",
            "form(file)",
            "form(file) ts-format(iso)",
            "form(rfc5424)",
            "form(rfc5424) octet-count(yes)",
            "octet-count(yes)",
            "truncate-size(30)",
            "form(rfc5424) frac-digits(3)",
            'form(file) time-zone("+05:30") ts-format(full)',
        )
    ),
    st.builds(
        lambda text, key: f"template({_quoted(text)}){key}",
        st.sampled_from(_TEMPLATES[:-1]),
        st.sampled_from(
            (
                "",
                "",
                "",
                ' key("/$HOST/$PROGRAM")',
                ' key("/$HOST/$YEAR/$MONTH-$R_DAY")',
                ' key("$LEVEL")',
            )
        ),
    ),
)
_destinations = _outputs.map(lambda text: f"destination {{ output({text}); }};")


def _elements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    flags = st.sampled_from(("", "flags(final);", "flags(fallback);"))
    channel = st.builds(lambda body, flag: f"{{ {body} {flag} }}", inner, flags)
    return st.one_of(
        st.builds(lambda test, body: f"if ({test}) {{ {body} }};", _filters, inner),
        st.builds(
            lambda test, body, other: f"if ({test}) {{ {body} }} else {{ {other} }};",
            _filters,
            inner,
            inner,
        ),
        st.lists(channel, min_size=1, max_size=3).map(
            lambda items: (
                "junction { " + " ".join(f"channel {item};" for item in items) + " };"
            )
        ),
        st.lists(channel, min_size=1, max_size=2).map(
            lambda items: " ".join(f"log {item};" for item in items)
        ),
    )


_parsers = st.sampled_from(
    (
        'kv-parser(prefix("kv."));',
        'csv-parser(columns("c1", "c2") delimiters(" "));',
        'csv-parser(columns("c1", "c2", "c3") delimiters(" ") flags(drop-invalid));',
        "regexp-parser(patterns('(?<foo>[a-z]+) (?<bar>[a-z]+)'));",
        'json-parser(prefix("j."));',
        "syslog-parser(flags(no-hostname));",
        'kv-parser(extract-stray-words-into("stray"));',
        'csv-parser(columns(int("n"), "c2") on-type-error(drop-property));',
        'csv-parser(delimiters("o"));',
        'csv-parser(columns("HOST" "foo") flags(greedy));',
        'json-parser(key-delimiter("_")); ',
        'json-parser(extract-prefix("in") prefix("j."));',
        'xml(prefix("x."));',
        'date-parser(format("%b %d %H:%M:%S" "%s") template("$DATE"));',
        'date-parser(format("%s") value("when"));',
        'sdata-parser(template("[a@1 b=\\"$PID\\"]"));',
        'tags-parser(template("$PROGRAM,t1"));',
        'map-value-pairs(pair("foo" "$HOST") pair("n" int("$LEVEL_NUM")));',
        "linux-audit-parser();",
        'metrics-probe(key("k"));',
        "windows-eventlog-xml-parser();",
    )
).map(lambda text: f"parser {{ {text} }};")
_simple = st.one_of(
    _destinations,
    _destinations,
    _filters.map(lambda text: f"filter {{ {text} }};"),
    _rewrites(),
    _parsers,
)
_bodies = st.recursive(
    st.lists(_simple, min_size=1, max_size=3).map(" ".join),
    lambda inner: st.lists(
        st.one_of(_simple, _elements(inner)), min_size=1, max_size=3
    ).map(" ".join),
    max_leaves=4,
)
_sources = st.sampled_from(
    (
        "",
        "keep-hostname(yes)",
        "flags(syslog-protocol)",
        "flags(syslog-protocol) keep-hostname(yes)",
        "flags(no-parse)",
        "flags(no-hostname)",
        "flags(empty-lines)",
        'host-override("over") tags("t1")',
        'program-override("prog")',
        "keep-hostname(yes) chain-hostnames(yes)",
        "keep-timestamp(no)",
        "keep-timestamp(no) flags(syslog-protocol)",
        'local(yes) flags(no-hostname) program-override("p")',
        'local(yes) flags(no-parse) default-pri(46) tags("f")',
        'flags(no-parse) program-override("app")',
        "normalize-hostnames(yes) keep-hostname(yes)",
        "host-override('x@a/b') keep-hostname(yes)",
        "normalize-hostnames(yes) chain-hostnames(yes)",
        "chain-hostnames(yes) flags(no-hostname)",
        'program-override("prog") flags(syslog-protocol) keep-hostname(yes)',
        "flags(dont-store-legacy-msghdr)",
        'time-zone("Europe/Budapest")',
    )
)


@st.composite
def _configurations(draw: st.DrawFn) -> str:
    source = draw(_sources)
    flags = st.sampled_from(
        ("", "", "flags(final);", "flags(fallback);", "flags(catchall);")
    )
    bodies = draw(st.lists(st.tuples(_bodies, flags), min_size=1, max_size=3))
    end = draw(_destinations)
    paths = [
        f"log {{ source(s); {body} {end if not number else ''} {flag} }};"
        for number, (body, flag) in enumerate(bodies)
    ]
    text = "\n".join(paths)
    if "local(yes)" in source:  # the reference interpreter does not count
        text = text.replace(" output(", " output(flags(no-seqnum) ")
    return f"source s {{ input({source}); }};\n{text}"


_KEYED_CALLS = (
    "program('{}' type(string))",
    "program('^{}$')",
    "program('^{}')",
    "program('{}')",
    "program('{}' type(string) flags(prefix))",
    "program('{}' type(string) flags(ignore-case))",
    "host('{}' type(string))",
    "host('^{}$')",
    "host('{}')",
    "match('{}' value('PROGRAM') type(string))",
    "match('^{}$' value('HOST'))",
    "'$PROGRAM' eq '{}'",
    "'{}' eq '$HOST'",
    f"in-list('{_LIST}' value(PROGRAM))",
    f"in-list('{_LIST}' value('HOST'))",
    "facility(mail) and program('{}' type(string))",
    "level(err..emerg)",
    "facility(auth, daemon)",
    "facility(kern..mail) and not host('{}' type(string))",
    "program('{}' type(string)) or program('sshd' type(string))",
    "program('{}' type(string)) or host('h' type(string))",
    "not program('{}' type(string))",
)


@st.composite
def _many_paths(draw: st.DrawFn) -> str:
    """Many log paths, each with a filter that may share its field with the others."""
    calls = draw(st.lists(st.sampled_from(_KEYED_CALLS), min_size=1, max_size=3))
    words = (
        "su",
        "sshd",
        "h",
        "p",
        "a",
        "mymachine",
        "relay.example",
        "p/sub",
        "s",
        "",
    )
    count = draw(st.sampled_from((1, 1, 2, 4, 7, 12, 30)))
    statements, paths = [], []
    for number in range(count):
        test = draw(st.sampled_from(calls)).format(draw(st.sampled_from(words)))
        flags = draw(st.sampled_from(("", "", "", "final", "fallback", "catchall")))
        flags = f"flags({flags});" if flags else ""
        name = draw(st.sampled_from(("filter", "filter", "named", "inner", "rewrite")))
        output = draw(_destinations)
        if name == "named":
            statements.append(f"filter f{number} {{ {test}; }};")
            paths.append(f"log {{ source(s); filter(f{number}); {output} {flags} }};")
        elif name == "inner":
            inner = f"log {{ filter {{ {test}; }}; {output} }};"
            paths.append(f"log {{ source(s); {inner} {flags} }};")
        else:
            step = draw(_rewrites()) if name == "rewrite" else ""
            body = f"filter {{ {test}; }}; {step} {output} {flags}"
            paths.append(f"log {{ source(s); {body} }};")
    head = "source s { input(" + draw(_sources) + "); };"
    text = "\n".join([head, *statements, *paths])
    if "local(yes)" in head:
        text = text.replace(" output(", " output(flags(no-seqnum) ")
    return text


_HEADERS = (
    b"<34>Oct 11 22:14:15 mymachine su[42]: ",
    b"<13>Oct  1 22:14:15 h sshd: ",
    b"<165>Jan 31 00:00:00 web-1 a ",
    b"<191>Feb 28 23:59:59 10.0.0.1 p/sub[9]: ",
    b"<0>Dec 31 12:00:00 h p: ",
    b"<34>Oct 11 22:14:15 h ",
    b"<34>Oct 11 22:14:15 h  ",
    b"<34>Oct 11 22:14:15 a/B p: ",
    b"<34>Oct 11 22:14:15 x@b/c p: ",
    b"<34>1 2026-10-11T22:14:15Z src@a/b p 1 m - ",
    b"<34>Oct 11 22:14:15 h: ",
    b"<34>Oct 11 22:14:15 fe80::1 p: ",
    b"<34>Oct 11 22:14:15 h p[12: ",
    b"<34>Oct 11 22:14:15 h p[12] ",
    b"<34>Oct 11 22:14:15 h p[]: ",
    b"<34>Oct 11 22:14:15 h p:",
    b"<34>Oct 11 22:14:15 h : ",
    b"<34>Oct 11 22:14:15 h [x]: ",
    b"<34>Oct 11 22:14:15 ",
    b"<34>Oct 11 22:14:15",
    b"<34>Oct 1 22:14:15 h p: ",
    b"<34>Feb 29 22:14:15 h p: ",
    b"<34>Oct 11 25:14:15 h p: ",
    b"<034>Oct 11 22:14:15 h p: ",
    b"<999>Oct 11 22:14:15 h p: ",
    b"<1234>Oct 11 22:14:15 h p: ",
    b"<>Oct 11 22:14:15 h p: ",
    b"<x>Oct 11 22:14:15 h p: ",
    b"<34> Oct 11 22:14:15 h p: ",
    b"<34>2026-10-11T22:14:15.003Z h p: ",
    b"<13>Oct 11 22:14:15 su[42]: ",
    b"<13>Oct 11 22:14:15 : ",
    b"<34>Oct 11 22:14:15 last message repeated 3 times",
    b"<34>Oct 11 22:14:15 Message forwarded from x: p: ",
    b"<34>1 2026-10-11T22:14:15.003Z mymachine su 77 ID47 - ",
    b'<34>1 2026-10-11T22:14:15+02:00 h a-b - - [x y="z" q="1"][w] ',
    b"<34>1 2026-10-11T22:14:15Z - - - - - ",
    b"<34>1 - h p 1 m - ",
    b"<34>1 2026-10-11T22:14:15.1234567Z h p 1 m - ",
    b'<34>1 2026-10-11T22:14:15Z h p 1 m [x y="a\\]b"] ',
    b"<34>1 2026-10-11T22:14:15Z h p 1 m [x y=z] ",
    b"<34>1 2026-10-11T22:14:15Z h p 1 m -",
    b"<34>1 2026-10-11T22:14:15Z h p 1 m - \xef\xbb\xbf",
    b"<34>1 2026-10-11T22:14:15Z " + b"h" * 300 + b" " + b"p" * 60 + b" 1 m - ",
    b"<34>1 2026-10-11T22:14:15Z h p 1 m [bad ",
    b"<34>2 2026-10-11T22:14:15Z h p 1 m - ",
    b"42: *Mar  1 10:20:30.123: %SYS-5-X: ",
    b"12 <13>",
    b"no pri at all ",
    b"",
)
_COMMON = (
    *_HEADERS[:3],
    *[head for head in _HEADERS if head.startswith(b"<34>1 2026-10-11T22")][:2],
)
_TEXTS = (
    b"su root failed for a user",
    b"root",
    b"",
    b"a",
    b"two  spaces",
    b" lead",
    b"percent %b %s 100%",
    b"h\xc3\xa9llo",
    b"bad \xff\xfe utf8",
    b'quote " \\ back',
    b"tab\tcr\rnul-free \x01",
    b"x" * 300,
    b"12",
    b'{"n": 3, "foo": "x\\"y", "in": {"a": [1, "b"], "l": ["p", "q,r"], "z": null}}',
    b'{"n": 1.50, "foo": true, "h\xc3\xa9": "\xc3\xa9", "": 1, "HOST": "j"}',
    b"a=1 b=\"two words\" c=, d='x' stray e=f",
    b"n=3, foo=bar, j.n=4",
    b"3,two,three,four",
    b"<r a='1'>t<in>u</in><in>v</in></r>",
    b'type=SYSCALL comm=6C73202D6C cwd="/root"',
)
_lines = st.one_of(
    st.builds(lambda a, b: a + b, st.sampled_from(_HEADERS), st.sampled_from(_TEXTS)),
    st.builds(
        lambda a, b: a + b,
        st.sampled_from(_COMMON),
        st.sampled_from(_TEXTS),
    ),
    st.builds(
        lambda head, place, junk: head[:place] + junk + head[place:] + b"text",
        st.sampled_from(_HEADERS),
        st.integers(0, 40),
        st.sampled_from((b" ", b"[", b"]", b":", b'"', b"-", b"\\", b"=", b"<", b"0")),
    ),
    st.binary(max_size=60).map(
        lambda data: data.replace(b"\n", b"").replace(b"\0", b"").rstrip(b"\r")
    ),
)


@lru_cache(maxsize=512)
def _site(text: str) -> Site:
    return compiled(text)


def _without_sequence(record: bytes) -> bytes:
    """Error reports are numbered over all runs of a program: hide the number."""
    hidden = re.sub(rb'(sequenceId"?[=:]\\?")\d+', rb"\1n", record)
    if hidden == record:
        return record
    return re.sub(rb"^\d+ (?=<)", b"", hidden)  # the octets of the number, too


def _origin_of(site: Site) -> Origin:
    """Return the origin that the source of ``site`` gives its messages."""
    (group,) = site.configuration.sources.values()
    return LOCAL_ORIGIN if group.drivers[0].options.local else ORIGIN


def _expected(site: Site, lines: list[bytes]) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return records in order, grouped by key in order of their first records."""
    source_id = next(iter(site.programs))
    found = Reference(site.configuration, site.context, source_id).run(
        lines, _origin_of(site), NOW
    )
    return {
        name: [
            (item[0], _without_sequence(item[1]))
            for key in dict.fromkeys(key for key, _ in items)
            for item in items
            if item[0] == key
        ]
        for name, items in found.items()
    }


def _actual(site: Site, outputs: object) -> dict[str, list[tuple[bytes, bytes]]]:
    found = {}
    assert isinstance(outputs, tuple)
    for name, batches in zip(site.program.outputs, outputs, strict=True):
        records = []
        for batch in batches:
            assert batch.count == len(batch.offsets())
            records += [
                (batch.key, _without_sequence(record)) for record in batch.records()
            ]
        if records:
            found[name] = records
    return found


_settings = settings(
    max_examples=int(os.environ.get("LOGFERRY_PAIRS", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@_settings
@given(_configurations(), st.lists(_lines, max_size=8))
@example(
    "source s { input(); };\n"
    "log { source(s); log { rewrite { set('x' value('HOST')); }; }; "
    "destination { output(); }; };",
    [b"<13>Oct  1 22:14:15 h sshd: x"],
)
def test_lines_and_frames_equal_the_reference(text: str, lines: list[bytes]) -> None:
    site = _site(text)
    expected = _expected(site, lines)
    chunk = b"".join(line + b"\n" for line in lines)
    if chunk:
        count, run = site.program.lines(chunk, _origin_of(site), NOW)
        assert _actual(site, run) == expected, site.program.source
        assert count == len(lines)
    run = site.program.frames(list(lines), _origin_of(site), NOW)
    assert _actual(site, run) == expected, site.program.source


@_settings
@given(_many_paths(), st.lists(_lines, max_size=8))
def test_many_paths_equal_the_reference(text: str, lines: list[bytes]) -> None:
    site = _site(text)
    expected = _expected(site, lines)
    chunk = b"".join(line + b"\n" for line in lines)
    if chunk:
        _, run = site.program.lines(chunk, _origin_of(site), NOW)
        assert _actual(site, run) == expected, site.program.source
    run = site.program.frames(list(lines), _origin_of(site), NOW)
    assert _actual(site, run) == expected, site.program.source


@_settings
@given(_configurations(), st.lists(_lines, max_size=5))
def test_frames_with_newlines_equal_the_reference(
    text: str, lines: list[bytes]
) -> None:
    frames = [line[:20] + b"\n" + line[20:] for line in lines]
    site = _site(text)
    run = site.program.frames(frames, _origin_of(site), NOW)
    assert _actual(site, run) == _expected(site, frames), site.program.source
