"""
``python()`` as parser: a class of the configuration changes messages.

An exception is an outcome: it is counted, and the message leaves the path as if the
parser had not understood it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.python.code import make_component
from logferry.codegen.python.messages import LogMessage
from logferry.codegen.python.options import ClassOptions, check_class

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.config.schema import Scope
    from logferry.message.model import Message

__all__ = ["PythonParserOptions", "make_python"]


class PythonParserOptions(ParserOptions, ClassOptions):
    """``python()``."""

    title = "parser python"

    def check(self, scope: Scope) -> None:
        """Find the class."""
        check_class(self, self.class_, scope)


def make_python(options: PythonParserOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PythonFailed``."""
    code: Any = options._values["code"]
    name = options.class_
    component = make_component(code, name, dict(options.options), "parse")
    failures = context.metrics.counter(
        "python_failures_total", {"class": name, "kind": "parser"}
    )

    def parse(message: Message, text: bytes) -> bool:
        del text
        try:
            return bool(component.parse(LogMessage.of(message, context)))
        except Exception:
            failures.add(1)
            return False

    return parse
