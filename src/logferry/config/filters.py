"""
Filter expressions: arguments in, a tree out.

``not`` binds tighter than ``and``, which binds tighter than ``or``; ``;`` inside a
multi-statement filter means ``and`` (reference: filters).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from logferry.config.diagnostics import did_you_mean
from logferry.config.nodes import (
    And,
    Argument,
    Call,
    Comparison,
    FilterCall,
    FilterExpression,
    FilterReference,
    Group,
    Not,
    Number,
    Operator,
    Or,
    Span,
    TemplateText,
    Text,
    Word,
)
from logferry.config.schema import Scope
from logferry.limits import CONFIG_NESTING_MAX

__all__ = ["Condition", "parse_filter"]

_COMPARISONS = frozenset(
    "== != < > <= >= === !== lt le eq ne gt ge".split()  # noqa: SIM905 - reads better
)
_HINTS = frozenset(
    {
        "boolean",
        "bytes",
        "datetime",
        "double",
        "float",
        "int",
        "int64",
        "json",
        "list",
        "literal",
        "null",
        "string",
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """The kind of ``condition()``: an option whose value is a filter expression."""

    title: str = "a filter expression"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> FilterExpression | None:
        """Return the expression."""
        return parse_filter(arguments, span, scope)


def parse_filter(
    arguments: Sequence[Argument], span: Span, scope: Scope
) -> FilterExpression | None:
    """Return the expression, or report to ``scope.diagnostics`` and return ``None``."""
    return _Parser(arguments, span, scope).parse()


class _Parser:
    """Recursive descent over one list of arguments."""

    def __init__(self, arguments: Sequence[Argument], span: Span, scope: Scope) -> None:
        self._arguments = arguments
        self._index = 0
        self._span = span
        self._scope = scope

    def parse(self) -> FilterExpression | None:
        expression = self._or()
        if expression is None:
            return None
        rest = self._peek()
        if rest is not None:
            self._error(
                "unexpected argument in a filter",
                rest.span,
                "write 'and' or 'or' between",
            )
            return None
        return expression

    def _peek(self) -> Argument | None:
        if self._index < len(self._arguments):
            return self._arguments[self._index]
        return None

    def _keyword(self) -> str:
        argument = self._peek()
        if isinstance(argument, Word | Operator):
            text = argument.text.lower()
            return "and" if text == ";" else text
        if isinstance(argument, Call) and argument.name in {"and", "or", "not"}:
            return argument.name
        return ""

    def _skip_keyword(self) -> None:
        """Step over ``and``/``or``/``not``; ``not (…)`` was read as a call."""
        argument = self._peek()
        if isinstance(argument, Call):
            group = Group(argument.arguments, argument.span)
            arguments = list(self._arguments)
            arguments[self._index] = group
            self._arguments = arguments
        else:
            self._index += 1

    def _error(self, message: str, span: Span, hint: str = "") -> None:
        self._scope.diagnostics.error(message, span, hint)

    def _or(self) -> FilterExpression | None:
        return self._chain("or", self._and, Or)

    def _and(self) -> FilterExpression | None:
        return self._chain("and", self._not, And)

    def _chain(
        self,
        keyword: str,
        part: Callable[[], FilterExpression | None],
        join: type[And | Or],
    ) -> FilterExpression | None:
        first = part()
        if first is None:
            return None
        parts = [first]
        while self._keyword() == keyword:
            self._skip_keyword()
            if self._peek() is None and keyword == "and":
                break  # a filter's last statement ends with a semicolon too
            following = part()
            if following is None:
                return None
            parts.append(following)
        return first if len(parts) == 1 else join(tuple(parts), first.span)

    def _not(self) -> FilterExpression | None:
        spans = []
        while self._keyword() == "not":
            argument = self._peek()
            assert argument is not None
            self._skip_keyword()
            spans.append(argument.span)
        inner = self._primary()
        if len(spans) > CONFIG_NESTING_MAX:
            self._error(f"more than {CONFIG_NESTING_MAX} times not", spans[0])
            return None
        for span in reversed(spans):
            inner = None if inner is None else Not(inner, span)
        return inner

    def _primary(self) -> FilterExpression | None:
        argument = self._peek()
        if argument is None:
            self._error(
                "a filter expression is missing", self._span, "such as level(err)"
            )
            return None
        following = (
            self._arguments[self._index + 1]
            if self._index + 1 < len(self._arguments)
            else None
        )
        is_compared = (
            isinstance(following, Operator | Word)
            and following.text.lower() in _COMPARISONS
        )
        if is_compared:
            return self._comparison()
        self._index += 1
        if isinstance(argument, Group):
            return parse_filter(argument.arguments, argument.span, self._scope)
        if isinstance(argument, Call):
            return self._call(argument)
        self._error(
            "expected a filter function or a comparison",
            argument.span,
            'such as level(err) or "$HOST" eq "web"',
        )
        return None

    def _comparison(self) -> FilterExpression | None:
        left = self._template(self._arguments[self._index])
        operator = self._arguments[self._index + 1]
        assert isinstance(operator, Operator | Word)
        last = self._index + 2
        if last >= len(self._arguments) or isinstance(self._arguments[last], Operator):
            self._error("the right side of a comparison is missing", operator.span)
            return None
        right = self._template(self._arguments[self._index + 2])
        self._index += 3
        if left is None or right is None:
            return None
        return Comparison(left, operator.text.lower(), right, operator.span)

    def _template(self, argument: Argument) -> TemplateText | None:
        match argument:
            case Text(value, span):
                return TemplateText(value, span)
            case Number(value, text, span):
                # The value, not the text: 010 is eight, 1k a thousand.
                return TemplateText(
                    str(value), span, "int" if "." not in text else "float"
                )
            case Word(text, span):
                named = self._scope.template_named(text)
                if isinstance(named, TemplateText):
                    return named
                return TemplateText(text, span)
            case Call(name, arguments, span) if name in _HINTS and arguments:
                inner = self._template(arguments[0])
                if inner is not None:
                    return TemplateText(inner.text, span, name)
            case _:
                pass
        self._error("expected a string or a template", argument.span)
        return None

    def _call(self, call: Call) -> FilterExpression | None:
        if call.name == "filter":
            return self._reference(call)
        registry = self._scope.registry
        known = registry.filters if registry is not None else {}
        options = known.get(call.name)
        if options is None:
            self._error(
                f"unknown filter function {call.name}()",
                call.name_span,
                self._other_kind(call.name)
                or did_you_mean(call.name, [*known, "filter"]),
            )
            return None
        return FilterCall(
            call.name, options.read(call.arguments, self._scope, call.span), call.span
        )

    def _other_kind(self, name: str) -> str:
        """Return a hint for a parser or rewrite that stands among filters."""
        registry = self._scope.registry
        if registry is not None and name in registry.parsers:
            return "it is a parser: write it in parser { … }"
        if registry is not None and name in registry.rewrites:
            return "it is a rewrite: write it in rewrite { … }"
        return ""

    def _reference(self, call: Call) -> FilterExpression | None:
        words = [item for item in call.arguments if isinstance(item, Word | Text)]
        if len(words) != 1:
            self._error("expected the name of a filter", call.span)
            return None
        name = words[0].text if isinstance(words[0], Word) else words[0].value
        expression = self._scope.filter_named(name, call.span)
        if expression is None:
            return None
        return FilterReference(name, expression, call.span)
