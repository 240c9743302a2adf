"""Options of ``grouping-by()`` and ``group-lines()``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logferry.codegen.correlation.contexts import SCOPES
from logferry.codegen.correlation.synthesis import INHERIT_MODES
from logferry.codegen.multi_line import RuleOptions, check_multi_line
from logferry.codegen.parsers.base import ParserOptions
from logferry.config.filters import Condition
from logferry.config.kinds import (
    Block,
    Enum,
    Integer,
    Template,
    TextKind,
    Words,
    text_of,
    values_of,
)
from logferry.config.nodes import FilterExpression, TemplateText
from logferry.config.schema import Option, Options

if TYPE_CHECKING:
    from logferry.config.nodes import Argument, Span
    from logferry.config.schema import Scope

__all__ = [
    "INJECT_MODE",
    "AggregateOptions",
    "GroupLinesOptions",
    "GroupingByOptions",
    "GroupingOptions",
]

INJECT_MODE = Enum(("pass-through", "internal", "aggregate-only"))


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """A name and the template of its value: ``"name" "$MSG"``, ``"n" int("$X")``."""

    title: str = "a name and a template"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[tuple[str, TemplateText]] | None:
        """Return the pair, as the only one."""
        values = values_of(arguments)
        name = text_of(values[0]) if len(values) == 2 else None
        if name is None:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        template = Template().read(values[1:], span, scope)
        return None if template is None else ((name, template),)


class AggregateOptions(Options):
    """``aggregate()``: the message that is made of a context."""

    title = "aggregate()"

    value = Option[tuple[tuple[str, TemplateText], ...]](
        NamedTemplate(),
        (),
        doc="A name-value pair of the message; may be given many times.",
        repeatable=True,
    )
    tags = Option(
        Words("tags"), (), doc="Tags of the message; many times.", repeatable=True
    )
    inherit_mode = Option(
        Enum(INHERIT_MODES),
        "context",
        doc="What it takes over: nothing, the last message, or every message.",
    )


class GroupingOptions(ParserOptions):
    """What both grouping parsers have."""

    key = Option[TemplateText | None](
        Template(), None, doc="Messages with equal keys belong together.", required=True
    )
    scope = Option(
        Enum(SCOPES),
        "global",
        doc="What must be equal besides: the host, its program, its process.",
    )
    timeout = Option(
        Integer(minimum=1),
        1,
        doc="Messages belong together that come within so much time.",
        unit="s",
        required=True,
    )
    sort_key = Option[TemplateText | None](
        Template(), None, doc="Messages are sorted by it before they are aggregated."
    )
    persist_name = Option(
        TextKind(),
        "",
        doc="Under which open contexts are kept over a restart and a reload.",
    )


class GroupingByOptions(GroupingOptions):
    """``grouping-by()``."""

    title = "parser grouping-by"

    template = Option[TemplateText | None](
        Template(),
        None,
        doc="What is parsed.",
        no_effect="grouping-by() looks at no text",
    )
    where = Option[FilterExpression | None](
        Condition(), None, doc="Only messages that pass this filter are grouped."
    )
    trigger = Option[FilterExpression | None](
        Condition(), None, doc="A message that passes this filter ends its context."
    )
    having = Option[FilterExpression | None](
        Condition(), None, doc="Contexts that do not pass this filter make no message."
    )
    aggregate = Option[AggregateOptions | None](
        Block(AggregateOptions),
        None,
        doc="The message that is made of a context.",
        required=True,
    )
    inject_mode = Option(
        INJECT_MODE,
        "pass-through",
        doc="Where that message goes: on from here, to internal(), or on alone.",
    )
    prefix = Option(TextKind(), "", doc="Put before the names of the aggregate.")


class GroupLinesOptions(RuleOptions, GroupingOptions):
    """``group-lines()``."""

    title = "parser group-lines"

    line_separator = Option(
        TextKind("a string"), "\n", doc="Stands between the lines of a message."
    )

    def check(self, scope: Scope) -> None:
        """Report patterns that do not compile and that nobody asks for."""
        super().check(scope)
        check_multi_line(self, scope)
