"""
Comparisons in filters, such as ``"$PID" == "1"`` or ``"$HOST" eq "web"``.

From @version 4.0 on ``== != < …`` look at types: two strings are compared as bytes, a
number on either side makes it numeric, and NaN makes every comparison false except
``!=``. ``eq ne lt …`` always compare bytes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

from logferry.codegen.template_text import Macro, parse_template
from logferry.codegen.templates import emit_template, pieces_of

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Comparison, TemplateText

__all__ = ["emit_comparison"]

_BYTES = {"lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">="}
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMERIC_HINTS = frozenset({"int", "int64", "float", "double"})
_NUMERIC_MACROS = frozenset({"SEVERITY_NUM", "LEVEL_NUM", "FACILITY_NUM", "PRI"})


def emit_comparison(
    comparison: Comparison, fields: Fields, context: MacroContext
) -> str:
    """Return a condition for ``comparison``."""
    left = _value(comparison.left, fields, context)
    right = _value(comparison.right, fields, context)
    sign = _BYTES.get(comparison.operator)
    if sign is not None:
        return f"{left} {sign} {right}"
    sign = {"===": "==", "!==": "!="}.get(comparison.operator, comparison.operator)
    if _is_numeric(comparison.left) or _is_numeric(comparison.right):
        compare = _numeric(_NUMBERS[sign], is_unequal=sign == "!=")
        name = fields.constants.bind(compare, "compare_numbers")
        return f"{name}({left}, {right})"
    return f"{left} {sign} {right}"


def _value(template: TemplateText, fields: Fields, context: MacroContext) -> str:
    parts = parse_template(template.text)
    if not parts:
        return 'b""'
    return emit_template(pieces_of(parts, fields, context), fields).code


def _is_numeric(template: TemplateText) -> bool:
    if template.hint:
        return template.hint in _NUMERIC_HINTS
    parts = parse_template(template.text)
    return (
        len(parts) == 1
        and isinstance(parts[0], Macro)
        and parts[0].name in _NUMERIC_MACROS
    )


def _numeric(
    compare: Callable[[float, float], bool], *, is_unequal: bool
) -> Callable[[bytes, bytes], bool]:
    def apply(left: bytes, right: bytes) -> bool:
        first, second = _to_number(left), _to_number(right)
        if math.isnan(first) or math.isnan(second):
            return is_unequal
        return compare(first, second)

    return apply


def _to_number(text: bytes) -> float:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return math.nan
