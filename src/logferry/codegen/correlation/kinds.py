"""The parsers that correlate: their options, and what makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.codegen.correlation.db import DbParser
from logferry.codegen.correlation.group_lines import GroupLines
from logferry.codegen.correlation.grouping_by import GroupingBy
from logferry.codegen.correlation.options import (
    GroupingByOptions,
    GroupingOptions,
    GroupLinesOptions,
)
from logferry.codegen.parsers.db import DbOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.correlation.correlator import Correlator
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.message.model import Message

__all__ = ["CORRELATORS", "correlates", "keeps_messages", "make_correlator", "name_of"]

CORRELATORS: dict[str, type[Options]] = {
    "grouping-by": GroupingByOptions,
    "group-lines": GroupLinesOptions,
}
"""Parsers that always correlate, by name."""


def correlates(spec: Spec) -> bool:
    """Tell whether this parser keeps messages back or makes new ones."""
    if isinstance(spec.options, DbOptions):
        return spec.options.correlates
    return spec.kind in CORRELATORS


def keeps_messages(spec: Spec) -> bool:
    """Tell whether messages end at this parser, and others go on in their place."""
    if spec.kind == "group-lines":
        return True
    return getattr(spec.options, "inject_mode", "") == "aggregate-only"


def make_correlator(
    spec: Spec, number: int, context: MacroContext, post: Callable[[Message], None]
) -> Correlator:
    """
    Return the correlator of ``spec`` at its ``number``th place of the log paths.

    Raises ``TemplateError`` and ``PatternError``.
    """
    name = f"{name_of(spec)}#{number}"
    if spec.kind == "grouping-by":
        return GroupingBy(name, cast("GroupingByOptions", spec.options), context, post)
    if isinstance(spec.options, DbOptions):
        return DbParser(name, spec.options, context, post)
    return GroupLines(name, cast("GroupLinesOptions", spec.options), context, post)


def name_of(spec: Spec) -> str:
    """Return what the contexts are kept under: the same as long as they fit."""
    options = spec.options
    if isinstance(options, DbOptions):
        return f"{spec.kind}({options.persist_name or options.file})"
    options = cast("GroupingOptions", options)
    if options.persist_name:
        inner = options.persist_name
    else:
        assert options.key is not None
        inner = f"{options.key.text},{options.scope}"
    return f"{spec.kind}({inner})"
