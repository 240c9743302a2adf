"""What blocks do: assignments, branches, variables, the ends of a block."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.filterx import compiled, new_message, run_filterx
from logferry.codegen.filterx.calls import FilterxError
from logferry.errors import ConfigError
from logferry.limits import FILTERX_CHAIN_MAX, FILTERX_NESTING_MAX
from logferry.message.copying import copy_message

# A block, and the values it sets: None when it does not pass.
BLOCKS: list[tuple[str, dict[str, bytes] | None]] = [
    ("", {}),
    (";;;", {}),
    ("# a comment\n$a = 1; # another", {"a": b"1"}),
    ("$a = 1; $a = 2;", {"a": b"2"}),
    ("$a = false;", {"a": b"false"}),  # an assignment never ends a block
    ("x = null; $a = 1;", {"a": b"1"}),
    ("$a = 1; false; $b = 2;", None),
    ("$a = 1; nope; $b = 2;", None),
    # containers are values
    ("a = [1]; b = a; b[] = 2; $a = a; $b = b;", {"a": b"[1]", "b": b"[1,2]"}),
    ("a = {}; a.b = {}; c = a.b; c.d = 1; $a = a;", {"a": b'{"b":{}}'}),
    ('a = {}; b = {"x": a}; a.y = 1; $b = b;', {"b": b'{"x":{}}'}),
    ("a = [[1]]; b = a[0]; b[] = 2; $a = a;", {"a": b"[[1]]"}),
    ("a = {}; a.x = a; $a = a;", {"a": b'{"x":{}}'}),
    ('$j = {}; $j.a = 1; $j["b"] = 2; k = $j; k.c = 3;', {"j": b'{"a":1,"b":2}'}),
    ("a = {}; a.b.c = 1;", None),
    ("a = {}; dpath(a.b.c) = 1; $a = a;", {"a": b'{"b":{"c":1}}'}),
    ('a = {}; dpath(a["x-y"].c) =?? null; $a = a;', {"a": b"{}"}),
    ('a = {"n": {"m": 1}}; dpath(a.n.m) += 2; $a = a;', {"a": b'{"n":{"m":3}}'}),
    ("a = [1, 2]; a[0] = 5; a[-1] = 6; a[2] = 7; $a = a;", {"a": b"[5,6,7]"}),
    ("a = [1]; a[3] = 1;", None),
    ("nope.x = 1;", None),
    ("a = 5; a.x = 1;", None),
    # += and =??
    ("a = 3; a += 4; $a = a;", {"a": b"7"}),
    ("a = 3; a += 4.1; $a = a;", {"a": b"7.1"}),
    ('a = "axo"; a += "flow"; $a = a;', {"a": b"axoflow"}),
    ('a = ["one"]; b = a; a += ["go"]; $a = a; $b = b;', {"a": b"one,go", "b": b"one"}),
    ('a = {"x": 1}; a += {"y": 2}; $a = a;', {"a": b'{"x":1,"y":2}'}),
    ('a = {"n": 1}; a.n += 1; a["n"] += 1; $a = a.n;', {"a": b"3"}),
    ("nope += 1;", None),
    ("$a =?? nope; $b =?? null; $c =?? 1; $c =?? null;", {"c": b"1"}),
    ("a = 1; a =?? nope; $a = a;", {"a": b"1"}),
    ("a =?? nope; $a = a;", None),
    ("a = {}; a.x =?? nope; a.y =?? 2; $a = a;", {"a": b'{"y":2}'}),
    ("a = []; a[] =?? null; a[] =?? 1; $a = a;", {"a": b"[1]"}),
    # unset
    ("$a = 1; unset($a);", {}),
    ("$a = 1; unset($a, $b, c); $b = isset($a);", {"b": b"false"}),
    ('a = {"x": 1}; unset(a.x); unset(a["y"]); $a = a;', {"a": b"{}"}),
    ("a = [1, 2]; unset(a[0]); $a = a;", {"a": b"[2]"}),
    ("a = 1; unset(a); $a = a;", None),
    ("$a = null;", {"a": b""}),
    # if
    ("if (true) { $a = 1; } else { $a = 2; };", {"a": b"1"}),
    ('if (0) { $a = 1; } elif ("") { $a = 2; } elif ([]) { $a = 3; } else { $a = 4; };',
     {"a": b"3"}),
    ("if (false) { $a = 1; } $b = 2;", {"b": b"2"}),
    ("if (true) { }; $b = 2;", {"b": b"2"}),
    ("if (nope) { $a = 1; } else { $a = 2; };", None),
    ("if (nope ?? true) { $a = 1; };", {"a": b"1"}),
    ("if (false) { $a = 1; } elif (nope ?? true) { $a = 2; } else { $a = 3; };",
     {"a": b"2"}),
    ("if (true) { false; }; $a = 1;", None),
    ("if (true) { x = 1; }; $a = x;", {"a": b"1"}),
    ("if (false) { x = 1; }; $a = x;", None),
    ("x = 1; if (false) { x = 2; unset(x); }; $a = x;", {"a": b"1"}),
    ("if (true) { $a = 1; }; $b = $a;", {"a": b"1", "b": b"1"}),
    ("if (false) { $a = 1; }; $b = $a ?? 5;", {"b": b"5"}),
    ("if (true) { if (true) { $a = 1; }; $b = 2; };", {"a": b"1", "b": b"2"}),
    # switch
    ('switch ("b") { case "a": $a = 1; break; case "b": $a = 2; break; default: $a = 3; };',
     {"a": b"2"}),
    ('switch ("z") { case "a": $a = 1; break; default: $a = 3; break; };', {"a": b"3"}),
    ('switch ("z") { default: $a = 3; break; case "z": $a = 1; };', {"a": b"1"}),
    ('switch ("z") { case "a": $a = 1; }; $b = 1;', {"b": b"1"}),
    ('switch ("a") { case "a": $a = 1; case "b": $b = 2; break; case "c": $c = 3; };',
     {"a": b"1", "b": b"2"}),
    ('switch ("b") { case "a": case "b": $a = 1; };', {"a": b"1"}),
    ("switch (3) { case 1..3: $a = 1; break; case 3..5: $a = 2; break; };", {"a": b"2"}),
    ("switch (5) { case 5.0: $a = 1; break; case 5: $a = 2; break; };", {"a": b"2"}),
    ('x = "a"; switch ("a") { case x + "b": $a = 1; break; case x: $a = 2; };', {"a": b"2"}),
    ('switch ("a") { case 1..3: $a = 1; };', None),
    ("switch (1) { case 3..1: $a = 1; };", None),
    ("switch (nope) { default: $a = 1; };", None),
    ('switch ("a") { case "a": false; };', None),
    ('switch ("a") { case "a": done; }; $a = 1;', {}),
    # break ends the braces that it is in
    ('switch ("a") { case "a": if (true) { break; $x = 1; }; $a = 1; };', {"a": b"1"}),
    ("if (true) { $a = 1; break; $b = 2; }; $c = 3;", {"a": b"1", "c": b"3"}),
    ("$a = 1; break; $b = 2;", {"a": b"1"}),
    # done
    ("$a = 1; done; $b = 2;", {"a": b"1"}),
    ("if (true) { $a = 1; done; }; $b = 2;", {"a": b"1"}),
    ("$a = 1; isset($nope) or done; $a = 2; $b = 2;", {"a": b"1"}),
    ("true and done; $b = 2;", {}),
    # order and laziness
    ("x = [1]; $a = [move(x), isset(x) ?? 1];", {"a": b"[[1],false]"}),
    ("false and (nope.x ?? nope); $b = 2;", None),
    ("true or (nope.x ?? nope); $b = 2;", {"b": b"2"}),
    ("$a = 1 + (nope ?? 2) + 3;", {"a": b"6"}),
    # templates see what was set before
    ('$a = "x"; $b = "<$a>"; $HOST = "h"; $c = "$HOST!";',
     {"a": b"x", "b": b"<x>", "c": b"h!"}),
    ('$j = {"a": 1}; $b = "$(format-json j)";', {"j": b'{"a":1}', "b": b'{"j":{"a":1}}'}),
    # names
    ("${a.b-c@1} = 1;", {"a.b-c@1": b"1"}),
    ("m = 1; d_a = 2; v_m = 3; $a = m + d_a + v_m;", {"a": b"6"}),
    ("print = 1; fx_plus = 2; $a = print + fx_plus;", {"a": b"3"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "values"), BLOCKS)
def test_a_block_sets_its_values_or_nothing(
    code: str, values: dict[str, bytes] | None
) -> None:
    run = run_filterx(code)
    assert run.verdict is (values is not None)
    assert run.message.values == (values or {})


def test_a_block_that_fails_leaves_the_message_alone() -> None:
    run = run_filterx('$MESSAGE = "new"; $PID = 1; unset($PROGRAM); nope;')
    assert run.verdict is False
    assert run.failures == ["nope is not set"]
    assert (run.message.message, run.message.pid) == (b"it works", b"")
    assert run.message.program == b"nginx"


def test_a_dropped_message_is_no_failure() -> None:
    for code in (
        "drop;",
        "if (true) { drop; };",
        "true and drop;",
        "$a = 1; drop; nope;",
    ):
        run = run_filterx(code)
        assert run.verdict is None
        assert run.failures == []
        assert run.message.values == {}


def test_fields_of_the_message_are_set() -> None:
    run = run_filterx('$MESSAGE = $HOST + "!"; $HOST = "h"; $PID = 7; unset($PROGRAM);')
    message = run.message
    assert (message.message, message.host, message.pid) == (b"web1!", b"h", b"7")
    assert message.program == b""


def test_the_type_of_a_field_is_there_in_the_next_block() -> None:
    first = run_filterx('$MESSAGE = {"a": {"b": 1}};')
    assert first.message.message == b'{"a":{"b":1}}'
    second = run_filterx("$MSG.a.b == 1; $MSG.a.c = 2;", first.message)
    assert second.verdict is True
    assert second.message.message == b'{"a":{"b":1,"c":2}}'
    second.message.message = b"changed by another step"
    assert run_filterx('$MSG == "changed by another step";', second.message).verdict


def run_blocks(*texts: str) -> Any:
    """Run blocks of one configuration, one after the other."""
    message = new_message()
    verdicts = [run_filterx("declare x = 0; declare y = 0;").verdict]
    for text in texts:
        verdicts.append(run_filterx(text, message).verdict)
    return verdicts, message


def test_a_declared_variable_lives_on_in_the_next_block() -> None:
    message = new_message()
    assert run_filterx('declare x = {"a": 1}; y = 2;', message).verdict
    # A block knows which names are declared anywhere, here by declaring in a branch.
    rest = (
        "x.b = 2; $x = x; $y = isset(y); if (false) { declare x = 0; declare y = 0; };"
    )
    assert run_filterx(rest, message).verdict
    assert message.values["x"] == b'{"a":1,"b":2}'
    assert message.values["y"] == b"false"
    assert run_filterx("$x = x.b; if (false) { declare x = 0; };", message).verdict
    assert message.values["x"] == b"2"


def test_a_declared_variable_may_be_unset() -> None:
    message = new_message()
    assert run_filterx("declare x = 1;", message).verdict
    assert run_filterx("unset(x); if (false) { declare x = 0; };", message).verdict
    assert message.variables == {}


def test_copies_of_a_message_have_variables_of_their_own() -> None:
    message = new_message()
    assert run_filterx('declare x = {"a": [1]};', message).verdict
    copy = copy_message(message)
    change = "x.a[] = 2; x.b = 1; if (false) { declare x = 0; };"
    assert run_filterx(change, copy).verdict
    assert message.variables == {"x": {"a": [1]}}
    assert copy.variables == {"x": {"a": [1, 2], "b": 1}}


def test_functions_change_declared_containers_of_one_copy_only() -> None:
    message = new_message()
    assert run_filterx('declare x = {"a": "", "b": {"c": 1}};', message).verdict
    for change in (
        "unset_empties(x);",
        "flatten(x);",
        "unset(x.b.c);",
        'x += {"z": 1};',
    ):
        copy = copy_message(message)
        text = change + " if (false) { declare x = 0; };"
        assert run_filterx(text, copy).verdict
        assert copy.variables != message.variables
    assert message.variables == {"x": {"a": "", "b": {"c": 1}}}


def test_the_generated_function_names_places_and_binds_user_text() -> None:
    _, source = compiled('$a = "os.system(1)";\n $b = \'"; import os\';')
    assert "# 1:2" in source
    assert "# 2:2" in source
    assert "import os\n" not in source
    assert "system(1)" not in source


WRONG = [
    ("$FACILITY = 1;", "computed and cannot be set"),
    ("$FACILITY.x = 1;", "computed and cannot be set"),
    ("x or break;", "break stands alone"),
    ("$a = x[];", "[] has no value"),
    ("$a = {1: 2};", "a key is a string"),
    ('$a = "$(nope x)";', "nope"),
    ('$a =~ "(";', "does not compile"),
]


@pytest.mark.parametrize(("code", "message"), WRONG)
def test_what_cannot_work_is_an_error_of_the_configuration(
    code: str, message: str
) -> None:
    with pytest.raises(FilterxError) as caught:
        compiled(code)
    assert message in str(caught.value)


SYNTAX = [
    ("x = ;", "expected a value"),
    ("x = 1", "expected ';'"),
    ("if x { };", "expected '('"),
    ("if (x) y;", "expected '{'"),
    ('x = "open;', "not closed"),
    ("x = 1 = 2;", "expected ';'"),
    ("1 = x;", "nothing can be assigned"),
    ("declare $x = 1;", "expected a name behind declare"),
    ("declare x;", "expected '='"),
    ("x =~ y;", "expected a pattern"),
    ("x = [1; 2];", "expected ']'"),
    ("switch (1) { case 1 $a = 2; };", "expected ':'"),
    ('switch (1) { case "a": case "a": };', "stands twice"),
    ("switch (1) { default: default: };", "default stands twice"),
    ("x = 99999999999999999999;", "more than 64 bits"),
    ("x = enum(a.b);", "enum() is not supported"),
    ("x = dpath(y.z);", "stands on the left"),
    ("dpath(y) = 1;", "expected '.' or '['"),
    ("x = y[..];", "expected an index"),
    ("x.1 = 2;", "expected"),
    ("x = 1 && 2;", "unexpected character '&'"),
    ("x[] += 1;", "no value that could be added to"),
]


@pytest.mark.parametrize(("code", "message"), SYNTAX)
def test_a_syntax_error_says_what_was_expected(code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(code)
    assert message in str(caught.value.diagnostics[0].message)  # type: ignore[attr-defined]


HOSTILE = [
    "x = " + "(" * 5000 + "1" + ")" * 5000 + ";",
    "x = " + "[" * 5000 + "]" * 5000 + ";",
    "x = " + '{"a":' * 5000 + "1" + "}" * 5000 + ";",
    "if (true) {" * 5000 + "}" * 5000,
    "x = " + "-" * 100_000 + "1;",
    "x = " + "not " * 100_000 + "1;",
    "x = 1" + " + 1" * 100_000 + ";",
    "x = true" + " and true" * 100_000 + ";",
    "x = y" + " ?? y" * 100_000 + ";",
    "x = y" + ".a" * 100_000 + ";",
    "x = y" + " ? 1 : y" * 5000 + ";",
    "x = " + "f(" * 5000 + ")" * 5000 + ";",
    "switch (1) { case 1: " * 5000,
]


@pytest.mark.parametrize("code", HOSTILE, ids=lambda code: code[:24])
def test_what_nests_without_end_is_refused(code: str) -> None:
    with pytest.raises((ConfigError, FilterxError)):
        compiled(code)


def test_what_nests_as_deep_as_it_may_compiles() -> None:
    depth = FILTERX_NESTING_MAX - 2
    deep = [
        "x = " + "(" * depth + "1" + ")" * depth + ";",
        "x = " + "[" * depth + "]" * depth + ";",
        "if (true) {" * depth + "$a = 1;" + "}" * depth,
        "switch (1) { default: " * (depth // 2) + "$a = 1;" + "}" * (depth // 2),
        "x = 1" + " + 1" * (FILTERX_CHAIN_MAX - 1) + ";",
        "x = 1" + " and 1" * (FILTERX_CHAIN_MAX - 1) + ";",
        "x = nope" + " ?? nope" * (FILTERX_CHAIN_MAX - 2) + " ?? 1;",
        "x = {}; y = x" + ".a" * FILTERX_NESTING_MAX + " ?? 1;",
        "x = " + "true ? 1 : " * (depth // 2) + "2;",
        "x = " + "lower(" * depth + '"A"' + ")" * depth + ";",
        "if (false) { }" + " elif (nope ?? false) { }" * 30 + " else { $a = 1; };",
        "x = [" + "1, " * 20_000 + "];",
        "x = {" + ", ".join(f'"k{n}": {n}' for n in range(5000)) + "};",
    ]
    for text in deep:
        assert run_filterx(text).verdict is True


def test_deep_json_of_a_sender_is_a_failure_and_no_crash() -> None:
    message = new_message(b"[" * 100_000)
    assert run_filterx("x = json_array($MESSAGE);", message).verdict is False
    message = new_message(b"[" * 900 + b"]" * 900)
    run = run_filterx(
        "x = json_array($MESSAGE); y = x; $y = y; unset_empties(y); z = string(y);"
        "w = x == y; v = x in [y];",
        message,
    )
    assert run.verdict in {True, False}
