"""
What must be true of a field that recurs, such as the program, for a filter to match.

A need is necessary, not always sufficient: it may pass messages that the filter does
not, never the other way round. Many paths with needs of the same field are told apart
by one look-up, so that a message costs what it can reach, not what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from logferry.codegen.filters import (
    InListOptions,
    MatchOptions,
    ValueMatchOptions,
    is_always_true,
    is_noticed,
    pris_of,
)
from logferry.codegen.patterns import compile_pattern
from logferry.codegen.template_text import Literal, Macro, parse_template
from logferry.config.nodes import (
    And,
    Comparison,
    FilterCall,
    FilterExpression,
    FilterReference,
    Not,
    Or,
)
from logferry.records import record

__all__ = ["Need", "Test", "needs"]

Test: TypeAlias = Callable[[bytes], bool]
_FIELDS: Final = {"program": "PROGRAM", "host": "HOST"}


@record
class Need:
    """
    What a filter needs of one field.

    Attributes:
        test: true of every text of which the filter may be.
        texts: all texts of which ``test`` is true, if they can be counted.
        is_exact: the filter asks nothing else.

    """

    test: Test
    texts: frozenset[bytes] | None = None
    is_exact: bool = True


def needs(expression: FilterExpression) -> dict[str, Need]:
    """
    Return needs by field: ``PROGRAM``, ``HOST`` or ``PRI``.

    Raises ``PatternError``.
    """
    pris = pris_of(expression)
    if pris is not None:
        texts = frozenset(b"%d" % pri for pri in pris)
        return {"PRI": Need(texts.__contains__, texts)}
    if is_noticed(expression) and not isinstance(expression, And | FilterReference):
        return {}
    match expression:
        case FilterReference(_, inner):
            return needs(inner)
        case FilterCall(name, options):
            return _of_call(name, options)
        case Comparison():
            return _of_comparison(expression)
        case Not(part):
            return {
                field: Need(_none_of(need.test))
                for field, need in needs(part).items()
                if need.is_exact
            }
        case And(parts):
            return _of_all(parts)
        case Or(parts):
            return _of_any([needs(part) for part in parts])


def _of_call(name: str, options: object) -> dict[str, Need]:
    field = _FIELDS.get(name)
    if isinstance(options, ValueMatchOptions | InListOptions):
        value = options.value.lstrip("$")
        field = value if value in _FIELDS.values() else None
    if field is None:
        return {}
    if isinstance(options, InListOptions):
        try:
            texts = frozenset(Path(options.file).read_bytes().splitlines())
        except OSError:  # said by whoever compiles the filter
            return {}
        return {field: Need(texts.__contains__, texts)}
    assert isinstance(options, MatchOptions)
    pattern = compile_pattern(options.pattern, options.type, options.flags)
    literal = pattern.literal
    if pattern.texts:
        texts = frozenset(pattern.texts)
        return {field: Need(texts.__contains__, texts)}
    if pattern.how == "prefix":
        return {field: Need(lambda text: text.startswith(literal))}
    return {field: Need(lambda text: bool(pattern.search(text)))}


def _of_comparison(comparison: Comparison) -> dict[str, Need]:
    """Return the need of ``"$PROGRAM" eq "text"``, either way round."""
    sides = [parse_template(side.text) for side in (comparison.left, comparison.right)]
    if comparison.operator != "eq" or any(len(side) != 1 for side in sides):
        return {}
    match sides[0][0], sides[1][0]:
        case (Macro() as macro, Literal() as literal):
            pass
        case (Literal() as literal, Macro() as macro):
            pass
        case _:
            return {}
    if macro != Macro("PROGRAM"):
        return {}
    texts = frozenset({literal.text.encode("utf-8", "surrogateescape")})
    return {"PROGRAM": Need(texts.__contains__, texts)}


def _of_all(parts: Sequence[FilterExpression]) -> dict[str, Need]:
    found: dict[str, list[Need]] = {}
    is_whole = True  # every part is a need
    for part in parts:
        if is_always_true(part):
            continue
        if is_noticed(part):  # what stands behind is not always asked
            is_whole = False
            break
        own = needs(part)
        is_whole = is_whole and bool(own)
        for field, need in own.items():
            found.setdefault(field, []).append(need)
    is_exact = is_whole and len(found) == 1
    return {field: _all_of(items, is_exact=is_exact) for field, items in found.items()}


def _all_of(items: list[Need], *, is_exact: bool) -> Need:
    tests = [need.test for need in items]
    is_exact = is_exact and all(need.is_exact for need in items)
    counted = [need.texts for need in items if need.texts is not None]
    texts = None
    if counted:
        texts = frozenset(
            text for text in counted[0] if all(test(text) for test in tests)
        )
    return Need(lambda text: all(test(text) for test in tests), texts, is_exact)


def _of_any(alternatives: list[dict[str, Need]]) -> dict[str, Need]:
    common = set.intersection(*(set(item) for item in alternatives))
    found = {}
    for field in sorted(common):
        items = [item[field] for item in alternatives]
        found[field] = _any_of(items)
    return found


def _any_of(items: list[Need]) -> Need:
    tests = [need.test for need in items]
    counted = [need.texts for need in items if need.texts is not None]
    is_exact = all(need.is_exact for need in items)
    texts = frozenset[bytes]().union(*counted) if len(counted) == len(items) else None
    return Need(lambda text: any(test(text) for test in tests), texts, is_exact)


def _none_of(test: Test) -> Test:
    return lambda text: not test(text)
