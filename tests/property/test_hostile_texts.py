"""No text makes a program raise: functions, filters, rewrites and parsers alike."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.programs import Site, compiled

MSG = "$MSG"
FUNCTIONS = [
    *(f"$({name} $MSG)" for name in ("length", "strip", "lowercase", "uppercase")),
    *(f"$({name} $MSG)" for name in ("indent-multi-line", "echo", "or", "sanitize")),
    *(f"$({name} $MSG)" for name in ("basename", "dirname", "binary")),
    *(f"$({name} $MSG)" for name in ("round", "ceil", "floor", "sum", "min")),
    *(f"$({name} $MSG)" for name in ("md5", "hash", "sha1", "ipv4-to-int")),
    *(f"$({name} $MSG)" for name in ("url-encode", "url-decode", "base64-encode")),
    *(f"$({name} $MSG)" for name in ("base64-decode", "list-concat", "list-count")),
    *(f"$({name} $MSG)" for name in ("list-head", "list-tail", "context-values")),
    *(f"$({name} $MSG 2)" for name in ("+", "-", "*", "/", "%", "substr")),
    *(f"$({name} 2 $MSG)" for name in ("+", "-", "*", "/", "%", "round")),
    *(f"$({name} $MSG a,b,c)" for name in ("list-nth", "list-slice", "list-append")),
    *(f"$({name} $MSG a,b,c)" for name in ("implode", "explode")),
    "$(substr abcdef $MSG)",
    "$(substr abcdef 1 $MSG)",
    "$(padding $MSG 10)",
    "$(padding abc $MSG)",
    "$(replace-delimiter $MSG x abc)",
    "$(list-search --mode glob a*b $MSG)",
    "$(map $(+ $_ 1) $MSG)",
    "$(filter ('$_' > 5) $MSG)",
    "$(if ('$MSG' == 5) a b)",
    "$(grep ('$MSG' > 5) $MSG)",
    "$(format-date %Y $MSG)",
    "$(format-json a=int($MSG) b=double($MSG) c=boolean($MSG) d=list($MSG))",
    "$(format-json a=json($MSG))",
    "$(format-json a=$MSG $MSG)",
    "$(format-welf a=$MSG) $(format-cef-extension a=$MSG)",
    "$ISODATE $FULLDATE $WEEK $S_UNIXTIME $(format-date %c)",
    "$(tags-head $MSG) $(tag $MSG)",
]
STEPS = [
    'rewrite { set-pri("$MSG"); set-severity("$MSG"); set-facility("$MSG"); };',
    'rewrite { set-tag("$MSG"); clear-tag("$MSG"); set-matches("$MSG"); };',
    'rewrite { set-time-zone("$MSG"); fix-time-zone("$MSG"); guess-time-zone(); };',
    'rewrite { set(int("$MSG") value("x")); credit-card-mask(); };',
    'rewrite { subst("(.)(.)?" "$2$1" value("MESSAGE") flags(global)); };',
    *(
        f'filter {{ "$MSG" {sign} {other}; }};'
        for sign in ("==", "<", "!=", "===", "lt")
        for other in ("5", '"5"', '"$x"', 'boolean("1")')
    ),
    'filter { match("^.{2}$" flags(utf8)) or message("(a+)+$") or tags("x"); };',
    *(
        f"parser {{ {text}; }};"
        for text in (
            'csv-parser(columns("a", int("b"), boolean("c")) delimiters(","))',
            "csv-parser(delimiters(chars(',') strings('--')) dialect(escape-backslash))",
            "kv-parser()",
            'kv-parser(pair-separator(";") extract-stray-words-into("s"))',
            "json-parser()",
            'json-parser(extract-prefix("a.b[0]"))',
            "xml()",
            "linux-audit-parser()",
            "regexp-parser(patterns('(?<a>.+) (?<b>.*)'))",
            'date-parser(format("%s", "%s.%f", "%Y", "%FT%T%z", "%b %d %H:%M:%S"))',
            'date-parser(format("%Y-%j", "%y%m%d", "%I %p"))',
            "syslog-parser()",
            "syslog-parser(flags(syslog-protocol))",
            "sdata-parser()",
            "tags-parser()",
            'map-value-pairs(pair("x", int("$MSG")))',
            'metrics-probe(labels("a" => "$MSG") increment("$MSG"))',
        )
    ),
]
EVERYTHING = (
    "$PRI $ISODATE $UNIXTIME $HOST $MSGHDR$MSG $TAGS $SDATA "
    "$(format-json --scope all-nv-pairs --scope all-macros x.y=$x)"
)

numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["9" * 5000, "-" + "9" * 5000, "1e999", "0x", "0x" + "f" * 40]),
    st.sampled_from(["1" * 20, "253402300800", "-62135596801", "99999999999999999"]),
)
pieces = st.sampled_from(
    [
        *('"', "'", "\\", ",", "=", "{", "}", "[", "]", "<", ">", " ", ":", "-", "%"),
        *("&#x;", "a", "b", "1", "5", "+02:00", "Europe/Budapest", "2026-02-30", "é"),
        *("null", "\u00ff", "<a>", "</a>", '{"a":', "audit(1:1)", "\t", "Jan 99 25:61"),
    ]
)
texts = st.one_of(
    numbers,
    st.lists(pieces, max_size=12).map("".join),
    st.text(max_size=20),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
raw = st.one_of(texts, st.binary(max_size=30)).map(
    lambda data: data.replace(b"\n", b"").replace(b"\0", b"").rstrip(b"\r")
)


@lru_cache
def site(step: str, template: str) -> Site:
    """Compile one step and one template."""
    quoted = template.replace("\\", "\\\\").replace('"', '\\"')
    return compiled(
        f"log {{ source {{ input(keep-hostname(yes)); }}; {step} "
        f'destination {{ output(template("{quoted}")); }}; }};'
    )


def run(step: str, template: str, text: bytes) -> None:
    """Run one message."""
    site(step, template).frames(b"<13>2026-11-21T03:00:00Z h p[1]: " + text)


@settings(deadline=None, max_examples=100)
@given(raw)
@example(b"9" * 5000)
@example(b"99999999999999999")
@example(b"-99999999999999999")
@example(b"1e400")
def test_functions_take_any_text(text: bytes) -> None:
    for template in FUNCTIONS:
        run("", template, text)


@pytest.mark.parametrize("step", STEPS)
@settings(deadline=None, max_examples=60)
@given(text=raw)
@example(text=b"9" * 5000)
@example(text=b"99999999999999999")
@example(text=b"-99999999999999999")
@example(text=b'{"a":1e400,"b":[1,{"c":[]}]}')
@example(text=b"[" * 3000)
@example(text=b"<a>" * 3000)
@example(text=b"a=" * 3000)
def test_steps_take_any_text(step: str, text: bytes) -> None:
    run(step, EVERYTHING, text)
