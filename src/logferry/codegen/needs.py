"""
What must be true of a field that recurs, such as the program, for a filter to match.

The test is necessary, not sufficient: it may pass messages that the filter does not,
never the other way round. Many paths with filters on the same field are guarded by
such tests, so that a message costs what it can reach, not what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from logferry.codegen.filters import MatchOptions
from logferry.codegen.patterns import compile_pattern
from logferry.config.nodes import (
    And,
    FilterCall,
    FilterExpression,
    FilterReference,
    Or,
)

__all__ = ["Test", "any_of", "needs"]

Test: TypeAlias = Callable[[bytes], bool]
_FIELDS = {"program": "PROGRAM", "host": "HOST"}


def needs(expression: FilterExpression) -> dict[str, Test]:
    """
    Return tests by field; each is true whenever the filter matches.

    Raises ``PatternError``.
    """
    match expression:
        case FilterReference(_, inner):
            return needs(inner)
        case FilterCall(name, options) if name in _FIELDS:
            assert isinstance(options, MatchOptions)
            return {_FIELDS[name]: _test(options)}
        case And(parts):
            found: dict[str, Test] = {}
            for part in parts:
                found = needs(part) | found
            return found
        case Or(parts):
            tests = [needs(part) for part in parts]
            common = set.intersection(*(set(item) for item in tests))
            return {
                field: any_of([item[field] for item in tests])
                for field in sorted(common)
            }
        case _:
            return {}


def _test(options: MatchOptions) -> Test:
    pattern = compile_pattern(options.pattern, options.type, options.flags)
    literal = pattern.literal
    match pattern.how:
        case "equal":
            return lambda text: text == literal
        case "prefix":
            return lambda text: text.startswith(literal)
        case _:
            return lambda text: bool(pattern.search(text))


def any_of(tests: Sequence[Test]) -> Test:
    """Return a test that passes what any of ``tests`` passes."""
    return lambda text: any(test(text) for test in tests)
