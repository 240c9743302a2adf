"""
A ``filterx`` block as data: statements and expressions, each with its place.

The tree says what was written; what it means is decided where code is made of it
(``codegen/filterx``). Nothing here is changed after it was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from logferry.records import record

if TYPE_CHECKING:
    from logferry.config.nodes import Span

__all__ = [
    "Argument",
    "Assignment",
    "Attribute",
    "Binary",
    "Case",
    "Conditional",
    "Control",
    "DictLiteral",
    "Expression",
    "FilterxBlock",
    "FunctionCall",
    "If",
    "IsSet",
    "ListLiteral",
    "Literal",
    "Match",
    "Path",
    "Slice",
    "Statement",
    "Subscript",
    "Switch",
    "TemplateLiteral",
    "Unary",
    "Variable",
    "parts_of",
    "variables_of",
]

# ---------------------------------------------------------------------------
# Expressions


@record
class Literal:
    """A number, a text in which nothing is replaced, ``true``, ``false``, ``null``."""

    value: str | int | float | bool | None
    span: Span


@record
class TemplateLiteral:
    """A text in quotes with ``$`` in it: a template."""

    text: str
    span: Span


@record
class Variable:
    """``name``, or ``$name`` and ``${name}``: a value of the message."""

    name: str
    is_message: bool
    span: Span


@record
class ListLiteral:
    """``[a, b]``; a tuple ``(a, b)`` when ``is_tuple``."""

    items: tuple[Expression, ...]
    span: Span
    is_tuple: bool = False


@record
class DictLiteral:
    """``{key: value}``; the third of each says ``:??``: only if there is a value."""

    items: tuple[tuple[Expression, Expression, bool], ...]
    span: Span


@record
class Attribute:
    """``operand.name``."""

    operand: Expression
    name: str
    span: Span


@record
class Subscript:
    """``operand[index]``; without an index what is appended to."""

    operand: Expression
    index: Expression | None
    span: Span


@record
class Slice:
    """``operand[start..end]``."""

    operand: Expression
    start: Expression | None
    end: Expression | None
    span: Span


@record
class Unary:
    """``not x``, ``-x``, ``+x``."""

    operator: str
    operand: Expression
    span: Span


@record
class Binary:
    """``left operator right``: arithmetic, comparison, ``and or in ??``."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@record
class Match:
    """``operand =~ pattern`` and ``!~``."""

    operand: Expression
    pattern: str
    is_negated: bool
    span: Span


@record
class Conditional:
    """``condition ? first : second``; ``condition ?: second`` has no first."""

    condition: Expression
    first: Expression | None
    second: Expression
    span: Span


@record
class Argument:
    """One argument of a call; ``name`` is empty for a positional one."""

    name: str
    value: Expression
    span: Span


@record
class FunctionCall:
    """``name(arguments)``."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span


@record
class IsSet:
    """``isset(operand)``."""

    operand: Expression
    span: Span


@record
class Control:
    """``drop``, ``done`` or ``break``."""

    word: str
    span: Span


@record
class Path:
    """``dpath(variable.a["b"])``: a place that is made where it is missing."""

    variable: Variable
    steps: tuple[Expression, ...]
    span: Span


Expression: TypeAlias = (
    Literal
    | TemplateLiteral
    | Variable
    | ListLiteral
    | DictLiteral
    | Attribute
    | Subscript
    | Slice
    | Unary
    | Binary
    | Match
    | Conditional
    | FunctionCall
    | IsSet
    | Control
    | Path
)

# ---------------------------------------------------------------------------
# Statements


@record
class Assignment:
    """``target operator value``: ``=``, ``+=``, ``=??``; perhaps after ``declare``."""

    target: Variable | Attribute | Subscript | Path
    operator: str
    value: Expression
    span: Span
    is_declaration: bool = False


@record
class If:
    """``if (…) {…} elif (…) {…} else {…}``; the condition of ``else`` is ``None``."""

    branches: tuple[tuple[Expression | None, tuple[Statement, ...]], ...]
    span: Span


@record
class Case:
    """``case value:``, ``case value..end:`` or ``default:`` (no value)."""

    value: Expression | None
    end: Expression | None
    span: Span


@record
class Switch:
    """``switch (selector) { … }``: cases and statements as they stand."""

    selector: Expression
    body: tuple[Case | Statement, ...]
    span: Span


Statement: TypeAlias = Expression | Assignment | If | Switch


@record
class FilterxBlock:
    """
    ``filterx { … }``.

    Attributes:
        declared: the names that ``declare`` makes variables of the log path.

    """

    statements: tuple[Statement, ...]
    span: Span
    declared: frozenset[str] = field(default=frozenset(), compare=False)


# ---------------------------------------------------------------------------
# Walking


def parts_of(node: Statement | Case) -> list[Statement | Case]:
    """Return what ``node`` consists of, in the order of its writing."""
    match node:
        case Assignment(target, _, value):
            return [target, value]
        case If(branches):
            return [
                part
                for condition, statements in branches
                for part in (condition, *statements)
                if part is not None
            ]
        case Switch(selector, body):
            return [selector, *body]
        case Case(value, end):
            return [part for part in (value, end) if part is not None]
        case _:
            return list(_operands(node))


def _operands(node: Expression) -> Iterator[Expression]:
    """Yield the expressions in an expression."""
    match node:
        case ListLiteral(items):
            yield from items
        case DictLiteral(items):
            yield from (part for key, value, _ in items for part in (key, value))
        case Attribute(operand) | IsSet(operand) | Match(operand) | Unary(_, operand):
            yield operand
        case Subscript(operand, index):
            yield from (part for part in (operand, index) if part is not None)
        case Slice(operand, start, end):
            yield from (part for part in (operand, start, end) if part is not None)
        case Binary(_, left, right):
            yield from (left, right)
        case Conditional(condition, first, second):
            yield from (part for part in (condition, first, second) if part is not None)
        case FunctionCall(_, arguments):
            yield from (argument.value for argument in arguments)
        case Path(variable, steps):
            yield from (variable, *steps)
        case _:
            pass


def variables_of(*nodes: Statement | Case) -> Iterator[Variable]:
    """Yield every variable in ``nodes``, as often as it stands there."""
    waiting: list[Statement | Case] = list(reversed(nodes))
    while waiting:  # not by calling ourselves: rows of operators are deep
        node = waiting.pop()
        if isinstance(node, Variable):
            yield node
        else:
            waiting += reversed(parts_of(node))
