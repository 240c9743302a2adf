"""
``$(python function …)`` and ``python()`` as filter.

An exception is an outcome: it is counted; the function prints nothing then, and the
filter does not match.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from logferry.codegen.functions.registry import Special
from logferry.codegen.python.code import PythonFailed, find_name, make_component
from logferry.codegen.python.messages import LogMessage, value_of_python
from logferry.codegen.python.options import ClassOptions, check_class
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.config.schema import Scope
    from logferry.message.model import Message

__all__ = ["PYTHON", "PythonFilterOptions", "python_filter"]


class PythonFilterOptions(ClassOptions):
    """``python()`` as filter."""

    title = "filter python"

    def check(self, scope: Scope) -> None:
        """Find the class."""
        check_class(self, self.class_, scope)


def python_filter(
    options: PythonFilterOptions, context: MacroContext
) -> Callable[[Message], bool]:
    """Return the condition. Raises ``PythonFailed``."""
    code: Any = options._values["code"]
    name = options.class_
    component = make_component(code, name, dict(options.options), "match")
    failures = context.metrics.counter(
        "python_failures_total", {"class": name, "kind": "filter"}
    )

    def holds(message: Message) -> bool:
        try:
            return bool(component.match(LogMessage.of(message, context)))
        except Exception:
            failures.add(1)
            return False

    return holds


def _emit(function: Function, fields: Fields, context: MacroContext) -> str:
    from logferry.codegen.templates import emit_parts, message_only

    message_only(fields, "$(python) gets the message")
    if not function.raw:
        raise TemplateError("$(python) needs the name of a function")
    name = function.raw[0]
    try:
        call = find_name(context.python, name)
    except PythonFailed as error:
        raise TemplateError(f"$(python): {error}") from error
    failures = context.metrics.counter(
        "python_failures_total", {"class": name, "kind": "function"}
    )

    def apply(message: Message, *values: bytes) -> bytes:
        texts = [value.decode("utf-8", "surrogateescape") for value in values]
        try:
            return value_of_python(call(LogMessage.of(message, context), *texts))[0]
        except Exception:
            failures.add(1)
            return b""

    codes = [emit_parts(parts, fields, context) for parts in function.arguments[1:]]
    bound = fields.constants.bind(apply, f"python_{name}")
    return f"{bound}({', '.join(['m', *codes])})"


PYTHON = {"python": Special(_emit)}
"""Template functions written in Python, by name."""
