"""Filters inside template functions: ``$(if level(err..emerg) … …)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.template_text import TemplateError
from logferry.config.diagnostics import Diagnostics
from logferry.config.filters import parse_filter
from logferry.config.lexer import tokenize
from logferry.config.nodes import NOWHERE, FilterExpression, Span
from logferry.config.options import GlobalOptions
from logferry.config.parse import parse_statements
from logferry.config.schema import Registry, Scope
from logferry.config.sources import SourceText

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["emit_condition", "read_condition"]


def emit_condition(text: str, fields: Fields, context: MacroContext) -> str:
    """Return the condition that the filter ``text`` means. Raises ``TemplateError``."""
    from logferry.codegen.filters import emit_filter  # filters have templates, too
    from logferry.codegen.patterns import PatternError

    try:
        return f"({emit_filter(read_condition(text, context), fields, context)})"
    except PatternError as error:
        raise TemplateError(str(error)) from error


def read_condition(text: str, context: MacroContext) -> FilterExpression:
    """Read the filter ``text``. Raises ``TemplateError``."""
    from logferry.codegen.filters import FILTERS

    diagnostics = Diagnostics()
    tokens = tokenize(SourceText("<template>", text))
    statements = parse_statements(tokens, diagnostics)

    def find(name: str, span: Span) -> FilterExpression | None:
        step = context.filters.get(name)
        if step is None:
            diagnostics.error(f"unknown filter '{name}'", span)
            return None
        return step.expression

    scope = Scope(
        diagnostics,
        version=context.version,
        templates=context.templates,
        registry=Registry(globals=GlobalOptions, filters=dict(FILTERS)),
        find_filter=find,
    )
    elements = [item for statement in statements for item in statement.elements]
    expression = parse_filter(elements, NOWHERE, scope)
    if diagnostics.has_errors or expression is None:
        reasons = "; ".join(item.message for item in diagnostics.items)
        raise TemplateError(f"the filter '{text}' cannot be read: {reasons}")
    return expression
