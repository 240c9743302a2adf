"""What the functions of FilterX return: a table from their documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.filterx import compiled, new_message, run_filterx
from logferry.codegen.filterx.calls import FilterxError
from logferry.codegen.filterx.registry import ELSEWHERE
from logferry.codegen.macros import MacroContext
from logferry.message.model import Message, UnixNanos
from logferry.telemetry.counters import Metrics

ERROR = "an error"

JOIN = 'json({"a": {"b": {"c": "1"}}, "d": 2})'
CEF = '"CEF:0|Kas\\\\|per|SC|13.2|KLP|Done|1|foo=foo bar=b c=d baz=te\\\\=st"'
LEEF = '"LEEF:1.0|Microsoft|MSExchange|4.0 SP1|15345|src=192.0.2.0\\tsev=5cat=x\\tu=j"'
LEEF2 = '"LEEF:2.0|L|P|1|E|^|a=1^b=2 3"'
EVENT = "http://schemas.microsoft.com/win/2004/08/events/event"

VALUES = [
    # casts
    ("string(5)", b"5", ""),
    ("string(2.0)", b"2.0", ""),
    ("string(true)", b"true", ""),
    ("string(null)", b"null", ""),
    ('string(["a"])', b'["a"]', ""),
    ('string({"a": 1})', b'{"a":1}', ""),
    ("string(datetime(1.5))", b"1.500000", ""),
    ('string(bytes("x"))', b"x", ""),
    ('int("42")', b"42", "int"),
    ("int(4.4)", b"4", "int"),
    ("int(4.9)", b"5", "int"),
    ("int(-4.5)", b"-5", "int"),
    ('int(double("1e300"))', b"9223372036854775807", "int"),
    ("int(true)", b"1", "int"),
    ('int("4x")', ERROR, ""),
    ('int("")', ERROR, ""),
    ("int(null)", ERROR, ""),
    ("int([])", ERROR, ""),
    ("int(datetime(2.5))", b"2500000", "int"),
    ('double("1.5")', b"1.5", "double"),
    ("double(3)", b"3.0", "double"),
    ('double("x")', ERROR, ""),
    ('bool("x")', b"true", "boolean"),
    ("bool(0)", b"false", "boolean"),
    ('bytes("ab")', b"ab", "bytes"),
    ('bytes("ab") + bytes("c")', b"abc", "bytes"),
    ("bytes(1)", ERROR, ""),
    ('json("{\\"a\\": 1}")', b'{"a":1}', "json"),
    ('json_array("[1, 2]")', b"[1,2]", "json"),
    ("json()", b"{}", "json"),
    ("dict([])", ERROR, ""),
    ('list({"a": 1})', ERROR, ""),
    ('json("{")', ERROR, ""),
    ('parse_json("[1]")', b"[1]", "json"),
    ('format_json({"a": [1, "x", null, true, 1.5]})', b'{"a":[1,"x",null,true,1.5]}', ""),
    ('format_json("a\\"b")', b'"a\\"b"', ""),
    ('ip("192.0.2.1")', b"192.0.2.1", ""),
    ('ip("192.0.2")', ERROR, ""),
    ('subnet("192.0.2.5/24")', b"192.0.2.0/24", ""),
    ('subnet("x")', ERROR, ""),
    ('repr("a")', b'"a"', ""),
    ('repr(bytes("a"))', b'bytes("a")', ""),
    ("repr(1)", b"1", ""),
    # texts
    ('upper("aBc")', b"ABC", ""),
    ('lower("aBc")', b"abc", ""),
    ("upper(1)", ERROR, ""),
    ('len("abc")', b"3", "int"),
    ('len("é")', b"2", "int"),
    ("len([1, 2])", b"2", "int"),
    ("len({})", b"0", "int"),
    ("len(5)", ERROR, ""),
    ('str_strip(" \\tx\\n")', b"x", ""),
    ('str_lstrip(" x ")', b"x ", ""),
    ('str_rstrip(" x ")', b" x", ""),
    ('str_replace("This is an input string", "in", "out")', b"This is an output stroutg", ""),
    ('str_replace("This is an input string", "in", "out", 1)', b"This is an output string", ""),
    ('str_replace("a", "", "b")', ERROR, ""),
    ('strcasecmp("HOST1", "host1")', b"0", "int"),
    ('strcasecmp("a", "b")', b"-1", "int"),
    ('startswith("%ASA-1", "%ASA-")', b"true", "boolean"),
    ('startswith("%asa-1", ["x", "%ASA-"], ignorecase=true)', b"true", "boolean"),
    ('startswith("abc", [])', b"false", "boolean"),
    ('endswith("abc", "bc")', b"true", "boolean"),
    ('includes("abc", ["x", "b"])', b"true", "boolean"),
    ('includes("abcdef", "f", limit=3)', b"false", "boolean"),
    ('includes(1, "x")', ERROR, ""),
    ('glob_match("filename.log", "*.log")', b"true", "boolean"),
    ('glob_match("filename.cfg", ["*.log", "*.txt"])', b"false", "boolean"),
    ('glob_match("/var/log/syslog", ["/var/log/*"])', b"true", "boolean"),
    ('glob_match("/var/log/a/b", "/var/log/*")', b"false", "boolean"),
    ('glob_match(".x", "*")', b"false", "boolean"),
    ('glob_match("b", "[!a]")', b"true", "boolean"),
    ('base64_encode("foobar")', b"Zm9vYmFy", ""),
    ('base64_decode("Zm9vYmFy")', b"foobar", "bytes"),
    ('base64_decode("x")', ERROR, ""),
    ('hex_encode("foobar")', b"666f6f626172", ""),
    ('hex_decode("666F")', b"fo", "bytes"),
    ('hex_decode("6")', ERROR, ""),
    ('urlencode("example/url?with=1&parameters=2")', b"example%2Furl%3Fwith%3D1%26parameters%3D2", ""),
    ('urldecode("a%2Fb")', b"a/b", ""),
    ('urldecode("%2")', ERROR, ""),
    ('utf8_validate("x")', b"true", "boolean"),
    ('utf8_validate("\\x80")', b"false", "boolean"),
    ('utf8_sanitize("a\\x80")', b"a\\x80", ""),
    ('md5("foobar")', b"3858f62230ac3c915f300c664312c63f", ""),
    ('sha1("foobar")', b"8843d7f92416211de9ebb963ff4ce28125932878", ""),
    ('sha256(bytes("foobar"))', b"c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2", ""),
    ('hex_encode(digest("foobar", alg="md5"))', b"3858f62230ac3c915f300c664312c63f", ""),
    ('len(sha512("x"))', b"128", "int"),
    ("len(uuid())", b"36", "int"),
    ("uuid7()[14..15]", b"7", ""),
    # containers
    ('keys({"b": 1, "a": {"c": 2}})', b"b,a", "list"),
    ("keys([])", ERROR, ""),
    (f"flatten({JOIN})", b'{"d":2,"a.b.c":"1"}', "json"),
    (f'flatten({JOIN}, separator="->")', b'{"d":2,"a->b->c":"1"}', "json"),
    ('dict_to_pairs({"k": "v", "l": ["x"]}, "key", "value")', b'[{"key":"k","value":"v"},{"key":"l","value":["x"]}]', "json"),
    ('istype("x", "string")', b"true", "boolean"),
    ('istype({}, "dict")', b"true", "boolean"),
    ('istype([], "json_array")', b"true", "boolean"),
    ('istype(datetime(1), "list")', b"false", "boolean"),
    ('istype(1, "double")', b"false", "boolean"),
    ('istype(nope, "string")', ERROR, ""),
    ('metrics_labels({"b": 1, "a": "x"})', b'{"a":"x","b":"1"}', "json"),
    ("dedup_metrics_labels(metrics_labels({}))", b"{}", "json"),
    # patterns
    ('regexp_search("a1", /[0-9]/)', b'{"0":"1"}', "json"),
    ('regexp_search("ab", /(a)(b)(c)?/)', b'{"1":"a","2":"b"}', "json"),
    ('regexp_search("ab", /(?<one>a)(b)/, keep_zero=true)', b'{"0":"ab","2":"b","one":"a"}', "json"),
    ('regexp_search("ab", /(a)(b)/, list_mode=true)', b"a,b", "list"),
    ('regexp_search("ab", /x/)', b"{}", "json"),
    ('regexp_search("ab", /x/, list_mode=true)', b"", "list"),
    ('regexp_subst("IP and IP", "IP", "X")', b"X and IP", ""),
    ('regexp_subst("IP and IP", "IP", "X", global=true)', b"X and X", ""),
    ('regexp_subst("ip", "IP", "X", ignorecase=true)', b"X", ""),
    ('regexp_subst("baz,foo,bar", /(\\w+),(\\w+),(\\w+)/, "\\\\2 \\\\03 \\\\1")', b"foo bar baz", ""),
    ('regexp_subst("a", "(a)", "\\\\1", groups=false)', b"\\1", ""),
    ('regexp_subst(1, "a", "b")', ERROR, ""),
    # dates
    ("datetime(1701350398123000)", b"1701350398.123000+00:00", "datetime"),
    ("datetime(1701350398.5)", b"1701350398.500000+00:00", "datetime"),
    ('datetime("2024-04-10T08:09:10Z")', b"1712736550.000000+00:00", "datetime"),
    ('isodate("2024-04-10T08:09:10.25+02:00")', b"1712729350.250000+02:00", "datetime"),
    ('isodate("2024-04-10T08:09:10")', b"1712732950.000000+01:00", "datetime"),
    ('isodate("yesterday")', ERROR, ""),
    ('strptime("2024-04-10T08:09:10Z", "%Y-%m-%dT%H:%M:%S%z")', b"1712736550.000000+00:00", "datetime"),
    ('strptime("10/04/2024 and more", "%Y", "%d/%m/%Y")', b"1712703600.000000+01:00", "datetime"),
    ('strptime("x", "%Y")', b"", "null"),
    ('strptime(5, "%Y")', ERROR, ""),
    ('strftime("%Y-%m-%dT%H-%M-%S %z|%Z|%f|%3f|%j|%a|%%|%s", datetime(1.25))', b"1970-01-01T00-00-01 +0000|+00:00|250000|250|001|Thu|%|1", ""),
    ('strftime("%F %T", isodate("2024-04-10T08:09:10+02:00"))', b"2024-04-10 08:09:10", ""),
    ('strftime("%Y", "x")', ERROR, ""),
    ('format_isodate(strptime("2000-01-02T03:04:05.678901-07:00", "%Y-%m-%dT%H:%M:%S.%f%Z"))', b"2000-01-02T03:04:05.678901-07:00", ""),
    ('format_isodate(fix_timezone(isodate("2000-01-01T00:00:00+02:00"), "CET"))', b"2000-01-01T00:00:00.000000+01:00", ""),
    ('format_isodate(set_timezone(isodate("2000-01-01T00:00:00+02:00"), "CET"))', b"1999-12-31T23:00:00.000000+01:00", ""),
    ('fix_timezone(datetime(1), "Nowhere/At_all")', ERROR, ""),
    ('get_timezone_source(isodate("2000-01-01T00:00:00Z"))', b"parsed", ""),
    ('get_timezone_source(isodate("2000-01-01T00:00:00"))', b"assumed", ""),
    ('get_timezone_source(set_timezone(datetime(1), "CET"))', b"fixed", ""),
    ('format_isodate(guess_timezone(isodate("2023-11-15T04:13:20+00:00")))', b"2023-11-15T04:13:20.000000+06:00", ""),
    ("get_timestamp()", b"1700000000.000000+01:00", "datetime"),
    ('get_timestamp(stamp="recvd")', b"1700000000.000000+01:00", "datetime"),
    ("datetime(1.0) + 3600000000", b"3601.000000+00:00", "datetime"),
    ("datetime(1.0) + 3600.0", b"3601.000000+00:00", "datetime"),
    ("datetime(1) + datetime(1)", ERROR, ""),
    ("datetime(2) > datetime(1)", b"true", "boolean"),
    # records
    ('parse_csv("a,b,c")', b"a,b,c", "list"),
    ('parse_csv("example-1", delimiter="-", columns=["NAME", "ID"])', b'{"NAME":"example","ID":"1"}', "json"),
    ('parse_csv("a-b:c", delimiter="-:")', b"a,b,c", "list"),
    ('parse_csv("a, b,c,d", columns=["x", "y"], greedy=true, strip_whitespace=true)', b'{"x":"a","y":"b,c,d"}', "json"),
    ('parse_csv("a==b", delimiter="", string_delimiters=["=="])', b"a,b", "list"),
    ('parse_csv("value1,[value2],\'value3\'", quote_pairs=["[]", "\'"])', b"value1,value2,value3", "list"),
    ("parse_csv(1)", ERROR, ""),
    ('parse_csv("a", columns=[1])', ERROR, ""),
    ('format_csv(["a", 1, "b,c"])', b'a,1,"b,c"', ""),
    ('format_csv({"a": 1, "b": 2}, columns=["b", "x", "a"], default_value="-", delimiter=";")', b"2;-;1", ""),
    ("format_csv(1)", ERROR, ""),
    ('parse_kv("a=b, c=\\"d e\\"")', b'{"a":"b","c":"d e"}', "json"),
    ('parse_kv("key1=value1;key2=value2", pair_separator=";")', b'{"key1":"value1","key2":"value2"}', "json"),
    ('parse_kv("U:\'o\', V:23", value_separator=":", pair_separator=",")', b'{"U":"o","V":"23"}', "json"),
    ('format_kv({"a": 1, "b": "x y", "c": {}})', b'a=1, b="x y"', ""),
    ('format_kv({"a": 1, "b": 2}, value_separator=":", pair_separator=";")', b"a:1;b:2", ""),
    ("format_kv([])", ERROR, ""),
    (f"parse_cef({CEF})", b'{"cef_version":"0","device_vendor":"Kas|per","device_product":"SC","device_version":"13.2","device_event_class_id":"KLP","event_name":"Done","agent_severity":"1","foo":"foo","bar":"b","c":"d","baz":"te=st"}', "json"),
    (f"parse_cef({CEF}, separate_extensions=true).extensions.foo", b"foo", ""),
    ('parse_cef("LEEF:1.0|a")', ERROR, ""),
    ('parse_cef("CEF:0|a")', ERROR, ""),
    (f"parse_leef({LEEF})", b'{"leef_version":"1.0","vendor_name":"Microsoft","product_name":"MSExchange","product_version":"4.0 SP1","event_id":"15345","src":"192.0.2.0","sev":"5cat=x","u":"j"}', "json"),
    (f"parse_leef({LEEF2})", b'{"leef_version":"2.0","vendor_name":"L","product_name":"P","product_version":"1","event_id":"E","leef_delimiter":"^","a":"1","b":"2 3"}', "json"),
    (f"format_leef(parse_leef({LEEF}))", b"LEEF:1.0|Microsoft|MSExchange|4.0 SP1|15345|src=192.0.2.0\tsev=5cat=x\tu=j", ""),
    (f"format_leef(parse_leef({LEEF2}))", b"LEEF:2.0|L|P|1|E|^|a=1^b=2 3", ""),
    (f"format_cef(parse_cef({CEF}))", b"CEF:0|Kas\\|per|SC|13.2|KLP|Done|1|foo=foo bar=b c=d baz=te\\=st", ""),
    ("format_cef({})", ERROR, ""),
    ('parse_xml("<foo></foo>")', b'{"foo":""}', "json"),
    ('parse_xml("<foo bar=\'123\'/>")', b'{"foo":{"@bar":"123"}}', "json"),
    ('parse_xml("<foo bar=\'123\'>baz</foo>")', b'{"foo":{"@bar":"123","#text":"baz"}}', "json"),
    ('parse_xml("<foo>bar<baz>123</baz></foo>")', b'{"foo":{"#text":"bar","baz":"123"}}', "json"),
    ('parse_xml("<foo>bar<a></a>baz</foo>")', b'{"foo":{"#text":"barbaz","a":""}}', "json"),
    ('parse_xml("<a><b>c</b><b>d</b></a>")', b'{"a":{"b":["c","d"]}}', "json"),
    ('parse_xml("<a>")', ERROR, ""),
    ('parse_xml("<!DOCTYPE a [<!ENTITY b \'c\'>]><a/>")', ERROR, ""),
    ('format_xml({"key1": {"nestedkey": "value"}})', b"<key1><nestedkey>value</nestedkey></key1>", ""),
    ('format_xml({"foo": {"@bar": "1", "#text": "b<"}})', b"<foo bar='1'>b&lt;</foo>", ""),
    ('format_xml({"a": {"b": ["c", {"@x": "y", "#text": "e"}]}})', b"<a><b>c</b><b x='y'>e</b></a>", ""),
    ('format_xml({"a": ["b", 100, ""]})', b"<a>b</a><a>100</a><a/>", ""),
    ('format_xml({"1": 2})', ERROR, ""),
    (f"parse_windows_eventlog_xml(\"<Event xmlns='{EVENT}'><EventData><Data Name='p'>f</Data><Data Name='q'>g</Data></EventData></Event>\").Event.EventData.Data", b'{"p":"f","q":"g"}', "json"),
    ('parse_windows_eventlog_xml("<Event/>")', ERROR, ""),
    ('format_windows_eventlog_xml({"Event": {"EventData": {"Data": {"p": "f"}}}})', b"<Event><EventData><Data Name='p'>f</Data></EventData></Event>", ""),
    # the message
    ("get_sdata()", b'{"Originator@6876":{"sub":"x","opID":"y"}}', "json"),
    ("has_sdata()", b"true", "boolean"),
    ('is_sdata_from_enterprise("6876")', b"true", "boolean"),
    ('is_sdata_from_enterprise("1")', b"false", "boolean"),
    ('format_syslog_5424("text", timestamp=datetime(1765146872.0), host="h", program=nope, pid=$PID, msgid="1234")', b'<134>1 2025-12-07T22:34:32.000000+00:00 h - - 1234 [Originator@6876 sub="x" opID="y"] text\n', ""),
    ('format_syslog_5424("x", add_octet_count=true, pri=13)[..7]', b"84 <13>", ""),
]  # fmt: skip
"""Expressions, and the bytes and type that they have in a message."""


def message_with_sdata() -> Message:
    message = new_message()
    message.values |= {
        ".SDATA.Originator@6876.sub": b"x",
        ".SDATA.Originator@6876.opID": b"y",
    }
    return message


@pytest.mark.parametrize(("code", "value", "kind"), VALUES)
def test_a_function_returns_its_value_and_type(
    code: str, value: bytes | str, kind: str
) -> None:
    run = run_filterx(f"$result = {code};", message_with_sdata())
    if value is ERROR:
        assert run.verdict is False
        assert run.failures
    else:
        assert run.failures == []
        assert run.message.values["result"] == value
        assert run.message.types.get("result", "") == kind


def test_values_of_the_message_are_set() -> None:
    run = run_filterx(
        'set_pri(13); set_timestamp(datetime(5.5)); set_timestamp(isodate("1970-01-01T02:00:07+02:00"), stamp="recvd");'
        " $pri = $PRI; $when = $UNIXTIME;"
    )
    assert run.verdict is True
    message = run.message
    assert message.pri == 13
    assert message.stamp == (5_500_000_000, 0)
    assert message.received == (7_000_000_000, 7200)
    assert message.values["pri"] == b"13"
    assert message.values["when"] == b"5"


@pytest.mark.parametrize("code", ["set_pri(192)", 'set_pri("1")', "set_pri(-1)"])
def test_a_priority_that_cannot_be_is_an_error(code: str) -> None:
    run = run_filterx(f"{code};")
    assert run.verdict is False
    assert run.message.pri == 134


def test_stray_words_are_kept_or_appended() -> None:
    run = run_filterx(
        '$a = parse_kv("a=b b=c d e f=g", pair_separator=" ", '
        "stray_words_append_to_value=true);"
    )
    assert run.message.values["a"] == b'{"a":"b","b":"c d e","f":"g"}'


def test_empties_are_unset_or_replaced_in_place() -> None:
    run = run_filterx(
        'x = {"a": "", "b": {"c": null}, "d": [], "e": "N/A", "f": ["", 1]};'
        "y = x; z = x; w = x;"
        "unset_empties(x); $x = x;"
        'unset_empties(y, targets=["n/a"], ignorecase=true, replacement="-"); $y = y.e;'
        "unset_empties(z, recursive=false); $z = z;"
        'unset_empties(w.f); $w = w.f; unset_empties(w, targets=["-"]); $v = w.a;'
    )
    values = run.message.values
    assert run.failures == []
    assert values["x"] == b'{"e":"N/A","f":[1]}'
    assert values["y"] == b"-"
    assert values["z"] == b'{"b":{"c":null},"e":"N/A","f":["",1]}'
    assert values["w"] == b"[1]"
    assert values["v"] == b""


def test_fields_are_set_by_override_replacement_and_default() -> None:
    run = run_filterx(
        'x = {"old": 1, "kept": 2};'
        "set_fields(x, overrides={"
        '  "service.name": [nope, null, "axo"], "pid": $PID, "old": [$PID, nope]'
        '}, replacements={"kept": 3, "missing": 4},'
        ' defaults={"host.name": [nope, $HOST], "kept": 9, "pid": 7});'
        "$x = x;"
    )
    assert run.failures == []
    assert run.message.values["x"] == (
        b'{"old":1,"kept":3,"service.name":"axo","pid":7,"host.name":"web1"}'
    )


def test_variables_are_listed() -> None:
    run = run_filterx(
        '$seen = "foo"; local = "bar"; declare shared = "baz"; $all = vars();'
        "$few = vars(exclude_msg_values=true);"
    )
    assert run.message.values["all"] == b'{"$seen":"foo","shared":"baz"}'
    assert run.message.values["few"] == b'{"shared":"baz"}'


def test_a_moved_value_is_gone_from_its_place() -> None:
    run = run_filterx(
        'old = {"k": 1}; new = {}; new.nest = move(old); $new = new;'
        "$gone = isset(old); $n = move(new.nest); $left = new;"
    )
    values = run.message.values
    assert values["new"] == b'{"nest":{"k":1}}'
    assert values["gone"] == b"false"
    assert values["left"] == b"{}"


def test_a_metric_is_counted_by_its_labels() -> None:
    metrics = Metrics()
    context = MacroContext(metrics=metrics)
    for _ in range(2):
        run = run_filterx(
            'update_metric("hits", labels={"host": $HOST, "none": null}, increment=2);'
            'update_metric("plain"); update_metric("ready", labels=metrics_labels({"a": 1}));',
            context=context,
        )
        assert run.verdict is True
    assert metrics.counter("hits", {"host": "web1"}).value == 4
    assert metrics.counter("plain").value == 2
    assert metrics.counter("ready", {"a": "1"}).value == 2


def test_a_json_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text('{"nginx": {"kind": "web"}}')
    now = [UnixNanos(0)]
    function, _ = compiled(
        f'known = cache_json_file("{path}"); $kind = known[$PROGRAM].kind ?? "unknown";',
        MacroContext(now=now),
    )

    def kind() -> bytes:
        message = new_message()
        assert function(message) is True
        return message.values["kind"]

    assert kind() == b"web"
    path.write_text('{"apache": {"kind": "another web"}}')
    assert kind() == b"web"  # it is looked at once a second
    now[0] = UnixNanos(2_000_000_000)
    assert kind() == b"unknown"
    path.write_text("{")
    now[0] = UnixNanos(4_000_000_000)
    assert kind() == b"unknown"  # the last good one holds


def test_a_json_file_that_is_not_there_needs_a_default(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(FilterxError, match="cannot read the file"):
        compiled(f'x = cache_json_file("{path}");')
    run = run_filterx(f'$x = cache_json_file("{path}", default_value={{"a": 1}}).a;')
    assert run.message.values["x"] == b"1"


def test_what_all_messages_share_cannot_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    path.write_text('{"a": {"b": 1}, "l": [1]}')
    for change in ("x.c = 1;", "x.a.c = 1;", "x.l[] = 1;"):
        run = run_filterx(f'x = cache_json_file("{path}"); {change}')
        assert run.verdict is False


WRONG = [
    ("lower()", "lower() takes 1 argument, not 0"),
    ('lower("a", "b")', "lower() takes 1 argument, not 2"),
    ('strptime("x")', "strptime() takes at least 2 arguments, not 1"),
    ('str_replace("x")', "str_replace() takes 3 to 4 arguments, not 1"),
    ('lower("a", x=1)', "lower() has no argument 'x'"),
    ('startswith("a", "b", ignorecase="x")', "ignorecase= must be true or false"),
    ('strptime("x", $HOST)', "a format must be a literal string"),
    ('strptime("x", "%Q")', "cannot read the date format"),
    ('strftime("%Q", datetime(1))', "unknown code '%Q'"),
    ('regexp_search("a", $HOST)', "the pattern must be a literal string"),
    ('regexp_subst("a", "(", "b")', "the pattern does not compile"),
    ('digest("x", alg="nope")', "unknown algorithm 'nope'"),
    ('parse_csv("a", dialect="x")', "unknown dialect 'x'"),
    ('parse_kv("a", value_separator="a")', "cannot be a value_separator="),
    ('format_kv({}, value_separator="ab")', "must be one character"),
    ('get_timestamp(stamp="x")', "stamp= is 'stamp' or 'recvd'"),
    ("set_fields(x, defaults=y)", "defaults= must be a literal dict"),
    ("unset(1)", "takes variables, attributes and items"),
    ("unset($FACILITY)", "$FACILITY is computed"),
    ("load_vars({})", "load_vars() is not supported in filterx"),
    ("nope()", "unknown function nope() in filterx"),
]


@pytest.mark.parametrize(("code", "message"), WRONG)
def test_a_wrong_call_is_an_error_of_the_configuration(code: str, message: str) -> None:
    with pytest.raises(FilterxError, match=re.escape(message)):
        compiled(f"x = {{}}; {code};")


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_a_function_that_is_not_here_says_so_by_name(name: str) -> None:
    with pytest.raises(FilterxError, match=re.escape(f"{name}() is not supported")):
        compiled(f"{name}();")
