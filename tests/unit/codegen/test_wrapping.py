"""Generated lines that are too long are broken, and mean the same."""

from __future__ import annotations

import ast

import pytest

from helpers.programs import compiled
from logferry.codegen.wrapping import WIDTH, wrapped

LINES = [
    'x = [b"%b, (%b" % (head, date_of[seconds, offset], make((b"" if a == b"-" else a), b), tail) for head, a, b in rows]',
    "x = [head for head, seconds, offset, program in rows if head in pri_numbers and not excluded]",
    'records[text].append(b"%b %b %b%b\\n" % (date_of[m.stamp], m.host, msghdr_of(m), m.message))',
    "for pri, stamp, program_to_colon, program, pid, message, structured, odd in find_all(chunk):\n    pass",
    "if passes[m.pri] or not tags.isdisjoint(m.tags) and matches[m.program] or other[m.host]:\n    pass",
    "if not (passes[m.pri] or some_function_of(first_argument, second_argument, third_argument)):\n    pass",
    'def function(argument_number_one, argument_number_two, argument_number_three, the_last):\n    return (join_records(records),) if records else (), b"("',
    "value = [substitute(lambda _: replacement, text_of_a_message_that_is_long), 1, (only_one_item,)]",
    "call(*unpacked_arguments_of_a_call, **keyword_arguments_of_a_call, name=value_of_an_argument)",
]


@pytest.mark.parametrize("source", LINES)
def test_a_long_line_is_broken_and_means_the_same(source: str) -> None:
    found = wrapped(source)
    assert ast.dump(ast.parse(found)) == ast.dump(ast.parse(source))
    assert max(map(len, found.splitlines())) <= WIDTH


def test_short_lines_and_comments_stay_as_they_are() -> None:
    source = f'"""{"doc " * 40}"""\n# {"word " * 40}\nx = (1, 2)\n'
    assert wrapped(source) == source


def test_what_has_no_place_to_break_stays_in_one_line() -> None:
    source = f"x = {'a' * 100}\ny({'b' * 100})\nz = f()\n"
    assert ast.dump(ast.parse(wrapped(source))) == ast.dump(ast.parse(source))


def test_records_have_the_names_of_their_destinations() -> None:
    site = compiled(
        "source s { input(); }; destination d_all { output(); }; "
        'destination "d-odd" { output(); }; destination d2 { output(); output(); };'
        'log { source(s); destination(d_all); destination("d-odd"); destination(d2); };'
    )
    source = site.program.source
    for name in ("records_d_all", "records_1", "records_d2", "records_3"):
        assert f"{name} = []" in source
