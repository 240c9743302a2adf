"""
Every word of the processing language that the program promises, used once.

A name that nobody knows is no error in a template: it prints nothing. So what each
macro prints is told here, for one message; functions, filters, rewrites and parsers are
used in a configuration that must compile. What each does in detail is in the other
tables.
"""

from __future__ import annotations

import pytest

from helpers.programs import compiled
from logferry.codegen.functions import FUNCTIONS
from logferry.codegen.registry import filters, parsers, rewrites
from logferry.errors import ConfigError

LINE = (
    b"<34>1 2026-11-21T03:04:05.678901+01:00 host.example prog 42 ID47"
    b' [a@1 b="c"] \xef\xbb\xbfsome text'
)

DATES = {
    "DATE": "Nov 21 03:04:05",
    "FULLDATE": "2026 Nov 21 03:04:05",
    "ISODATE": "2026-11-21T03:04:05+01:00",
    "STAMP": "Nov 21 03:04:05",
    "UNIXTIME": "1795226645",
    "YEAR": "2026",
    "YEAR_DAY": "325",
    "MONTH": "11",
    "MONTH_ABBREV": "Nov",
    "MONTH_NAME": "November",
    "MONTH_WEEK": "3",
    "DAY": "21",
    "WEEKDAY": "Sat",
    "WEEK_DAY": "7",
    "WEEK_DAY_ABBREV": "Sat",
    "WEEK_DAY_NAME": "Saturday",
    "WEEK": "46",
    "ISOWEEK": "47",
    "HOUR": "03",
    "HOUR12": "03",
    "AMPM": "AM",
    "MIN": "04",
    "SEC": "05",
    "USEC": "678901",
    "MSEC": "678",
    "TZ": "+01:00",
    "TZOFFSET": "+01:00",
}
"""Of the message's own time; other times have the same names with a prefix."""

MACROS = {
    "HOST": "host.example",
    "FULLHOST": "host.example",
    "HOST_FROM": "relay.example",
    "FULLHOST_FROM": "relay.example",
    "SOURCEIP": "192.0.2.7",
    "SOURCEPORT": "40000",
    "DESTIP": "192.0.2.1",
    "DESTPORT": "514",
    "PROTO": "6",
    "PROTO_NAME": "tcp",
    "IP_PROTO": "4",
    "PEERIP": "192.0.2.7",
    "PEERPORT": "40000",
    "FACILITY": "auth",
    "FACILITY_NUM": "4",
    "LEVEL": "crit",
    "LEVEL_NUM": "2",
    "SEVERITY": "crit",
    "SEVERITY_NUM": "2",
    "PRIORITY": "crit",
    "PRI": "34",
    "PROGRAM": "prog",
    "PID": "42",
    "MSGHDR": "prog[42]: ",
    "MSG": "some text",
    "MESSAGE": "some text",
    "MSGONLY": "some text",
    "MSGID": "ID47",
    "SDATA": '[a@1 b="c"]',
    "STRUCTURED_DATA": '[a@1 b="c"]',
    ".SDATA.a@1.b": "c",
    "SEQNUM": "",  # of local messages, and of those that came with one
    "RCPTID": "",  # with use-rcptid()
    "UNIQID": "",  # likewise
    "HOSTID": "eda923dc",
    "LOGHOST": "loghost",
    "SYSUPTIME": "500",
    "TAGS": "t1,.source.",
    "TAG": "22",
    "BSDTAG": "2E",
    "BOM": "",  # the reference has no such macro either
    "SOURCE": "s",
    "CONTEXT_ID": "",  # of correlated messages
    "RAWMSG": LINE.decode(),
    "RUNID": "1",
    "*": "so,me",
    "0": "some",
    "1": "so",
    "2": "me",
    "255": "",
    "nothing:-default": "default",
}

EMPTY = {name for name, value in MACROS.items() if not value}

CALLS = {
    "format-json": "--scope nv-pairs",
    "format-flat-json": "--scope nv-pairs",
    "format-cef-extension": "--pair a=b",
    "format-welf": "--pair a=b",
    "format-cim": "",
    "format-gelf": "",
    "geoip2": "--database {geo} $SOURCEIP",
    "grep": '("$MSG" eq "a") $MSG',
    "if": '("1" == "1") a b',
    "echo": "a",
    "length": "a",
    "substr": "abc 1",
    "strip": "a",
    "sanitize": "a",
    "lowercase": "A",
    "uppercase": "a",
    "replace-delimiter": "x y axb",
    "indent-multi-line": "a",
    "padding": "a 5",
    "implode": ", a,b",
    "explode": "; a;b",
    "list-append": "a b",
    "list-concat": "a b",
    "list-count": "a,b",
    "list-head": "a,b",
    "list-nth": "1 a,b",
    "list-slice": "0:1 a,b",
    "list-tail": "a,b",
    "list-search": "b a,b",
    "map": "$_ a,b",  # of lists
    "filter": '("$_" eq "a") a,b',  # likewise
    "context-lookup": '("1" == "1") $MSG',
    "context-length": "",
    "context-values": "$MSG",
    "+": "1 2",
    "-": "1 2",
    "*": "1 2",
    "/": "4 2",
    "%": "5 2",
    "min": "$PID",  # of a context
    "max": "$PID",  # of a context
    "sum": "$PID",  # of a context
    "average": "$PID",
    "round": "1.5",
    "ceil": "1.5",
    "floor": "1.5",
    "md5": "a",
    "sha1": "a",
    "sha256": "--length 8 a",
    "sha512": "a",
    "hash": "a",
    "base64-encode": "a",
    "base64-decode": "YQ==",
    "url-encode": "a",
    "url-decode": "a",
    "urlencode": "a",
    "uuid": "",
    "ipv4-to-int": "192.0.2.1",
    "dns-resolve-ip": "192.0.2.1",
    "env": "HOME",
    "tags-head": "t",
    "values": "a*",
    "names": "a*",
    "template": "own",
    "python": "show",
    "slog": "-k key -c counter $MSG",
}
"""Template functions, with arguments."""

FILTERS = {
    "facility": "facility(auth, 10)",
    "level": "level(err..crit)",
    "severity": "severity(crit)",
    "priority": "priority(crit)",
    "program": 'program("prog" type(glob))',
    "host": 'host("host" flags(prefix))',
    "message": 'message("text" type(string) flags(substring ignore-case))',
    "match": 'match("(some) text" value("MESSAGE") flags(store-matches unicode global))',
    "netmask": "netmask(192.0.2.0/24)",
    "netmask6": 'netmask6("2001:db8::/32") or program("prog")',
    "in-list": 'in-list("{list}" value("PROGRAM"))',
    "tags": 'tags("t1")',
    "source": "source(s)",
    "filter": "filter(other)",
    "rate-limit": 'rate-limit(template("$HOST") rate(10))',
    "throttle": 'throttle(template("$HOST") rate(10))',
    "==": '"$PID" == 42',
    "!=": '"$PID" != 43',
    "<": '"$PID" < 43',
    ">": '"$PID" > 41',
    "<=": '"$PID" <= 42',
    ">=": '"$PID" >= 42',
    "===": '"$PID" === "42"',
    "!==": '"$PID" !== 42',
    "eq": '"$MSG" eq "some text"',
    "ne": '"$MSG" ne "other"',
    "lt": '"$MSG" lt "z"',
    "gt": '"$MSG" gt "a"',
    "le": '"$MSG" le "z"',
    "ge": '"$MSG" ge "a"',
}

_CONDITION = "condition(program(prog))"
REWRITES = {
    "set": f'set("x" value("y") {_CONDITION})',
    "subst": f'subst("x" "y" value("MESSAGE") {_CONDITION})',
    "set-tag": f'set-tag("t" {_CONDITION})',
    "clear-tag": f'clear-tag("t" {_CONDITION})',
    "set-facility": f'set-facility("auth" {_CONDITION})',
    "set-severity": f'set-severity("info" {_CONDITION})',
    "set-pri": f'set-pri("34" {_CONDITION})',
    "set-matches": f'set-matches("a,b" {_CONDITION})',
    "unset": f'unset(value("x") {_CONDITION})',
    "unset-matches": f"unset-matches({_CONDITION})",
    "groupset": f'groupset("x" values("a.*") {_CONDITION})',
    "groupunset": f'groupunset(values("a.*") {_CONDITION})',
    "rename": f'rename("a" "b" {_CONDITION})',
    "fix-time-zone": f'fix-time-zone("Europe/Berlin" {_CONDITION})',
    "set-time-zone": f'set-time-zone("Europe/Berlin" {_CONDITION})',
    "guess-time-zone": f"guess-time-zone({_CONDITION})",
    "credit-card-mask": f'credit-card-mask(value("MESSAGE") {_CONDITION})',
    "credit-card-hash": f'credit-card-hash(value("MESSAGE") {_CONDITION})',
}
LIBRARY = frozenset(
    {"credit-card-mask", "credit-card-hash", "windows-eventlog-xml-parser"}
)
"""Blocks of the library, written in the configuration language."""

PARSERS = {
    "syslog-parser": "syslog-parser(flags(syslog-protocol))",
    "csv-parser": 'csv-parser(columns("a", "b") dialect(escape-backslash)'
    ' quote-pairs("\\"\\"") null("-") flags(greedy, drop-invalid))',
    "kv-parser": 'kv-parser(prefix("kv."))',
    "json-parser": 'json-parser(prefix("j."))',
    "xml": 'xml(prefix("x."))',
    "regexp-parser": 'regexp-parser(patterns("(?<a>some)") prefix("r."))',
    "date-parser": 'date-parser(format("%Y"))',
    "sdata-parser": "sdata-parser()",
    "tags-parser": "tags-parser()",
    "add-contextual-data": 'add-contextual-data(selector("$HOST") database("{csv}"))',
    "group-lines": 'group-lines(key("$HOST") multi-line-mode("smart") timeout(10))',
    "grouping-by": 'grouping-by(key("$HOST") timeout(10)'
    ' aggregate(value("MESSAGE" "$MSG")))',
    "metrics-probe": 'metrics-probe(key("seen") labels("host" => "$HOST"))',
    "linux-audit-parser": "linux-audit-parser()",
    "db-parser": 'db-parser(file("{db}"))',
    "windows-eventlog-xml-parser": "windows-eventlog-xml-parser()",
    "map-value-pairs": 'map-value-pairs(pair("a" "$MSG"))',
    "python": 'python(class("P"))',
}

DATABASE = """<patterndb version='6' pub_date='2026-01-01'>
<ruleset name='r' id='1'><pattern>prog</pattern><rules>
<rule provider='p' id='2' class='c'><patterns><pattern>some @ESTRING:x: @</pattern>
</patterns></rule></rules></ruleset></patterndb>"""

HEAD = """
python {
class P:
    def parse(self, message):
        return True
def show(message):
    return "shown"
};
template own { template("$MSG"); };
filter other { program("prog"); };
"""


@pytest.fixture
def places(tmp_path) -> dict[str, str]:
    """Files that some words want."""
    contents = {"list": "prog\n", "csv": "host,a,b\n", "db": DATABASE}
    for name, content in contents.items():
        (tmp_path / f"{name}.csv").write_text(content)
    return {name: str(tmp_path / f"{name}.csv") for name in contents}


def site(middle: str, template: str = "$MSG"):
    return compiled(
        f"{HEAD} log {{ source {{ input(keep-hostname(yes) flags(syslog-protocol, store-raw-message)"
        f' tags("t1")); }}; {middle}'
        f" destination {{ output(template('{template}')); }}; }};"
    )


def printed(template: str) -> str:
    middle = 'filter { match("(so)(me)" value("MSG") flags(store-matches)) };'
    (found,) = site(middle, template).lines(LINE).values()
    return found[0].decode()


@pytest.mark.parametrize("name", MACROS)
def test_a_macro_prints_what_it_is_named_after(name: str) -> None:
    assert printed(f"${{{name}}}") == MACROS[name]


@pytest.mark.parametrize("name", DATES)
def test_a_date_macro_prints_each_of_the_times(name: str) -> None:
    found = printed("|".join(f"${{{prefix}{name}}}" for prefix in ("", "S_")))
    assert found == f"{DATES[name]}|{DATES[name]}"
    received, current, processed = printed(
        "|".join(f"${{{prefix}{name}}}" for prefix in ("R_", "C_", "P_"))
    ).split("|")
    assert received == current == processed != ""


def test_macros_that_print_nothing_are_few_and_named() -> None:
    assert {"SEQNUM", "RCPTID", "UNIQID", "BOM", "CONTEXT_ID", "255"} == EMPTY


@pytest.mark.parametrize("name", CALLS)
def test_a_template_function_is_known(name: str, places) -> None:
    assert name in FUNCTIONS
    if name in {"geoip2", "slog"}:
        return  # they want files of their own kind; each has its own tests
    assert isinstance(printed(f"$({name} {CALLS[name].format(**places)})"), str)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_known(name: str, places) -> None:
    found = site(f"filter {{ {FILTERS[name].format(**places)} }};").lines(LINE)
    assert found
    if name.isidentifier() and name not in {"eq", "ne", "lt", "gt", "le", "ge"}:
        assert name == "filter" or name in filters()


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_is_known(name: str) -> None:
    assert name in LIBRARY or name in rewrites()
    assert site(f"rewrite {{ {REWRITES[name]}; }};").lines(LINE)


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_is_known(name: str, places) -> None:
    assert name in LIBRARY or name in parsers()
    words = PARSERS[name]
    for key, path in places.items():
        words = words.replace(f"{{{key}}}", path)
    assert site(f"parser {{ {words}; }};") is not None


@pytest.mark.parametrize(
    "middle",
    [
        "filter { nonsense(1) };",
        "rewrite { nonsense(1); };",
        "parser { nonsense(); };",
        'rewrite { set("$(nonsense 1)" value("x")); };',
    ],
)
def test_a_word_that_nobody_knows_is_an_error(middle: str) -> None:
    """Else the tests above could not fail."""
    with pytest.raises(ConfigError):
        site(middle)
