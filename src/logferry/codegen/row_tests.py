"""
Filters that the regular expression of a row answers itself.

Whether the program or the host of a canonical line is, begins with or contains a text
can be seen while the line is matched: a lookahead before the field costs less than to
capture the field, look it up and throw it away. Of a line that fails, the part from the
test on is matched without being captured.

A test must mean the same as the filter, for canonical lines: so it is only made of
texts that lie within the field, and only where the field is what the line has.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from logferry.codegen.filters import MatchOptions, is_always_true, is_noticed
from logferry.codegen.macros import MacroContext
from logferry.codegen.patterns import Pattern, compile_pattern
from logferry.config.nodes import And, FilterCall, FilterReference, Not, Or

if TYPE_CHECKING:
    from logferry.codegen.line_fields import LineFields
    from logferry.config.nodes import FilterExpression

__all__ = ["split_tests"]

_MACROS: Final = {"program": "PROGRAM", "host": "FULLHOST"}
_ENDS: Final = {"program": b" :[\n", "host": b" :[@/\n"}
"""Bytes that cannot be part of a field in any layout, or end it."""


def split_tests(
    expression: FilterExpression, fields: LineFields
) -> tuple[dict[int, bytes], FilterExpression | None]:
    """
    Return lookaheads by the atoms that they stand before, and what else must hold.

    Raises ``PatternError``.
    """
    while isinstance(expression, FilterReference):
        expression = expression.expression
    parts = expression.parts if isinstance(expression, And) else (expression,)
    tests: dict[int, bytes] = {}
    rest: list[FilterExpression] = []
    for position, part in enumerate(parts):
        if is_noticed(part):  # what stands behind must not come before it
            rest += parts[position:]
            break
        test = _test(part, fields)
        if test is not None:
            place, lookahead = test
            tests[place] = tests.get(place, b"") + lookahead
        elif not is_always_true(part):
            rest.append(part)
    if len(rest) < 2:
        return tests, rest[0] if rest else None
    assert isinstance(expression, And)
    return tests, replace(expression, parts=tuple(rest))


def _test(expression: FilterExpression, fields: LineFields) -> tuple[int, bytes] | None:
    """Return one atom and the lookahead before it that says the same, if there is."""
    match expression:
        case FilterReference(_, inner):
            return _test(inner, fields)
        case Not(part):
            test = _test(part, fields)
            return None if test is None else (test[0], rb"(?!" + test[1] + rb")")
        case And(parts) | Or(parts):
            tests = [_test(part, fields) for part in parts]
            known = [test for test in tests if test is not None]
            if len(known) < len(tests) or len({place for place, _ in known}) > 1:
                return None
            sign = b"" if isinstance(expression, And) else b"|"
            alternatives = sign.join(lookahead for _, lookahead in known)
            return known[0][0], rb"(?:" + alternatives + rb")"
        case FilterCall(name, MatchOptions() as options) if name in _MACROS:
            place = _place(name, fields)
            if place is None or "store-matches" in options.flags:
                return None
            pattern = compile_pattern(options.pattern, options.type, options.flags)
            lookahead = _lookahead(pattern, _ENDS[name])
            return None if lookahead is None else (place, lookahead)
        case _:
            return None


def _place(name: str, fields: LineFields) -> int | None:
    """Return the atom that field ``name`` is a copy of."""
    if fields.has_sdata or not fields.layout.has(name):
        return None
    pieces = fields.macro(_MACROS[name], MacroContext())
    place = fields.layout.index(name)
    is_copy = len(pieces) == 1 and pieces[0].run == (place, place + 1)
    return place if is_copy else None


def _lookahead(pattern: Pattern, ends: bytes) -> bytes | None:
    def is_within(text: bytes) -> bool:
        return bool(text) and not any(byte in ends for byte in text)

    if pattern.texts:
        texts = [re.escape(text) for text in pattern.texts if is_within(text)]
        if not texts:
            return None
        return rb"(?=(?:" + b"|".join(texts) + rb")[" + re.escape(ends) + rb"])"
    if pattern.how not in {"prefix", "substring"} or not is_within(pattern.literal):
        return None
    skipped = rb"[^" + re.escape(ends) + rb"]*?" if pattern.how == "substring" else b""
    return rb"(?=" + skipped + re.escape(pattern.literal) + rb")"
