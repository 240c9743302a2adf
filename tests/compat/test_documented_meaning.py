"""
What AxoSyslog's documentation says that a configuration does, in messages of our own.

Each row is a statement of the documents: elements of a log path, a text, a template and
what it prints. Where 3.38 is installed the other tables of this folder ask it; these
rows are what newer versions promise as well.
"""

from __future__ import annotations

import pytest

from helpers.programs import expand

HEAD = b"<38>2026-11-21T03:04:05.678+02:00 web-1.example.com shop[42]: "
XML = (
    b"<order id='7'>first<item>pen</item>second<item>ink</item>"
    b"<secret>s</secret><note> late </note></order>"
)
VALUES = (
    'rewrite { set("a,b,c,d" value("list")); set("" value("none")); '
    'set("1" value("app.one")); set("2" value("app.two.deep")); '
    'set("x y" value(".cef.msg")); };'
)

FUNCTIONS = [
    ("$(basename /var/log/shop/orders.log)", "orders.log"),
    ("$(dirname /var/log/shop/orders.log)", "/var/log/shop"),
    ("$(echo $HOST $PROGRAM)", "web-1.example.com shop"),
    ("$(explode ';' 'red;dark blue;green')", 'red,"dark blue",green'),
    ("$(explode ' ' 'red green' blue)", "red,green,blue"),
    ("$(implode ' ' $(list-slice :3 $list))", "a b c"),
    ("$(implode - $list)", "a-b-c-d"),
    ("$(list-head $list)", "a"),
    ("$(list-tail $list)", "b,c,d"),
    ("$(list-nth 1 $list)", "b"),
    ("$(list-nth -1 $list)", "d"),
    ("$(list-count $list)", "4"),
    ("$(list-slice 1:3 $list)", "b,c"),
    ("$(list-slice -2: $list)", "c,d"),
    ("$(list-append $list e)", "a,b,c,d,e"),
    ("$(list-append '' e)", "e"),
    ("$(list-concat $HOST, $PROGRAM, $PID)", "web-1.example.com,shop,42"),
    ("$(list-search c $list)", "2"),
    ("$(list-search --mode glob --start-index 1 '[ab]*' $list)", "1"),
    ("$(list-search z $list)", ""),
    ("$(map '$(uppercase $_)' $list)", "A,B,C,D"),
    ("$(map '$(+ 1 $_)' 0,1,2)", "1,2,3"),
    ("$(filter ('$(% $_ 2)' eq '0') 0,1,2,3)", "0,2"),
    ("$(filter ('$_' le '1' and '$_' ne '0') 0,1,2,3)", "1"),
    ("$(if ('$PROGRAM' eq 'shop') yes no)", "yes"),
    ("$(if ($PID > 50) big $(if ($PID > 40) middle small))", "middle"),
    ("$(or $none $PROGRAM $PID)", "shop"),
    ("$(length $PROGRAM)", "4"),
    ("$(lowercase 'AbC')$(uppercase 'AbC')", "abcABC"),
    ("$(substr abcdefghij 3)", "defghij"),
    ("$(substr abcdefghij 3 2)", "de"),
    ("$(substr abcdefghij -3)", "hij"),
    ("$(substr abcdefghij 0 -4)", "abcdef"),
    ("$(strip '  a b  ')", "a b"),
    ("$(padding 7 3 0)", "007"),
    ("$(padding shop 2 x)", "shop"),
    ("$(replace-delimiter ',;' '|' 'a,b;c')", "a|b|c"),
    ("$(sanitize a/b c)", "a_b/c"),
    ("$(sanitize -i @b -r + a@bc)", "a++c"),
    ("$(indent-multi-line 'one\ntwo')", "one\n\ttwo"),
    ("$(ipv4-to-int 192.168.1.1)", "3232235777"),
    ("$(+ 1 2)$(- 1 2)$(* 3 4)$(/ 7 2)$(% 7 4)", "3-11233"),
    ("$(+ one 2)$(/ 1 0)", "NaNNaN"),
    ("$(/ 3.0 2)", "1.5"),
    ("$(round 1.5) $(round 2.123456 4) $(ceil 1.1) $(floor 1.9)", "2 2.1235 2 1"),
    ("$(url-encode 'a b&c')", "a%20b%26c"),
    ("$(url-decode %3C%3E a%20b)", "<>a b"),
    ("$(base64-encode shop)", "c2hvcA=="),
    ("$(sha1 --length 6 shop)", "5042d1"),
    ("$(md5 sh op)", "fb54f3c5992b96d001bb16e8e92d968d"),
    ("$(tag seen) $(tag unseen) $(tag seen a b) $(tag unseen a b)", "1 0 a b"),
    ("$(tags-head unseen seen other)", "seen"),
    ("$(stardate --digits 2 1782950400)", "2026.49"),
    (
        "$(format-date --time-zone PST8PDT %Y-%m-%dT%H:%M:%S 1667500613)",
        "2022-11-03T11:36:53",
    ),
    ("$(format-json --key app.*)", '{"app":{"two":{"deep":"2"},"one":"1"}}'),
    ("$(format-flat-json --key app.*)", '{"app.two.deep":"2","app.one":"1"}'),
    ("$(format-json --subkeys .cef.)", '{"msg":"x y"}'),
    ("$(format-json --leave-initial-dot --key .cef.*)", '{".cef":{"msg":"x y"}}'),
    ("$(format-json --key .cef.*)", '{"_cef":{"msg":"x y"}}'),
    ("$(format-json --omit-empty-values --key none x=$none y=1)", '{"y":"1"}'),
    (
        "$(format-json x=int64($PID) y=boolean(true) z=double(2.5))",
        '{"z":2.5,"y":true,"x":42}',
    ),
    (
        "$(format-json --key app.* --rekey app.* --shift 4 --add-prefix n.)",
        '{"n":{"two":{"deep":"2"},"one":"1"}}',
    ),
    ("$(format-welf --key .cef.* PROGRAM=$PROGRAM)", '.cef.msg="x y" PROGRAM=shop'),
    ("$(format-cef-extension --subkeys .cef.)", "msg=x y"),
    ("$(graphite-output --timestamp 5 --key app.*)", "app.one 1 5\napp.two.deep 2 5\n"),
    ("${none:-nothing}", "nothing"),
    (
        "$S_ISODATE|$S_MONTH_ABBREV|$S_HOUR12|$S_AMPM",
        "2026-11-21T03:04:05+02:00|Nov|03|AM",
    ),
]
"""Templates and what they print."""


@pytest.mark.parametrize(("template", "expected"), FUNCTIONS)
def test_a_template_prints_what_the_documents_say(template: str, expected: str) -> None:
    middle = VALUES + ' rewrite { set-tag("seen"); };'
    found = expand(template, HEAD + b"text", middle, "keep-hostname(yes)")
    assert found.decode() == expected


ELEMENTS = [
    ("parser { xml(); };", XML, "${.xml.order._id}", "7"),
    ("parser { xml(create-lists(no)); };", XML, "${.xml.order.item}", "penink"),
    ("parser { xml(); };", XML, "${.xml.order}", "firstsecond"),
    ("parser { xml(); };", XML, "[${.xml.order.note}]", "[ late ]"),
    ("parser { xml(strip-whitespaces(yes)); };", XML, "[${.xml.order.note}]", "[late]"),
    ('parser { xml(exclude-tags("sec*")); };', XML, "[${.xml.order.secret}]", "[]"),
    ("parser { xml(drop-invalid(yes)); };", b"<a>", "passed", ""),
    (
        'parser { kv-parser(prefix(".k.")); };',
        b"EC2A: from=<me>, size=807, n=1, active",
        "${.k.from} ${.k.size} ${.k.n}",
        "<me> 807 1",
    ),
    (
        'parser { kv-parser(value-separator(":") prefix(".k.")); };',
        b"USER:'oscar', ID:23, QUERY:'USE test;'",
        "${.k.USER} ${.k.ID} ${.k.QUERY}",
        "oscar 23 USE test;",
    ),
    (
        'parser { kv-parser(pair-separator("|")); };',
        b"one=1|two=2 2",
        "${one} ${two}",
        "1 2 2",
    ),
    (
        'parser { csv-parser(columns("a", "b") delimiters(",") flags(greedy)); };',
        b"1,2,3",
        "$a $b",
        "1 2,3",
    ),
    (
        'parser { csv-parser(columns("a", "b") delimiters(chars(""), strings("=="))); };',
        b"1 x==2=3",
        "$a|$b",
        "1 x|2=3",
    ),
    (
        (
            'parser { csv-parser(columns("a", "b") delimiters(" ") '
            "dialect(escape-backslash)); };"
        ),
        rb'"say \"hi\"" end',
        "$a|$b",
        'say "hi"|end',
    ),
    (
        (
            'parser { csv-parser(columns("a", "b") delimiters(",") '
            "dialect(escape-double-char)); };"
        ),
        b'"say ""hi""",end',
        "$a|$b",
        'say "hi"|end',
    ),
    (
        (
            'parser { csv-parser(columns("a", "b") delimiters(",") null("-") '
            "flags(strip-whitespace)); };"
        ),
        b"  - ,  two ",
        "[$a]|$b",
        "[]|two",
    ),
    (
        (
            'parser { csv-parser(columns("a", "b", "c") delimiters(",") '
            "flags(drop-invalid)); };"
        ),
        b"1,2",
        "passed",
        "",
    ),
    (
        'parser { json-parser(prefix(".j.")); };',
        b'{"a":{"b":["x","y"]},"c":null,"d":"x"}',
        "${.j.a.b} [${.j.c}] ${.j.d}",
        "x,y [] x",
    ),
    (
        'parser { json-parser(marker("@cee:")); };',
        b'@cee: {"a":{"b":1}}',
        "${a.b}",
        "1",
    ),
    (
        'parser { json-parser(extract-prefix("a")); };',
        b'{"a":{"b":1},"c":2}',
        "${b}[${c}]",
        "1[]",
    ),
    (
        'parser { date-parser(format("%Y-%m-%d %H:%M:%S") time-zone("UTC")); };',
        b"2025-01-02 03:04:05",
        "$UNIXTIME",
        "1735787045",
    ),
    (
        'parser { date-parser(format("%s") value("t")); };',
        b"1735787045",
        "$t",
        "1735787045.000000",
    ),
    (
        'parser { regexp-parser(patterns("no", "to (?<who>[a-z]+)") prefix(".r.")); };',
        b"sent to ann",
        "${.r.who} $1",
        "ann ann",
    ),
    ('rewrite { set-matches("x,y,z"); };', b"t", "$1$2$3 $*", "xyz x,y,z"),
    (
        "rewrite { set-matches(\"$(explode ':' 'x:y')\"); unset-matches(); };",
        b"t",
        "[$1]",
        "[]",
    ),
    (
        'filter { match("([a-z]+)=([0-9]+)" value("MESSAGE") flags(store-matches)); };',
        b"size=7",
        "$0|$1|$2",
        "size=7|size|7",
    ),
    (
        'rewrite { subst("[0-9]+", "N", value("MESSAGE"), flags(global)); };',
        b"a1b22",
        "$MSG",
        "aNbN",
    ),
    (
        (
            'rewrite { subst("A", "x", value("MESSAGE") type(string) '
            "flags(global ignore-case substring)); };"
        ),
        b"aAb",
        "$MSG",
        "xxb",
    ),
    (
        'rewrite { groupset("none", values("app.*" ".cef.*")); };',
        b"t",
        "${app.one}${.cef.msg}$list",
        "nonenonea,b,c,d",
    ),
    ('rewrite { groupunset(values("app.*")); };', b"t", "[${app.one}]", "[]"),
    ('rewrite { rename("list" "colours"); };', b"t", "$colours[$list]", "a,b,c,d[]"),
    (
        'rewrite { set("y" value("z") condition(program("shop"))); };',
        b"t",
        "$z",
        "y",
    ),
    ('rewrite { set-severity("crit"); set-facility("local3"); };', b"t", "$PRI", "154"),
    ('rewrite { set-pri("42"); };', b"t", "$FACILITY.$SEVERITY", "syslog.crit"),
    (
        'rewrite { fix-time-zone("UTC"); };',
        b"t",
        "$S_ISODATE",
        "2026-11-21T03:04:05+00:00",
    ),
    (
        'rewrite { set-time-zone("UTC"); };',
        b"t",
        "$S_ISODATE",
        "2026-11-21T01:04:05+00:00",
    ),
    (
        'parser { map-value-pairs(pair("copy" "$PROGRAM") key("app.*" rekey(shift(4)))); };',
        b"t",
        "$copy ${one} ${two.deep}",
        "shop 1 2",
    ),
    ('if ("$PID" == 42) { rewrite { set("A" value("MSG")); }; };', b"t", "$MSG", "A"),
    (
        'if { filter { message("none"); }; } else { rewrite { set("B" value("MSG")); }; };',
        b"t",
        "$MSG",
        "B",
    ),
    (
        'filter { "$PID" < 100 and not tags("x") and level(debug..info); };',
        b"t",
        "p",
        "p",
    ),
    ('filter { "9" lt "10"; };', b"t", "passed", ""),
    ("filter { netmask6(::1/128) or host('example'); };", b"t", "p", "p"),
]
"""Elements of a log path, a text, a template and what it prints; nothing: dropped."""


@pytest.mark.parametrize(("middle", "text", "template", "expected"), ELEMENTS)
def test_an_element_does_what_the_documents_say(
    middle: str, text: bytes, template: str, expected: str
) -> None:
    found = expand(template, HEAD + text, VALUES + middle, "keep-hostname(yes)")
    assert found.decode() == expected
