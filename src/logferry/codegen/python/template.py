"""``LogTemplate``: a template that Python code of the configuration can print."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logferry.config.nodes import NOWHERE, TemplateText

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.macros import MacroContext
    from logferry.codegen.python.messages import LogMessage
    from logferry.message.model import Message

__all__ = ["LogTemplate"]


@dataclass(slots=True)
class LogTemplate:
    """
    A template: ``options("text" => LogTemplate("$HOST $MSG"))``, or made in Python.

    Two are equal when their texts are. ``format`` raises ``TemplateError`` for a text
    that is no template.
    """

    text: str
    _print: Callable[[Message], bytes] | None = field(default=None, compare=False)
    _macros: MacroContext | None = field(default=None, compare=False)

    def format(self, message: LogMessage) -> str:
        """Return what the template prints for ``message``."""
        from logferry.codegen.templates import template_function  # they know python()

        macros = message.macros
        if self._print is None or self._macros is not macros:
            template = TemplateText(self.text, NOWHERE)
            self._print, self._macros = template_function(template, macros), macros
        return self._print(message.message).decode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        """Return the text of the template."""
        return self.text
