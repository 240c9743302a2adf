"""``map-value-pairs()`` and ``metrics-probe()``: names with templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.kinds import TemplatePairs, canonical_type
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.templates import template_function
from logferry.codegen.values import set_value
from logferry.config.kinds import Integer, Template, TextKind
from logferry.config.nodes import TemplateText
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = [
    "MapValuePairsOptions",
    "MetricsProbeOptions",
    "make_map_value_pairs",
    "make_metrics_probe",
]

_Pairs = tuple[tuple[str, TemplateText], ...]
_NO_PAIRS: _Pairs = ()
_DEFAULT_LABELS = (
    ("app", "$PROGRAM"),
    ("host", "$HOST"),
    ("program", "$PROGRAM"),
    ("source", "$SOURCE"),
)


class MapValuePairsOptions(ParserOptions):
    """``map-value-pairs()``."""

    title = "parser map-value-pairs"

    pair = Option(
        TemplatePairs(),
        _NO_PAIRS,
        doc="A name and the template of its value.",
        repeatable=True,
    )


class MetricsProbeOptions(ParserOptions):
    """``metrics-probe()``."""

    title = "parser metrics-probe"

    key = Option(TextKind(), "classified_events_total", doc="Name of the counter.")
    labels = Option(TemplatePairs(), _NO_PAIRS, doc="Labels and their values.")
    increment = Option[TemplateText | None](
        Template(), None, doc="What is added for each message; the default is 1."
    )
    level = Option(
        Integer(minimum=0, maximum=4), 0, doc="The stats level at which it is shown."
    )


def make_map_value_pairs(
    options: MapValuePairsOptions, context: MacroContext
) -> ParserFunction:
    """Return the parser. Raises ``TemplateError``."""
    pairs = [
        (name, template_function(template, context), canonical_type(template.hint))
        for name, template in options.pair
    ]

    def parse(message: Message, text: bytes) -> bool:
        del text
        for name, value_of, kind in pairs:
            set_value(message, name, value_of(message), kind)
        return True

    return parse


def make_metrics_probe(
    options: MetricsProbeOptions, context: MacroContext
) -> ParserFunction:
    """Return the parser. Raises ``TemplateError``."""
    given = [(name, template.text) for name, template in options.labels]
    if not given and "key" not in options.given:
        given = list(_DEFAULT_LABELS)
    labels = [
        (name, template_function(TemplateText(text, options.span), context))
        for name, text in given
    ]
    increment = (
        None
        if options.increment is None
        else template_function(options.increment, context)
    )
    metrics, key, level = context.metrics, options.key, options.level

    def parse(message: Message, text: bytes) -> bool:
        del text
        amount = 1
        if increment is not None:
            try:
                amount = int(increment(message))
            except ValueError:
                amount = 0
        values = {
            name: value_of(message).decode("utf-8", "replace")
            for name, value_of in labels
        }
        values = {name: value for name, value in values.items() if value}
        counter = metrics.counter(key, values, level=level, dynamic=True)
        counter.add(amount)
        return True

    return parse
