"""What expressions are worth: a table from the documented semantics of FilterX."""

from __future__ import annotations

import pytest

from helpers.filterx import new_message, run_filterx
from logferry.message.model import Message

ERROR = "an error"

VALUES = [
    # literals
    ("1", b"1", "int"),
    ("-7", b"-7", "int"),
    ("+7", b"7", "int"),
    ("0x1F", b"31", "int"),
    ("010", b"8", "int"),
    ("2k", b"2000", "int"),
    ("2kib", b"2048", "int"),
    ("1.5", b"1.5", "double"),
    ("2.0", b"2.0", "double"),
    ("true", b"true", "boolean"),
    ("false", b"false", "boolean"),
    ("null", b"", "null"),
    ('"text"', b"text", ""),
    (r'"a\tb\n\x41\o101\q\""', b'a\tb\nAAq"', ""),
    (r"'a\tb'", rb"a\tb", ""),
    (r"/a\/b\d/", rb"a/b\d", ""),
    ('"\\xc3\\xa9"', "é".encode(), ""),
    ('"\\xff"', b"\xff", ""),
    ("[]", b"", "list"),
    ('["a", "b,c"]', b'a,"b,c"', "list"),
    ("[1, 2,]", b"[1,2]", "json"),
    ("{}", b"{}", "json"),
    ('{"a": 1, "b": [true, null]}', b'{"a":1,"b":[true,null]}', "json"),
    ('{"a":?? null, "b":?? nope, "c": 1}', b'{"c":1}', "json"),
    ("(1, 2)", b"[1,2]", "json"),
    ("(1)", b"1", "int"),
    # arithmetic
    ("1 + 2 * 3", b"7", "int"),
    ("(1 + 2) * 3", b"9", "int"),
    ("10 - 2 - 3", b"5", "int"),
    ("3 - 3", b"0", "int"),
    ("3.0 * 3", b"9.0", "double"),
    ("7 / 2", b"3", "int"),
    ("-7 / 2", b"-3", "int"),
    ("7 / 2.0", b"3.5", "double"),
    ("7 % 3", b"1", "int"),
    ("-7 % 3", b"-1", "int"),
    ("1 + 2.5", b"3.5", "double"),
    ("1 / 0", ERROR, ""),
    ("1 % 0", ERROR, ""),
    ("1.5 % 2", ERROR, ""),
    ("9223372036854775807 + 1", ERROR, ""),
    ('1 + "a"', ERROR, ""),
    ('"a" + 1', ERROR, ""),
    ('"a" * 2', ERROR, ""),
    ('-"a"', ERROR, ""),
    ('"a" + "b" + "c"', b"abc", ""),
    ("[1] + [2]", b"[1,2]", "json"),
    ('["a"] + ["b"]', b"a,b", "list"),
    ('{"a": 1, "b": 1} + {"b": 2}', b'{"a":1,"b":2}', "json"),
    ("[1] + {}", ERROR, ""),
    ("{} + []", ERROR, ""),
    ("true + 1", ERROR, ""),
    ("null + 1", ERROR, ""),
    # comparison
    ("1 == 1", b"true", "boolean"),
    ('"a" == "a"', b"true", "boolean"),
    ('"a" == "A"', b"false", "boolean"),
    ('"1" == 1', b"true", "boolean"),
    ('1 == "1.0"', b"true", "boolean"),
    ('"1" == "1.0"', b"false", "boolean"),
    ('"x" == 1', b"false", "boolean"),
    ('"x" != 1', b"true", "boolean"),
    ("null == null", b"true", "boolean"),
    ("null == 0", b"false", "boolean"),
    ("null != 0", b"true", "boolean"),
    ('null == ""', b"false", "boolean"),
    ("null < 1", b"true", "boolean"),
    ("true == 1", b"true", "boolean"),
    ("{} == {}", b"false", "boolean"),
    ("2 < 10", b"true", "boolean"),
    ('"2" < "10"', b"false", "boolean"),
    ('"2" < 10', b"true", "boolean"),
    ("2 lt 10", b"false", "boolean"),
    ("2 <= 2", b"true", "boolean"),
    ("2 >= 3", b"false", "boolean"),
    ("2 > 1.5", b"true", "boolean"),
    ('"b" gt "a"', b"true", "boolean"),
    ('"a" eq "a"', b"true", "boolean"),
    ('1 eq "1"', b"true", "boolean"),
    ('1 ne "1"', b"false", "boolean"),
    ('"a" le "a"', b"true", "boolean"),
    ('"a" ge "b"', b"false", "boolean"),
    ('"5" === 5', b"false", "boolean"),
    ('"5" === "5"', b"true", "boolean"),
    ('"1" !== 1', b"true", "boolean"),
    ('"a" !== "a"', b"false", "boolean"),
    ("1 === 1.0", b"false", "boolean"),
    # logic
    ("true and 1", b"true", "boolean"),
    ('true and ""', b"false", "boolean"),
    ("false or 0.0", b"false", "boolean"),
    ("0 or {}", b"true", "boolean"),
    ("0 or []", b"true", "boolean"),
    ("not null", b"true", "boolean"),
    ("not not 3", b"true", "boolean"),
    ("not 1 == 2", b"true", "boolean"),
    ("false and nope", b"false", "boolean"),
    ("true or nope", b"true", "boolean"),
    ("nope or true", ERROR, ""),
    ("not nope", ERROR, ""),
    ("true or false and false", b"true", "boolean"),
    # choice
    ('true ? "y" : "n"', b"y", ""),
    ('"" ? "y" : "n"', b"n", ""),
    ('"x" ?: "n"', b"x", ""),
    ('0 ?: "n"', b"n", ""),
    ("nope ? 1 : 2", ERROR, ""),
    ("true ? 1 : nope", b"1", "int"),
    ("false ? 1 : true ? 2 : 3", b"2", "int"),
    ("nope ?? 1", b"1", "int"),
    ("null ?? 1", b"1", "int"),
    ("0 ?? 1", b"0", "int"),
    ("null ?? nope ?? 3", b"3", "int"),
    ("nope ?? null", b"", "null"),
    ("nope ?? nope2", ERROR, ""),
    ("1 / 0 ?? 7", b"7", "int"),
    ('{"a": 1}["b"] ?? "d"', b"d", ""),
    ("true ? nope ?? 1 : 2", b"1", "int"),
    ("false and (nope ?? 1)", b"false", "boolean"),
    # items
    ('{"a": 1}.a', b"1", "int"),
    ('{"a": {"b": 2}}.a.b', b"2", "int"),
    ('{"a-b": 1}["a-b"]', b"1", "int"),
    ('{"a": 1}.b', ERROR, ""),
    ('{"a": 1}[0]', ERROR, ""),
    ("[1, 2, 3][0]", b"1", "int"),
    ("[1, 2, 3][-1]", b"3", "int"),
    ("[1, 2, 3][3]", ERROR, ""),
    ("[1, 2, 3][-4]", ERROR, ""),
    ('[1]["a"]', ERROR, ""),
    ('"abc"[0]', ERROR, ""),
    ("1 .a", ERROR, ""),
    ('{"if": 1}.if', b"1", "int"),
    ("(1, 2)[1]", b"2", "int"),
    # slices
    ('"example"[3..5]', b"mp", ""),
    ('"example"[..3]', b"exa", ""),
    ('"example"[3..]', b"mple", ""),
    ('"example"[..-2]', b"examp", ""),
    ('"example"[-3..]', b"ple", ""),
    ('"example"[2..-2]', b"amp", ""),
    ('"example"[0..99]', b"example", ""),
    ('"example"[5..2]', ERROR, ""),
    ("5[1..2]", ERROR, ""),
    ('"abc"["a"..]', ERROR, ""),
    ('"é"[0..2]', "é".encode(), ""),
    # membership and patterns
    ('"a" in ["b", "a"]', b"true", "boolean"),
    ('"1" in [1]', b"false", "boolean"),
    ("1 in (1, 2)", b"true", "boolean"),
    ('"k" in {"k": 1}', b"true", "boolean"),
    ('"x" not in {"k": 1}', b"true", "boolean"),
    ('not "x" in ["x"]', b"false", "boolean"),
    ('"a" in "abc"', ERROR, ""),
    ('"192.0.2.7" in subnet("192.0.2.0/24")', b"true", "boolean"),
    ('ip("192.0.3.7") in subnet("192.0.2.0/255.255.255.0")', b"false", "boolean"),
    ('"::1" in subnet("192.0.2.0/24")', b"false", "boolean"),
    ('"x" in subnet("192.0.2.0/24")', ERROR, ""),
    ('"error 5" =~ "error"', b"true", "boolean"),
    ('"error 5" =~ /^error \\d$/', b"true", "boolean"),
    ('"Error" =~ "error"', b"false", "boolean"),
    ('"Error" =~ "(?i)error"', b"true", "boolean"),
    ('"error" !~ "warn"', b"true", "boolean"),
    ("5 =~ /5/", ERROR, ""),
    # isset
    ("isset(nope)", b"false", "boolean"),
    ("isset($nope)", b"false", "boolean"),
    ("isset($HOST)", b"true", "boolean"),
    ("isset($PID)", b"false", "boolean"),
    ("isset($FACILITY)", b"true", "boolean"),
    ('isset({"a": null}.a)', b"true", "boolean"),
    ('isset({"a": 1}.b)', b"false", "boolean"),
    ("isset(nope.a.b)", b"false", "boolean"),
    ("isset([1][0])", b"true", "boolean"),
    ("isset([1][1])", b"false", "boolean"),
    # values of the message
    ("$HOST", b"web1", ""),
    ("${HOST}", b"web1", ""),
    ('"$HOST"', b"web1", ""),
    ('"$HOST/$PROGRAM"', b"web1/nginx", ""),
    ('"${nope:-none}!"', b"none!", ""),
    ("$PROGRAM", b"nginx", ""),
    ("$MSG", b"it works", ""),
    ("$LEVEL_NUM", b"6", "int"),
    ("$LEVEL_NUM + 1", b"7", "int"),
    ("$FACILITY", b"local0", ""),
    ("$PRI", b"134", ""),
    ("$nope", ERROR, ""),
    ("$PID", ERROR, ""),
    ("${.SDATA.a.b}", b"sd", ""),
    ("$number + 1", b"43", "int"),
    ("$double * 2", b"3.0", "double"),
    ("$flag and true", b"true", "boolean"),
    ("$json.a.b", b"1", "int"),
    ("$list[1]", b"y,z", ""),
    ("$nothing ?? 5", b"5", "int"),
    ("$moment", b"1700000000.250000+02:00", "datetime"),
    ("$bad", ERROR, ""),
]
"""Expressions, and the bytes and type that they have in a message."""


def message_with_values() -> Message:
    message = new_message()
    message.values |= {
        ".SDATA.a.b": b"sd",
        "number": b"42",
        "double": b"1.5",
        "flag": b"true",
        "json": b'{"a":{"b":1}}',
        "list": b'x,"y,z"',
        "nothing": b"",
        "moment": b"1700000000.250000+02:00",
        "bad": b"{",
    }
    message.types |= {
        "number": "int",
        "double": "double",
        "flag": "boolean",
        "json": "json",
        "list": "list",
        "nothing": "null",
        "moment": "datetime",
        "bad": "json",
    }
    return message


@pytest.mark.parametrize(("code", "value", "kind"), VALUES)
def test_an_expression_has_its_value_and_type(
    code: str, value: bytes | str, kind: str
) -> None:
    run = run_filterx(f"$result = {code};", message_with_values())
    if value is ERROR:
        assert run.verdict is False
        assert run.failures
        assert "result" not in run.message.values
    else:
        assert not run.failures
        assert run.verdict is True
        assert run.message.values["result"] == value
        assert run.message.types.get("result", "") == kind


TRUTH = [
    ("true", True),
    ("false", False),
    ("1", True),
    ("-1", True),
    ("0", False),
    ("0.0", False),
    ("0.1", True),
    ('""', False),
    ('"0"', True),
    ("null", False),
    ("[]", True),
    ("{}", True),
    ("[0]", True),
    ('bytes("")', False),
    ("$HOST", True),
    ("$PID", False),
    ("$nope", False),
    ("nope", False),
    ("1 == 2", False),
]


@pytest.mark.parametrize(("code", "passes"), TRUTH)
def test_a_statement_holds_or_ends_the_block(code: str, passes: bool) -> None:
    run = run_filterx(f"{code}; $passed = 1;")
    assert run.verdict is passes
    assert ("passed" in run.message.values) is passes
