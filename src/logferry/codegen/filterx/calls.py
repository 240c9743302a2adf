"""
How a function of FilterX is declared, and how a call of one is checked.

A function is either *called* with the values of its arguments, or *prepared* first:
then its literal arguments (patterns, formats, names of columns) are read once, at
start, and what remains is called with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from logferry.codegen.macros import MacroContext
from logferry.codegen.template_text import TemplateError
from logferry.config.diagnostics import did_you_mean
from logferry.config.filterx.nodes import (
    Argument,
    Expression,
    FunctionCall,
    ListLiteral,
    Literal,
)
from logferry.records import record

if TYPE_CHECKING:
    from logferry.config.nodes import Span

__all__ = ["Call", "FilterxError", "Function", "Prepared"]


class FilterxError(TemplateError):
    """A block cannot be compiled: what is wrong, where, and what to do."""

    def __init__(self, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message)
        self.span = self.place = span
        self.hint = hint


@record
class Prepared:
    """
    A callable, and the expressions whose values it takes, in order.

    ``is_lenient``: every one but the first may fail, and is ``None`` then.
    """

    function: Callable[..., Any]
    arguments: tuple[Expression, ...] = ()
    keywords: Mapping[str, Expression] = field(default_factory=dict)
    is_lenient: bool = False


@record
class Function:
    """
    One function.

    Attributes:
        call: takes the values of the arguments; ``None`` if ``prepare`` is there.
        minimum: the number of positional arguments it must have …
        maximum: … and may have; -1 for any number.
        options: names of arguments that are given as ``name=value``.
        prepare: reads literal arguments.
        takes_message: the message comes before the arguments.
        is_flushed: it looks at values of the message: changed ones are written first.
        is_fresh: what it returns is nobody else's: it need not be copied.

    """

    call: Callable[..., Any] | None = None
    minimum: int = 1
    maximum: int = 1
    options: tuple[str, ...] = ()
    prepare: Callable[[Call], Prepared] | None = None
    takes_message: bool = False
    is_flushed: bool = False
    is_fresh: bool = True


@record
class Call:
    """A call that is being prepared."""

    node: FunctionCall
    context: MacroContext

    @property
    def positional(self) -> list[Expression]:
        """Return the positional arguments."""
        return [item.value for item in self.node.arguments if not item.name]

    def option(self, name: str) -> Argument | None:
        """Return the argument called ``name``."""
        return next((item for item in self.node.arguments if item.name == name), None)

    def fail(self, message: str, span: Span | None = None, hint: str = "") -> None:
        """Raise a ``FilterxError`` about this call."""
        place = span or self.node.span
        raise FilterxError(f"{self.node.name}(): {message}", place, hint)

    def text(self, index: int, what: str) -> str:
        """Return a positional argument that must be a literal text."""
        value = self.positional[index]
        if not isinstance(value, Literal) or not isinstance(value.value, str):
            self.fail(f"{what} must be a literal string", value.span)
        assert isinstance(value, Literal)
        return str(value.value)

    def text_option(self, name: str, default: str) -> str:
        """Return an option that must be a literal text."""
        argument = self.option(name)
        if argument is None:
            return default
        value = argument.value
        if not isinstance(value, Literal) or not isinstance(value.value, str):
            self.fail(f"{name}= must be a literal string", argument.span)
        assert isinstance(value, Literal)
        return str(value.value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an option that must be ``true`` or ``false``."""
        argument = self.option(name)
        if argument is None:
            return default
        value = argument.value
        if not isinstance(value, Literal) or not isinstance(value.value, bool):
            self.fail(f"{name}= must be true or false", argument.span)
        assert isinstance(value, Literal)
        return bool(value.value)

    def number_option(self, name: str, default: int) -> int:
        """Return an option that must be a literal integer."""
        argument = self.option(name)
        if argument is None:
            return default
        value = argument.value
        if not isinstance(value, Literal) or type(value.value) is not int:
            self.fail(f"{name}= must be a number", argument.span)
        assert isinstance(value, Literal)
        return int(value.value or 0)

    def texts(self, value: Expression, what: str) -> list[str]:
        """Return the literal texts of a literal list, or one alone."""
        items = value.items if isinstance(value, ListLiteral) else (value,)
        found = []
        for item in items:
            if not isinstance(item, Literal) or not isinstance(item.value, str):
                self.fail(f"{what} must be literal strings", item.span)
            assert isinstance(item, Literal)
            found.append(str(item.value))
        return found


def check_arguments(function: Function, node: FunctionCall) -> None:
    """Raise a ``FilterxError`` for a wrong number or name of arguments."""
    count = sum(not item.name for item in node.arguments)
    if count < function.minimum or -1 < function.maximum < count:
        if function.minimum == function.maximum:
            wanted = str(function.minimum or "no")
        elif function.maximum < 0:
            wanted = f"at least {function.minimum}"
        else:
            wanted = f"{function.minimum} to {function.maximum}"
        plural = "" if wanted == "1" else "s"
        raise FilterxError(
            f"{node.name}() takes {wanted} argument{plural}, not {count}", node.span
        )
    seen = set()
    for item in node.arguments:
        if not item.name:
            continue
        if item.name not in function.options:
            raise FilterxError(
                f"{node.name}() has no argument '{item.name}'",
                item.span,
                did_you_mean(item.name, function.options)
                or (
                    "it has " + ", ".join(function.options) if function.options else ""
                ),
            )
        if item.name in seen:
            raise FilterxError(
                f"'{item.name}' stands twice among the arguments", item.span
            )
        seen.add(item.name)
