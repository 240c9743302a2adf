"""
``add-contextual-data()``: name-value pairs looked up by a selector.

The database is a CSV file of ``selector,name,value``, read at start; a value is a
template. Without a match, ``default-selector()`` holds if it is set.
"""

from __future__ import annotations

import csv
import fnmatch
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.patterns import PatternError
from logferry.codegen.templates import template_function
from logferry.codegen.values import set_value
from logferry.config.kinds import Enum, Template, TextKind, YesNo
from logferry.config.nodes import TemplateText
from logferry.config.schema import Option
from logferry.config.versions import CONTEXT_VALUES_ARE_TEMPLATES

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["ContextDataOptions", "make_context_data"]

_Pair = tuple[str, Callable[["Message"], bytes]]


class ContextDataOptions(ParserOptions):
    """``add-contextual-data()``."""

    title = "parser add-contextual-data"

    selector = Option[TemplateText | None](
        Template(), None, doc="What is looked up.", required=True
    )
    database = Option(TextKind("a CSV file"), "", doc="The file.", required=True)
    default_selector = Option(TextKind(), "", doc="Looked up when nothing matches.")
    prefix = Option(TextKind(), "", doc="Put before every name.")
    ignore_case = Option(YesNo(), default=False, doc="Ignore case in selectors.")
    type = Option(
        Enum(("literal", "glob")), "literal", doc="How selectors are compared."
    )


def make_context_data(
    options: ContextDataOptions, context: MacroContext
) -> ParserFunction:
    """Return the parser. Raises ``PatternError`` and ``TemplateError``."""
    assert options.selector is not None
    selector = template_function(options.selector, context)
    table = _read(options, context)
    ignores_case = options.ignore_case
    is_glob = options.type == "glob"
    default = table.get(options.default_selector, [])

    def find(key: str) -> list[_Pair]:
        if not is_glob:
            return table.get(key, default)
        for pattern, pairs in table.items():
            if fnmatch.fnmatchcase(key, pattern):
                return pairs
        return default

    def parse(message: Message, text: bytes) -> bool:
        del text
        key = selector(message).decode("utf-8", "surrogateescape")
        for name, value_of in find(key.lower() if ignores_case else key):
            set_value(message, name, value_of(message))
        return True

    return parse


def _read(options: ContextDataOptions, context: MacroContext) -> dict[str, list[_Pair]]:
    table: dict[str, list[_Pair]] = {}
    try:
        text = Path(options.database).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PatternError(f"cannot read {options.database}: {error}") from error
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) != 3:
            raise PatternError(
                f"{options.database}:{number}: expected selector,name,value"
            )
        key, name, value = row
        if context.version < CONTEXT_VALUES_ARE_TEMPLATES:
            value = value.replace("$", "$$")
        pair = template_function(TemplateText(value, options.span), context)
        key = key.lower() if options.ignore_case else key
        table.setdefault(key, []).append((options.prefix + name, pair))
    return table
