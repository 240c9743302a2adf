"""
Template functions: ``$(echo …)``, ``$(format-json …)`` and the rest.

Most are plain Python functions from bytes to bytes; the generated code calls them with
its argument expressions. The others write their own expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.functions.contexts import CONTEXTS
from logferry.codegen.functions.dates import DATES
from logferry.codegen.functions.encoding import ENCODING
from logferry.codegen.functions.formats import FORMATS
from logferry.codegen.functions.lists import LISTS
from logferry.codegen.functions.lookups import LOOKUPS
from logferry.codegen.functions.numbers import NUMBERS
from logferry.codegen.functions.registry import ANY, Plain, Special
from logferry.codegen.functions.text import TEXT, emit_call
from logferry.codegen.python.functions import PYTHON
from logferry.codegen.template_text import Function, TemplateError, parse_template
from logferry.config.diagnostics import did_you_mean

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["FUNCTIONS", "Plain", "Special", "emit_function", "function_named"]

FUNCTIONS: dict[str, Plain | Special] = {
    **TEXT,
    **NUMBERS,
    **ENCODING,
    **LISTS,
    **CONTEXTS,
    **DATES,
    **FORMATS,
    **LOOKUPS,
    **PYTHON,
}
"""Template functions by name."""


def function_named(name: str) -> Plain | Special:
    """Return what ``$(name …)`` means. Raises ``TemplateError``."""
    found = FUNCTIONS.get(name.replace("_", "-"))
    if found is None:
        hint = did_you_mean(name, FUNCTIONS)
        raise TemplateError(f"unknown template function $({name}) {hint}".strip())
    return found


def emit_function(function: Function, fields: Fields, context: MacroContext) -> str:
    """
    Return an expression that calls ``function``. Raises ``TemplateError``.

    A ``template-function`` of the configuration is a template named ``name()``.
    """
    own = context.templates.get(f"{function.name.replace('_', '-')}()")
    if own is not None:
        from logferry.codegen.templates import emit_parts  # templates have functions

        return emit_parts(parse_template(own.text), fields, context)
    found = function_named(function.name)
    if isinstance(found, Special):
        return found.emit(function, fields, context)
    count = len(function.arguments)
    if not found.least <= count <= found.most:
        raise TemplateError(
            f"$({function.name}) takes {_range(found)}, not {count} arguments"
        )
    return emit_call(function, found.call, fields, context)


def _range(function: Plain) -> str:
    if function.most == ANY:
        return f"at least {function.least}"
    if function.least == function.most:
        return str(function.least)
    return f"{function.least} to {function.most}"
