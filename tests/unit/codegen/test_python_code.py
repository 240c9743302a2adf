"""Python code of the configuration: messages, classes, value-pairs, failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from helpers.programs import Site, compiled
from logferry.codegen.python.messages import LogMessage, value_of_python
from logferry.errors import ConfigError

LINE = b"<13>2026-11-21T03:00:00+00:00 host prog[42]: text"


def site(code: str, middle: str, template: str = "$MSG") -> Site:
    """Compile a configuration with a python block."""
    return compiled(
        f"python {{\n{code}\n}};\n"
        "log { source { input(keep-hostname(yes)); }; "
        f"{middle} destination {{ output(template('{template}')); }}; }};"
    )


@pytest.mark.parametrize(
    "value",
    ["text", 5, 1.5, True, False, None, ["a", "b,c"], {"a": [1]}, [1, 2], b"\xff"],
)
def test_a_value_comes_back_as_it_was_set(value: object) -> None:
    message = LogMessage()
    message["x"] = value
    assert message["x"] == value


def test_a_moment_comes_back_as_it_was_set() -> None:
    message = LogMessage()
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, timezone(timedelta(hours=2)))
    message.set_timestamp(moment)
    assert message.get_timestamp() == moment
    assert message.get_timestamp().utcoffset() == timedelta(hours=2)
    message["at"] = moment
    assert message["at"] == moment.astimezone(UTC)


def test_a_missing_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        LogMessage()["nothing"]
    assert LogMessage().get("nothing", 7) == 7


def test_fields_and_macros_can_be_read() -> None:
    message = LogMessage("text")
    message.set_pri(34)
    message["PROGRAM"] = "su"
    assert (message["MESSAGE"], message["LEVEL"], message["PRI"]) == (
        "text",
        "crit",
        "34",
    )
    assert message.keys() == ["PROGRAM", "MESSAGE"]


def test_odd_objects_are_their_text() -> None:
    assert value_of_python(2 + 3j) == (b"(2+3j)", "")


def test_an_exception_is_an_outcome_that_is_counted() -> None:
    made = site(
        "class P:\n    def parse(self, m):\n        raise ValueError",
        "parser { python(class(P)); };",
    )
    assert made.lines(LINE, LINE) == {}
    counter = made.context.metrics.counter(
        "python_failures_total", {"class": "P", "kind": "parser"}
    )
    assert counter.value == 2


def test_a_failing_function_prints_nothing() -> None:
    made = site("def f(m):\n    return 1 / 0", "", "[$(python f)]")
    assert made.lines(LINE) == {"#anon-destination0#0": [b"[]"]}


@pytest.mark.parametrize(
    ("code", "middle", "reason"),
    [
        ("x = 1", 'parser { python(class("P")); };', "defines P"),
        ("class P: pass", 'parser { python(class("P")); };', "no method parse"),
        ("class P: pass", 'parser { python(class("no.such.P")); };', "cannot import"),
        ("1 / 0", 'parser { python(class("P")); };', "ZeroDivisionError"),
        (
            "class P:\n    init = lambda self, o: False\n    parse = init",
            'parser { python(class("P")); };',
            "returned False",
        ),
        ("x = 1", 'rewrite { set("$(python f)" value("x")); };', "defines f"),
    ],
)
def test_code_that_cannot_run_keeps_the_configuration_from_starting(
    code: str, middle: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as failure:
        site(code, middle)
    assert reason in str(failure.value)


def test_changed_code_is_another_module() -> None:
    def printed(number: int) -> list[bytes]:
        made = site(f"def f(m):\n    return {number}", "", "$(python f)")
        return next(iter(made.lines(LINE).values()))

    assert (printed(1), printed(2), printed(1)) == ([b"1"], [b"2"], [b"1"])


def test_a_template_among_the_options_prints_messages() -> None:
    made = site(
        "class P:\n"
        "    def init(self, options):\n"
        "        self.template = options['t']\n"
        "    def parse(self, m):\n"
        "        m['MESSAGE'] = self.template.format(m) + str(self.template)\n"
        "        return True",
        'parser { python(class(P) options("t" => LogTemplate("$LOGHOST $LEVEL_NUM "))); };',
        "$MSG",
    )
    (found,) = made.lines(LINE).values()
    assert found[0].startswith(b"loghost ")
    assert found[0].endswith(b" $LOGHOST $LEVEL_NUM ")


def test_only_a_template_may_be_called_among_the_options() -> None:
    with pytest.raises(ConfigError, match="pairs such as"):
        site("class P: pass", 'parser { python(class(P) options("t" => f("x"))); };')


SHOW = """
class P:
    def init(self, options):
        self.options = options
        return True
    def parse(self, message):
        message["shown"] = repr(self.options)
        self.options.clear()
        return True
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('"a" => ["x", "y"]', {"a": ["x", "y"]}),
        ('"a" => ["x" y, "z",] "b" => 1', {"a": ["x", "y", "z"], "b": 1}),
        ('"a" ["x"] "b" 1.5', {"a": ["x"], "b": 1.5}),
        ('"a" => []', {"a": []}),
        ('"a" => [yes]', {"a": ["yes"]}),
        (
            "a => true b => FALSE c => on d => no",
            {"a": True, "b": False, "c": True, "d": False},
        ),
    ],
)
def test_options_have_the_types_that_they_are_written_with(given, expected) -> None:
    scene = site(SHOW, f"parser {{ python(class(P) options({given})); }};", "$shown")
    assert [*scene.lines(LINE).values()] == [[repr(expected).encode()]]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ('"a" => [1]', "quote its numbers"),
        ('"a" => [["x"]]', "'[' is not closed"),
        ('"a" => ["x"', "'[' is not closed"),
        ('"a" => ["x" => "y"]', "expected a string"),
        ('["x"]', "expected pairs"),
    ],
)
def test_a_list_that_is_none_is_an_error_at_its_place(given, problem) -> None:
    with pytest.raises(ConfigError) as caught:
        site(SHOW, f"parser {{ python(class(P) options({given})); }};")
    assert problem in str([(d.message, d.hint) for d in caught.value.diagnostics])
