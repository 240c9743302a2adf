"""
Comparisons in filters, such as ``"$PID" == "1"`` or ``"$HOST" eq "web"``.

``eq ne lt le gt ge`` compare bytes. From @version 4.0 on ``== != < …`` look at types:
two values of one type that is a kind of text are compared as bytes, a null equals only
a null, and everything else is compared as numbers, where no number makes everything
false but ``!=``; ``===`` and ``!==`` look at the types themselves, too. Before 4.0 this
holds where a side has a type hint (a bare number has one); otherwise both are numbers
as C's ``atoi`` reads them, which finds a zero in every word; before 3.8 these signs
compared bytes.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.codegen.template_text import Literal, Macro, parse_template
from logferry.codegen.templates import emit_parts
from logferry.codegen.typed import NULL_WHEN_EMPTY, emit_pair, static_kind
from logferry.config.versions import SIGNS_COMPARE_NUMBERS

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.codegen.template_text import Part
    from logferry.config.nodes import Comparison, TemplateText

__all__ = ["compare_pairs", "emit_comparison", "read_c_integer"]

_BYTES = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
_AS_BYTES: dict[str, Callable[[bytes, bytes], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXTS = frozenset({"", "bytes", "json", "list"})
"""Types that are compared as bytes with their own kind."""

_NUMBERS = frozenset({"int", "double"})
_c_integer = re.compile(rb"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_real = re.compile(rb"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def emit_comparison(
    comparison: Comparison, fields: Fields, context: MacroContext
) -> str:
    """Return a condition for ``comparison``."""
    sign = comparison.operator
    sides = [
        (parse_template(side.text), side.hint)
        for side in (comparison.left, comparison.right)
    ]
    kinds = [static_kind(*side, fields, context) for side in sides]
    is_strict = sign in {"===", "!=="}
    if sign in _BYTES:
        return _plain(_BYTES[sign], comparison, fields, context)
    has_hint = any(hint for _, hint in sides)
    if not context.is_typed and not is_strict and not has_hint:
        if context.version < SIGNS_COMPARE_NUMBERS:
            return _plain(sign, comparison, fields, context)
        name = fields.constants.bind(_c_numbers(sign), "compare_c_numbers")
        return _call(name, comparison, fields, context)
    if kinds[0] == kinds[1] == "" or _is_text_test(sign, sides, kinds):
        return _plain(sign[:2], comparison, fields, context)
    if not is_strict and _NUMBERS.issuperset(kinds):
        name = fields.constants.bind(_numeric(sign), "compare_numbers")
        return _call(name, comparison, fields, context)
    pairs = [emit_pair(*side, fields, context) for side in sides]
    name = fields.constants.bind(_typed(sign), "compare")
    return f"{name}({', '.join(pairs)})"


def _is_text_test(
    sign: str,
    sides: list[tuple[tuple[Part, ...], str]],
    kinds: list[str | None],
) -> bool:
    """Tell whether this asks if a macro that may be null is a certain text."""
    if sign not in {"==", "!="}:
        return False
    for one, other in ((0, 1), (1, 0)):
        parts = sides[one][0]
        if (
            kinds[one] is None
            and len(parts) == 1
            and isinstance(parts[0], Macro)
            and parts[0].name in NULL_WHEN_EMPTY
            and kinds[other] == ""
            and sides[other][0]
            and isinstance(sides[other][0][0], Literal)
        ):
            return True
    return False


def _plain(
    sign: str, comparison: Comparison, fields: Fields, context: MacroContext
) -> str:
    left, right = (
        _operand(side, fields, context) for side in (comparison.left, comparison.right)
    )
    return f"{left} {sign} {right}"


def _operand(template: TemplateText, fields: Fields, context: MacroContext) -> str:
    return emit_parts(parse_template(template.text), fields, context)


def _call(
    name: str, comparison: Comparison, fields: Fields, context: MacroContext
) -> str:
    left = _operand(comparison.left, fields, context)
    right = _operand(comparison.right, fields, context)
    return f"{name}({left}, {right})"


def read_c_integer(text: bytes) -> int:
    """Return the number that ``text`` begins with, or zero."""
    match = _c_integer.match(text)
    return int(match[1][:30]) if match else 0


def _c_numbers(sign: str) -> Callable[[bytes, bytes], bool]:
    holds = _SIGNS[sign]
    return lambda left, right: holds(read_c_integer(left), read_c_integer(right))


def _numeric(sign: str) -> Callable[[bytes, bytes], bool]:
    holds = _SIGNS[sign]

    def apply(left: bytes, right: bytes) -> bool:
        first, second = _to_number(left), _to_number(right)
        if math.isnan(first) or math.isnan(second):
            return sign == "!="
        return holds(first, second)

    return apply


def _typed(sign: str) -> Callable[[tuple[bytes, str], tuple[bytes, str]], bool]:
    return lambda left, right: compare_pairs(sign, left, right)


def compare_pairs(sign: str, left: tuple[bytes, str], right: tuple[bytes, str]) -> bool:
    """Compare two values with their types, as from @version 4.0 on."""
    if sign in {"===", "!=="}:
        is_same = left[1] == right[1] and compare_pairs("==", left, right)
        return is_same == (sign == "===")
    if left[1] == right[1] and left[1] in _TEXTS:
        return _AS_BYTES[sign](left[0], right[0])
    if sign in {"==", "!="} and "null" in {left[1], right[1]}:
        return (left[1] == right[1]) == (sign == "==")
    first, second = _number_of(*left), _number_of(*right)
    if math.isnan(first) or math.isnan(second):
        return sign == "!="
    return _SIGNS[sign](first, second)


def _number_of(text: bytes, kind: str) -> float:
    if kind == "null":
        return 0
    if kind == "boolean":
        return 1 if text[:1] in {b"t", b"T", b"1"} else 0
    if kind in {"list", "json"}:
        return math.nan
    return _to_number(text)


def _to_number(text: bytes) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text) if _real.fullmatch(text) else math.nan
