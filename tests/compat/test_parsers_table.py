"""Parsers, row by row."""

from __future__ import annotations

import pytest

from helpers.differences import (
    AUDIT_PREFIX,
    CSV_DIALECT,
    DIGITS,
    JSON_BIG,
    JSON_COMMA,
    JSON_STRICT,
    JSON_TYPES,
    UNCLOSED,
    ZONE_NAME,
)
from helpers.differential import Row, Table

VALUES = (
    "$(format-json --scope nv-pairs --scope dot-nv-pairs --exclude TRANSPORT --exclude MSGFORMAT "
    "--exclude HOST_FROM --exclude SOURCE --exclude HOST --exclude MESSAGE "
    "--exclude LEGACY_MSGHDR --exclude PROGRAM --exclude PID)"
)
HEADER = "$PRI $ISODATE $MSGHDR$MSG|$TAGS|${.SDATA.x.y}"


def gives(
    parser: str,
    text: str,
    *expected: str,
    reference: str | tuple[str, ...] | None = None,
    why: str = "",
    template: str = VALUES,
) -> Row:
    """Make a row: what a parser makes of a text; nothing when it cannot read it."""
    middle = f"parser {{ {parser} }};"
    return Row(template, expected, middle, text, reference, why)


def changes(parser: str, text: str, *expected: str, **rest: str) -> Row:
    """Make a row for parsers that change the header."""
    return gives(parser, text, *expected, template=HEADER, **rest)


PARSERS = Table(
    [
        gives(
            'csv-parser(columns("a","b","c") delimiters(",") flags(greedy));',
            "x,y",
            '{"c":"","b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(","));',
            '" x ",y',
            '{"b":"y","a":"x"}',
        ),
        gives("kv-parser();", "a=1,", '{"a":"1,"}'),
        gives("kv-parser();", f"{'x' * 5000} a=1", '{"a":"1"}'),
        gives(
            'csv-parser(columns("a","b","c") delimiters(","));',
            "x,y,z",
            '{"c":"z","b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b","c") delimiters(","));',
            "x,y",
            '{"b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(","));',
            "x,y,z",
            '{"b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") flags(greedy));',
            "x,y,z",
            '{"b":"y,z","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b","c") delimiters(",") flags(drop-invalid));',
            "x,y",
        ),
        gives(
            'csv-parser(columns("a","b","c") delimiters(",") flags(drop-invalid));',
            "x,y,z",
            '{"c":"z","b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b","c") delimiters(",") drop-invalid(yes));',
            "x,y,z,w",
        ),
        gives(
            'csv-parser(columns("a","b","c"));', "x y z", '{"c":"z","b":"y","a":"x"}'
        ),
        gives(
            'csv-parser(columns("a","b","c"));',
            "x  y z",
            '{"c":"y","b":"","a":"x"}',
            reference='{"c":"z","b":"y","a":"x"}',
            why="a space that delimits begins a column, as in AxoSyslog",
        ),
        gives(
            'csv-parser(columns("a","b","c") flags(strip-whitespace) delimiters(","));',
            " x , y ,z ",
            '{"c":"z","b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b","c") delimiters(","));',
            " x , y ,z ",
            '{"c":"z","b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(","));',
            '"x,1",y',
            '{"b":"y","a":"x,1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(","));',
            "'x,1',y",
            '{"b":"y","a":"x,1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") quotes("\'"));',
            "'x,1',y",
            '{"b":"y","a":"x,1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") quote-pairs(\'()\'));',
            "(x,1),y",
            '{"b":"y","a":"x,1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") quote-pairs(\'""[]\'));',
            '[x,1],"y"',
            '{"b":"y","a":"x,1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") flags(escape-double-char));',
            '"x""1",y',
            '{"b":"y","a":"x\\"1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") flags(escape-backslash));',
            '"x\\"1",y',
            '{"b":"y","a":"x\\"1"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") dialect(escape-double-char));',
            '"x""1",y',
            '{"b":"y","a":"x\\"1"}',
            reference='{"b":"y","a":"x\\"1\\""}',
            why=CSV_DIALECT,
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") dialect(escape-backslash));',
            '"x\\"1",y',
            '{"b":"y","a":"x\\"1"}',
            reference='{"b":"y","a":"x\\\\1\\""}',
            why=CSV_DIALECT,
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") dialect(escape-none));',
            '"x\\"1",y',
            '{"b":"y","a":"x\\\\1\\""}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",;"));', "x;y", '{"b":"y","a":"x"}'
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(chars(",") strings(" - ")));',
            "x - y",
            '{"b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(strings("::")));',
            "x::y",
            '{"b":"y","a":"x"}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") null("-"));',
            "-,y",
            '{"b":"y","a":""}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") prefix(".csv."));',
            "x,y",
            '{"_csv":{"b":"y","a":"x"}}',
        ),
        gives(
            'csv-parser(columns("a","b") delimiters(",") template("$PROGRAM,$PID"));',
            "x",
            '{"b":"42","a":"prog"}',
        ),
        gives('csv-parser(columns("a","b","c") delimiters(","));', "", "{}"),
        gives(
            'csv-parser(columns("a","b","c") delimiters(","));', ",,", '{"b":"","a":""}'
        ),
        gives(
            'csv-parser(columns("a","","c") delimiters(","));',
            "x,y,z",
            '{"c":"z","a":"x"}',
        ),
        gives('csv-parser(columns("a","b") delimiters(","));', '"x', '{"a":"x"}'),
        gives(
            'csv-parser(columns("a","b") delimiters(","));',
            '"x"y,z',
            '{"b":"z","a":"xy"}',
        ),
        gives('csv-parser(columns("HOST","PROGRAM") delimiters(","));', "h2,p2", "{}"),
        gives(
            'csv-parser(columns("a","b") delimiters(",") flags(escape-none,greedy));',
            '"x",y,"z"',
            '{"b":"y,\\"z\\"","a":"x"}',
        ),
        gives('csv-parser(columns("a") delimiters(","));', "x", '{"a":"x"}'),
        gives("kv-parser();", "a=1 b=2", '{"b":"2","a":"1"}'),
        gives("kv-parser();", "a=1, b=2", '{"b":"2","a":"1"}'),
        gives("kv-parser();", "a=1,b=2", '{"a":"1,b=2"}'),
        gives("kv-parser();", "a=\"x y\" b='z w'", '{"b":"z w","a":"x y"}'),
        gives("kv-parser();", 'a="x\\"y" b="z\\\\w"', '{"b":"z\\\\w","a":"x\\"y"}'),
        gives("kv-parser();", 'a="x\\ny"', '{"a":"x\\ny"}'),
        gives('kv-parser(prefix(".kv."));', "a=1 b=2", '{"_kv":{"b":"2","a":"1"}}'),
        gives("kv-parser(value-separator(':'));", "a:1 b:2", '{"b":"2","a":"1"}'),
        gives(
            "kv-parser(value-separator(':') pair-separator(';'));",
            "a:1;b:2",
            '{"b":"2","a":"1"}',
        ),
        gives(
            'kv-parser(pair-separator(" | "));', "a=1 | b=2 3", '{"b":"2 3","a":"1"}'
        ),
        gives(
            'kv-parser(extract-stray-words-into("stray"));',
            "hello a=1 world b=2 end",
            '{"stray":"hello","b":"2 end","a":"1 world"}',
        ),
        gives("kv-parser();", "hello a=1 world b=2 end", '{"b":"2 end","a":"1 world"}'),
        gives("kv-parser();", "a=1 a=2", '{"a":"2"}'),
        gives("kv-parser();", "a= b=2", '{"b":"2","a":""}'),
        gives("kv-parser();", "a=", '{"a":""}'),
        gives("kv-parser();", "=1 b=2", '{"b":"2"}'),
        gives("kv-parser();", "a==1", '{"a":"=1"}'),
        gives(
            "kv-parser();", "a.b=1 c-d=2 e_f=3", '{"e_f":"3","c-d":"2","a":{"b":"1"}}'
        ),
        gives("kv-parser();", "a = 1 b=2", '{"b":"2","a":"1"}'),
        gives("kv-parser();", "nothing here", "{}"),
        gives("kv-parser();", "", "{}"),
        gives(
            "kv-parser();",
            'a="unclosed b=2',
            '{"b":"2","a":"\\"unclosed"}',
            reference='{"b":"2","a":"\\"unclosed b=2"}',
            why=UNCLOSED,
        ),
        gives(
            "kv-parser();",
            "a='it''s' b=1",
            '{"b":"1","a":"\'it\'\'s\'"}',
            reference='{"b":"1","a":"\'it\'\'s\' "}',
            why=UNCLOSED,
        ),
        gives("kv-parser();", "a=\"\" b=''", '{"b":"","a":""}'),
        gives("kv-parser();", 'a=foo"bar baz" b=1', '{"b":"1","a":"foo\\"bar baz\\""}'),
        gives("kv-parser();", "a=1\tb=2", '{"a":"1\\tb=2"}'),
        gives("kv-parser();", "a=x y z b=2", '{"b":"2","a":"x y z"}'),
        gives('kv-parser(template("$PROGRAM=$PID"));', "x", '{"prog":"42"}'),
        gives("kv-parser();", "éa=1", '{"a":"1"}'),
        gives(
            'kv-parser(pair-separator(","));',
            "a=1,b=2 c,d=3",
            '{"d":"3","b":"2 c","a":"1"}',
        ),
        gives(
            "kv-parser(value-separator('=') pair-separator(' '));",
            "a=1  b=2",
            '{"b":"2","a":"1"}',
        ),
        gives("kv-parser();", 'a=1, b=2, c="x, y"', '{"c":"x, y","b":"2","a":"1"}'),
        gives(
            "linux-audit-parser();",
            'type=SYSCALL msg=audit(1441988805.991:239): arch=c000003e syscall=59 success=yes exit=0 a0=7fe49a6d0e98 proctitle=2F62696E2F6C73 comm="dumpe2fs" exe="/sbin/dumpe2fs" key=(null)',
            '{"_auditd":{"type":"SYSCALL","syscall":"59","success":"yes","proctitle":"2F62696E2F6C73","msg":"audit(1441988805.991:239):","key":"(null)","exit":"0","exe":"/sbin/dumpe2fs","comm":"dumpe2fs","arch":"c000003e","a0":"7fe49a6d0e98"}}',
            reference='{"type":"SYSCALL","syscall":"59","success":"yes","proctitle":"2F62696E2F6C73","msg":"audit(1441988805.991:239):","key":"(null)","exit":"0","exe":"/sbin/dumpe2fs","comm":"dumpe2fs","arch":"c000003e","a0":"7fe49a6d0e98"}',
            why=AUDIT_PREFIX,
        ),
        gives(
            "linux-audit-parser();",
            "type=PATH name=2F746D702F612062 dir=41",
            '{"_auditd":{"type":"PATH","name":"/tmp/a b","dir":"41"}}',
            reference='{"type":"PATH","name":"/tmp/a b","dir":"41"}',
            why=AUDIT_PREFIX,
        ),
        gives(
            'linux-audit-parser(prefix("aud."));',
            'type=PATH name="x"',
            '{"aud":{"type":"PATH","name":"x"}}',
        ),
        gives("json-parser();", '{"a":"b"}', '{"a":"b"}'),
        gives(
            "json-parser();",
            '{"a":1,"b":2.5,"c":true,"d":false,"e":null}',
            '{"e":null,"d":false,"c":true,"b":2.5,"a":1}',
            reference='{"e":null,"d":false,"c":true,"b":2.500000,"a":1}',
            why=DIGITS,
        ),
        gives("json-parser();", '{"a":{"b":{"c":"d"}}}', '{"a":{"b":{"c":"d"}}}'),
        gives("json-parser();", '{"a":["x","y"]}', '{"a":["x","y"]}'),
        gives(
            "json-parser();",
            '{"a":[1,2]}',
            '{"a":[1,2]}',
            reference='{"a":["1","2"]}',
            why=JSON_TYPES,
        ),
        gives(
            "json-parser();",
            '{"a":[1,"x",null,true]}',
            '{"a":[1,"x",null,true]}',
            reference='{"a":["1","x","","true"]}',
            why=JSON_TYPES,
        ),
        gives("json-parser();", '{"a":[{"b":1}]}', '{"a":[{"b":1}]}'),
        gives("json-parser();", '{"a":[[1],[2]]}', '{"a":[[1],[2]]}'),
        gives("json-parser();", '{"a":[]}', '{"a":[]}'),
        gives("json-parser();", '{"a":{}}', "{}"),
        gives(
            "json-parser();", '{"a":"é\\u00e9\\n\\t\\"\\\\"}', '{"a":"éé\\n\\t\\"\\\\"}'
        ),
        gives('json-parser(prefix(".json."));', '{"a":"b"}', '{"_json":{"a":"b"}}'),
        gives(
            'json-parser(prefix(".json."));', '{"a":{"b":1}}', '{"_json":{"a":{"b":1}}}'
        ),
        gives('json-parser(marker("@cee:"));', '@cee: {"a":"b"}', '{"a":"b"}'),
        gives('json-parser(marker("@cee:"));', '{"a":"b"}'),
        gives('json-parser(extract-prefix("x"));', '{"x":{"a":1},"y":2}', '{"a":1}'),
        gives('json-parser(extract-prefix("x.y"));', '{"x":{"y":{"a":1}}}', '{"a":1}'),
        gives('json-parser(extract-prefix("x[0]"));', '{"x":[{"a":1}]}', '{"a":1}'),
        gives('json-parser(key-delimiter("~"));', '{"a":{"b":1}}', '{"a~b":1}'),
        gives("json-parser();", "not json"),
        gives("json-parser();", '["a"]', '{"1":"a"}'),
        gives("json-parser();", '"a"'),
        gives(
            "json-parser();", '{"a":1} trailing', reference='{"a":1}', why=JSON_STRICT
        ),
        gives(
            "json-parser();",
            '{"a":12345678901234567890}',
            '{"a":1.2345678901234567e+19}',
            reference='{"a":9223372036854775807}',
            why=JSON_BIG,
        ),
        gives(
            "json-parser();",
            '{"a":1e3}',
            '{"a":1000}',
            reference='{"a":1000.000000}',
            why=DIGITS,
        ),
        gives(
            "json-parser();",
            '{"a":0.1}',
            '{"a":0.1}',
            reference='{"a":0.100000}',
            why=DIGITS,
        ),
        gives("json-parser();", '{"a":-0}', '{"a":0}'),
        gives("json-parser();", '{"a.b":1}', '{"a":{"b":1}}'),
        gives("json-parser();", '{"":1}', "{}"),
        gives("json-parser();", '{"a":1,"a":2}', '{"a":2}'),
        gives("json-parser();", ""),
        gives(
            'json-parser(template("{\\"x\\":\\"$PROGRAM\\"}"));', "x", '{"x":"prog"}'
        ),
        gives("json-parser();", "{'a':'b'}", reference='{"a":"b"}', why=JSON_STRICT),
        gives("json-parser();", '{"HOST":"h2"}', "{}"),
        gives("json-parser();", '{"a":"","b":" "}', '{"b":" ","a":""}'),
        gives(
            "json-parser();",
            '{"a":1.0}',
            '{"a":1}',
            reference='{"a":1.000000}',
            why=DIGITS,
        ),
        gives("json-parser();", '{"a":100000000000}', '{"a":100000000000}'),
        gives(
            "json-parser();",
            '{"a":["x,y","z"]}',
            '{"a":["x,y","z"]}',
            reference='{"a":["x","y","z"]}',
            why=JSON_COMMA,
        ),
        gives(
            'regexp-parser(patterns("(?<a>\\\\w+) (?<b>\\\\w+)"));',
            "x y",
            '{"b":"y","a":"x","2":"y","1":"x","0":"x y"}',
        ),
        gives(
            'regexp-parser(patterns("(?<a>\\\\d+)", "(?<b>\\\\w+)"));',
            "xyz",
            '{"b":"xyz","1":"xyz","0":"xyz"}',
        ),
        gives('regexp-parser(patterns("(?<a>\\\\d+)"));', "xyz"),
        gives(
            'regexp-parser(patterns("(?<a>x)(?<b>q)?"));',
            "xyz",
            '{"a":"x","1":"x","0":"x"}',
        ),
        gives(
            'regexp-parser(prefix("p.") patterns("(?<a>x)"));',
            "xyz",
            '{"p":{"a":"x"},"1":"x","0":"x"}',
        ),
        gives(
            'regexp-parser(patterns("(?<a>X)") flags(ignore-case));',
            "xyz",
            '{"a":"x","1":"x","0":"x"}',
        ),
        gives('regexp-parser(patterns("x"));', "xyz", '{"0":"x"}'),
        gives(
            'regexp-parser(patterns("(x)(y)"));', "xyz", '{"2":"y","1":"x","0":"xy"}'
        ),
        gives(
            'regexp-parser(template("$PROGRAM") patterns("(?<a>p)"));',
            "xyz",
            '{"a":"p","1":"p","0":"p"}',
        ),
        gives(
            'regexp-parser(patterns("(?<a>x)|(?<b>y)"));',
            "y",
            '{"b":"y","2":"y","0":"y"}',
        ),
        changes(
            'date-parser(format("%Y-%m-%d %H:%M:%S"));',
            "2020-01-02 03:04:05",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 2020-01-02 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%Y-%m-%dT%H:%M:%S%z"));',
            "2020-01-02T03:04:05+02:00",
            "13 2020-01-02T03:04:05+02:00 prog[42]: 2020-01-02T03:04:05+02:00|.source.s|",
        ),
        changes(
            'date-parser(format("%FT%T%z"));',
            "2020-01-02T03:04:05Z",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 2020-01-02T03:04:05Z|.source.s|",
        ),
        changes(
            'date-parser(format("%FT%T.%f%z"));',
            "2020-01-02T03:04:05.123+0200",
            "13 2020-01-02T03:04:05+02:00 prog[42]: 2020-01-02T03:04:05.123+0200|.source.s|",
        ),
        changes(
            'date-parser(format("%b %d %H:%M:%S"));',
            "Jan  2 03:04:05",
            "13 2026-01-02T03:04:05+00:00 prog[42]: Jan  2 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%b %d %Y %H:%M:%S"));',
            "Jan 02 2020 03:04:05",
            "13 2020-01-02T03:04:05+00:00 prog[42]: Jan 02 2020 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%s"));',
            "1577934245",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 1577934245|.source.s|",
        ),
        changes(
            'date-parser(format("%d/%b/%Y:%H:%M:%S %z"));',
            "02/Jan/2020:03:04:05 -0500",
            "13 2020-01-02T03:04:05-05:00 prog[42]: 02/Jan/2020:03:04:05 -0500|.source.s|",
        ),
        changes('date-parser(format("%Y-%m-%d %H:%M:%S"));', "nonsense"),
        changes('date-parser(format("%Y-%m-%d"));', "2020-01-02 trailing"),
        changes(
            'date-parser(format("%Y-%m-%d", "%d.%m.%Y"));',
            "02.01.2020",
            "13 2020-01-02T00:00:00+00:00 prog[42]: 02.01.2020|.source.s|",
        ),
        changes(
            'date-parser(format("%Y-%m-%d %H:%M:%S") time-zone("Europe/Budapest"));',
            "2020-01-02 03:04:05",
            "13 2020-01-02T03:04:05+01:00 prog[42]: 2020-01-02 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%Y-%m-%d %I:%M:%S %p"));',
            "2020-01-02 03:04:05 PM",
            "13 2020-01-02T15:04:05+00:00 prog[42]: 2020-01-02 03:04:05 PM|.source.s|",
        ),
        changes(
            'date-parser(format("%y%m%d %H%M%S"));',
            "200102 030405",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 200102 030405|.source.s|",
        ),
        changes(
            'date-parser(format("%a %b %d %H:%M:%S %Y"));',
            "Thu Jan 02 03:04:05 2020",
            "13 2020-01-02T03:04:05+00:00 prog[42]: Thu Jan 02 03:04:05 2020|.source.s|",
        ),
        changes(
            'date-parser(format("%A, %B %d %Y"));',
            "Thursday, January 02 2020",
            "13 2020-01-02T00:00:00+00:00 prog[42]: Thursday, January 02 2020|.source.s|",
        ),
        changes(
            'date-parser(format("%H:%M:%S"));',
            "03:04:05",
            "13 2026-11-21T03:04:05+00:00 prog[42]: 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%Y-%m-%d %H:%M:%S %Z"));',
            "2020-01-02 03:04:05 UTC",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 2020-01-02 03:04:05 UTC|.source.s|",
            reference=(),
            why=ZONE_NAME,
        ),
        changes(
            'date-parser(format("%Y-%m-%d %H:%M:%S %z"));',
            "2020-01-02 03:04:05 EST",
            "13 2020-01-02T03:04:05-05:00 prog[42]: 2020-01-02 03:04:05 EST|.source.s|",
        ),
        changes(
            'date-parser(format("%e %b %Y %k:%M"));',
            " 2 Jan 2020  3:04",
            "13 2020-01-02T03:04:00+00:00 prog[42]:  2 Jan 2020  3:04|.source.s|",
            reference=(),
            why=ZONE_NAME,
        ),
        changes(
            'date-parser(format("%Y-%j"));',
            "2020-032",
            "13 2020-02-01T00:00:00+00:00 prog[42]: 2020-032|.source.s|",
        ),
        changes(
            'date-parser(format("%D %R"));',
            "01/02/20 03:04",
            "13 2020-01-02T03:04:00+00:00 prog[42]: 01/02/20 03:04|.source.s|",
        ),
        changes('date-parser(template("${PROGRAM}") format("%Y"));', "x"),
        changes(
            'date-parser(format("%Y-%m-%d %H:%M:%S") time-stamp(recvd));',
            "2020-01-02 03:04:05",
            "13 2026-10-11T22:14:15+00:00 prog[42]: 2020-01-02 03:04:05|.source.s|",
        ),
        changes(
            'date-parser(format("%s.%f"));',
            "1577934245.5",
            "13 2020-01-02T03:04:05+00:00 prog[42]: 1577934245.5|.source.s|",
        ),
        changes(
            'date-parser(format("%m/%d"));',
            "01/02",
            "13 2026-01-02T00:00:00+00:00 prog[42]: 01/02|.source.s|",
        ),
        changes(
            "syslog-parser();",
            "<34>Oct 11 22:14:15 h2 p2[7]: inner",
            "34 2026-10-11T22:14:15+00:00 p2[7]: inner|.source.s|",
        ),
        changes(
            "syslog-parser(flags(syslog-protocol));",
            '<34>1 2020-01-02T03:04:05Z h2 p2 7 id [x y="z"] inner',
            "34 2020-01-02T03:04:05+00:00 p2[7]: inner|.source.s|z",
        ),
        changes(
            "syslog-parser(flags(no-hostname));",
            "<34>Oct 11 22:14:15 p2[7]: inner",
            "34 2026-10-11T22:14:15+00:00 p2[7]: inner|.source.s|",
        ),
        changes(
            "syslog-parser(flags(expect-hostname));",
            "<34>Oct 11 22:14:15 h2 p2[7]: inner",
            "34 2026-10-11T22:14:15+00:00 p2[7]: inner|.source.s|",
        ),
        changes(
            "tags-parser();",
            'a,b,"c d"',
            '13 2026-10-11T22:14:15+00:00 prog[42]: a,b,"c d"|.source.s,a,b,"c d"|',
        ),
        changes(
            'tags-parser(template("$PROGRAM,x"));',
            "a",
            "13 2026-10-11T22:14:15+00:00 prog[42]: a|.source.s,prog,x|",
        ),
        gives(
            'map-value-pairs(pair("x","$PROGRAM") pair("y",int("$PID")));',
            "x",
            '{"y":42,"x":"prog"}',
        ),
        gives('map-value-pairs(pair("x" "$MSG"));', "abc", '{"x":"abc"}'),
    ],
)

CASES = [
    pytest.param(table, row, id=f"{number}-{row.name}")
    for number, table in enumerate((PARSERS,))
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), CASES)
def test_a_row_comes_out_as_the_table_says(table: Table, row: Row) -> None:
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(("table", "row"), CASES)
def test_syslog_ng_does_as_the_table_says(table: Table, row: Row) -> None:
    assert not table.differs(row)
