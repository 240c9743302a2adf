"""The words of ``filterx``: where a block ends, what a slash is, true places."""

from __future__ import annotations

import pytest

from logferry.config.filterx.tokens import block_end, number_of, substituted, words_of
from logferry.config.nodes import Span

PLACE = Span("site.conf", 3, 10, 3, 11)


@pytest.mark.parametrize(
    "block",
    [
        "{}",
        "{ { } { } }",
        '{ "}" }',
        "{ '}' }",
        r'{ "\"}" }',
        "{ # }\n }",
        "{ x =~ /}/; }",
        r"{ x =~ /\/}/; }",
        "{ x = a / b; y = {} / 2; }",
        "{ f(/}/); [/}/]; x = y[/}/]; not /}/; }",
        "{ `a}` }",
        "{ ${a}b}  }"[:6] + " }",
    ],
)
def test_a_block_ends_where_its_braces_close(block: str) -> None:
    assert block_end(block + " }; more", 0) == len(block)


@pytest.mark.parametrize("block", ["{", "{ { }", "{ # }", '{ "}"'])
def test_an_open_block_has_no_end(block: str) -> None:
    assert block_end(block, 0) == 0


def test_words_have_their_true_places() -> None:
    words = words_of('{ $a =\n  "x\ny" + b; }', PLACE)
    places = {
        word.text: (word.span.line, word.span.column, word.span.end_line)
        for word in words
    }
    assert places["a"] == (3, 12, 3)
    assert places['"x\ny"'] == (4, 3, 5)
    assert places["b"] == (5, 6, 5)


def test_a_slash_divides_behind_an_operand_and_else_begins_a_pattern() -> None:
    kinds = [word.kind for word in words_of("a / b /c/ 2", PLACE)]
    assert kinds == [
        "name",
        "operator",
        "name",
        "operator",
        "name",
        "operator",
        "number",
        "end",
    ]
    assert [word.kind for word in words_of("=~ /b/", PLACE)][1] == "pattern"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("007", 7),
        ("08", 8),
        ("0xff", 255),
        ("1k", 1000),
        ("1KiB", 1024),
        ("2.50", 2.5),
    ],
)
def test_a_number_has_its_value(text: str, value: float) -> None:
    assert number_of(text) == value


def test_arguments_stand_in_code_as_written_and_in_strings_as_values() -> None:
    made = substituted(
        "x = `a`; y = \"<`a`>\"; z = '`a`'; $p =~ /`a`/; # `a`",
        lambda name: f'"{name}\\""',
        lambda name: name + '"',
    )
    assert made == 'x = "a\\""; y = "<a\\">"; z = \'a"\'; $p =~ /a"/; # `a`'
