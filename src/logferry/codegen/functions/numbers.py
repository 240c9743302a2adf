"""
Functions of numbers: ``$(+ 1 2)``, ``$(round …)``, ``$(sum …)``.

Two whole numbers give a whole number of 64 bits, which wraps around as in the
reference; everything else is computed and printed as a double with 17 significant
digits. What is no number gives ``NaN``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["NUMBERS", "kind_of_number", "print_number", "read_number"]

_integer = re.compile(rb"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_real = re.compile(
    rb"[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?"
    rb"|\.[0-9]+(?:[eE][+-]?[0-9]+)?|(?i:inf(?:inity)?|nan)))"
)
_hexadecimal = re.compile(rb"[ \t\n\v\f\r]*([+-]?0[xX][0-9a-fA-F]+)")
_LEAST, _MOST, _ROUND = -(1 << 63), (1 << 63) - 1, 1 << 64


def read_number(text: bytes) -> int | float | None:
    """Return the number that ``text`` is, as a whole, or ``None``."""
    match = _integer.fullmatch(text)
    if match is not None and len(match[1]) < 30:
        value = int(match[1])
        return value if _LEAST <= value <= _MOST else float(value)
    match = _real.fullmatch(text)
    if match is not None:
        return float(match[1])
    match = _hexadecimal.fullmatch(text)
    return float(int(match[1], 16)) if match and len(text) < 200 else None


def print_number(value: float) -> bytes:
    """Return ``value`` as text: 17 significant digits, none of them idle."""
    if isinstance(value, int):
        return b"%d" % ((value - _LEAST) % _ROUND + _LEAST)
    if math.isnan(value):
        return b"NaN"
    return b"%.17g" % value


def kind_of_number(text: bytes) -> str:
    """Return ``int`` or ``double`` for what a function of numbers printed."""
    return "int" if _integer.fullmatch(text) else "double"


def _arithmetic(
    compute: Callable[[int | float, int | float], int | float],
) -> Callable[..., bytes]:
    def apply(left: bytes, right: bytes) -> bytes:
        first, second = read_number(left), read_number(right)
        if first is None or second is None:
            return b"NaN"
        try:
            return print_number(compute(first, second))
        except (ZeroDivisionError, OverflowError, ValueError):
            return b"NaN"

    return apply


def _divide(left: float, right: float) -> int | float:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)  # truncates, as C does
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _remainder(left: float, right: float) -> int | float:
    if isinstance(left, int) and isinstance(right, int):
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    return math.fmod(left, right)


def _round(value: bytes, digits: bytes = b"0") -> bytes:
    number, places = read_number(value), read_number(digits)
    if number is None or not isinstance(places, int) or not 0 <= places <= 20:
        return b"NaN"
    if not math.isfinite(number):
        return b"NaN"
    try:
        # Half away from zero, on the value that the double really has.
        rounded = Decimal(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except ArithmeticError:  # more digits than a decimal keeps: nothing to round
        return b"%.*f" % (places, number)
    return format(rounded, "f").encode()


def _to_whole(how: Callable[[float], int]) -> Callable[[bytes], bytes]:
    def apply(value: bytes) -> bytes:
        number = read_number(value)
        if number is None or not math.isfinite(number):
            return b"NaN"
        return b"%d" % how(number)

    return apply


def _whole_numbers(texts: Iterable[bytes]) -> list[int]:
    numbers = (read_number(text) for text in texts)
    return [number for number in numbers if isinstance(number, int)]


def _aggregate(compute: Callable[[list[int]], int]) -> Special:
    """Make a function over all messages of a correlation, or just this one."""

    def emit(function: Function, fields: Fields, context: MacroContext) -> str:
        from logferry.codegen.correlated import emit_members
        from logferry.codegen.templates import emit_parts

        if len(function.arguments) != 1:
            raise TemplateError(f"$({function.name}) takes one argument")
        code = emit_parts(function.arguments[0], fields, context)
        members = emit_members(code, fields, context)
        apply = fields.constants.bind(total, f"{function.name}_of")
        return f"{apply}({members})"

    def total(texts: Iterable[bytes]) -> bytes:
        numbers = _whole_numbers(texts)
        return print_number(compute(numbers)) if numbers else b""

    return Special(emit, kind="number or null")


def _average(numbers: list[int]) -> int:
    quotient = abs(sum(numbers)) // len(numbers)
    return quotient if sum(numbers) >= 0 else -quotient


NUMBERS: dict[str, Plain | Special] = {
    "+": Plain(_arithmetic(lambda left, right: left + right), 2, 2, "number"),
    "-": Plain(_arithmetic(lambda left, right: left - right), 2, 2, "number"),
    "*": Plain(_arithmetic(lambda left, right: left * right), 2, 2, "number"),
    "/": Plain(_arithmetic(_divide), 2, 2, "number"),
    "%": Plain(_arithmetic(_remainder), 2, 2, "number"),
    "round": Plain(_round, 1, 2, "number"),
    "ceil": Plain(_to_whole(math.ceil), 1, 1, "number"),
    "floor": Plain(_to_whole(math.floor), 1, 1, "number"),
    "sum": _aggregate(sum),
    "min": _aggregate(min),
    "max": _aggregate(max),
    "average": _aggregate(_average),
}
"""Functions of numbers, by name."""
