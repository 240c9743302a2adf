"""``map-value-pairs()`` and ``metrics-probe()``: names with templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logferry.codegen.kinds import TemplatePairs, canonical_type
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.template_text import Function
from logferry.codegen.templates import template_function
from logferry.codegen.value_pairs import pairs_of
from logferry.codegen.values import set_value
from logferry.config.kinds import Integer, Template, TextKind, text_of, values_of
from logferry.config.nodes import Argument, Call, TemplateText
from logferry.config.schema import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Span
    from logferry.config.schema import Scope
    from logferry.message.model import Message

__all__ = [
    "MapValuePairsOptions",
    "MetricsProbeOptions",
    "make_map_value_pairs",
    "make_metrics_probe",
]

_Pairs = tuple[tuple[str, TemplateText], ...]
_NO_PAIRS: _Pairs = ()
_NO_WORDS: tuple[str, ...] = ()
_DEFAULT_LABELS = (
    ("app", "$PROGRAM"),
    ("host", "$HOST"),
    ("program", "$PROGRAM"),
    ("source", "$SOURCE"),
)


_SELECTING = frozenset({"exclude", "key", "rekey", "scope"})
_STEPS = frozenset(
    {"add-prefix", "lower", "replace-prefix", "shift", "shift-levels", "upper"}
)


@dataclass(frozen=True, slots=True)
class Selected:
    """What selects values, as the words that template functions have for it."""

    word: str

    @property
    def title(self) -> str:
        """What is expected."""
        return "names or patterns of values"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[str, ...] | None:
        """Return the words."""
        words: list[str] = []
        names: list[str] = []
        for argument in values_of(arguments):
            text = text_of(argument)
            if text is not None:
                names.append(text)
                words += [self.word, text]
                continue
            steps: tuple[Argument, ...] = (argument,) if self.word == "--rekey" else ()
            if self.word == "--key" and isinstance(argument, Call):
                steps = argument.arguments if argument.name == "rekey" else ()
            read = [self._step(step) for step in steps]
            if not names or not read or None in read:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            if self.word == "--key":
                words += ["--rekey", names[-1]]
            words += [word for step in read for word in step or ()]
        if not words:
            scope.diagnostics.error(f"expected {self.title}, found nothing", span)
            return None
        return tuple(words)

    @staticmethod
    def _step(step: Argument) -> tuple[str, ...] | None:
        """Return the words of ``add-prefix("x")`` and its like."""
        if not isinstance(step, Call) or step.name not in _STEPS:
            return None
        texts = [text_of(item) for item in values_of(step.arguments)]
        if step.name in {"upper", "lower"}:
            return (f"--{step.name}",)
        wanted = 2 if step.name == "replace-prefix" else 1
        if len(texts) != wanted or None in texts:
            return None
        return f"--{step.name}", "=".join(text for text in texts if text is not None)


class MapValuePairsOptions(ParserOptions):
    """``map-value-pairs()``."""

    title = "parser map-value-pairs"

    pair = Option(
        TemplatePairs(),
        _NO_PAIRS,
        doc="A name and the template of its value.",
        repeatable=True,
    )
    key = Option(
        Selected("--key"),
        _NO_WORDS,
        doc="Names or patterns of values; rekey() says what they are called then.",
        repeatable=True,
    )
    rekey = Option(
        Selected("--rekey"),
        _NO_WORDS,
        doc="A pattern, and what becomes of the names that match it: add-prefix(), "
        "replace-prefix(), shift(), shift-levels(), upper(), lower().",
        repeatable=True,
    )
    exclude = Option(
        Selected("--exclude"),
        _NO_WORDS,
        doc="Names or patterns of values that are not taken.",
        repeatable=True,
    )
    scope = Option(
        Selected("--scope"),
        _NO_WORDS,
        doc="Groups of values, such as nv-pairs or rfc5424.",
        repeatable=True,
    )


@dataclass(frozen=True, slots=True)
class LabelWords:
    """Labels as they are written: pairs, and words that select values."""

    pairs: tuple[tuple[str, TemplateText], ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """``"name" => "template"``, and what selects values in the way of value-pairs."""

    title: str = TemplatePairs().title

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> LabelWords | None:
        """Return the labels."""
        pairs: list[Argument] = []
        words: list[str] = []
        for argument in arguments:
            if not isinstance(argument, Call) or argument.name not in _SELECTING:
                pairs.append(argument)
                continue
            kind = Selected(f"--{argument.name}")
            found = kind.read(argument.arguments, argument.span, scope)
            if found is None:
                return None
            words += found
        if words and not pairs:
            return LabelWords((), tuple(words))
        templates = TemplatePairs().read(pairs, span, scope)
        return None if templates is None else LabelWords(templates, tuple(words))


class MetricsProbeOptions(ParserOptions):
    """``metrics-probe()``."""

    title = "parser metrics-probe"

    key = Option(TextKind(), "classified_events_total", doc="Name of the counter.")
    labels = Option(
        Labels(),
        LabelWords((), ()),
        doc="Labels and their values; key(), rekey(), exclude() and scope() take them "
        "from values of the message.",
    )
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

    words = (*options.scope, *options.key, *options.exclude, *options.rekey)
    selected = None
    if words:
        selected = pairs_of(Function("map-value-pairs", (), words)).readers(context)

    def parse(message: Message, text: bytes) -> bool:
        del text
        if selected is not None:
            for name, value, kind in list(selected(message)):
                set_value(message, name, value, kind)
        for name, value_of, kind in pairs:
            set_value(message, name, value_of(message), kind)
        return True

    return parse


def make_metrics_probe(
    options: MetricsProbeOptions, context: MacroContext
) -> ParserFunction:
    """Return the parser. Raises ``TemplateError``."""
    given = [(name, template.text) for name, template in options.labels.pairs]
    words = options.labels.words
    if not given and not words and "key" not in options.given:
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
    selected = None
    if words:
        selected = pairs_of(Function("metrics-probe", (), words)).readers(context)
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
        if selected is not None:
            for name, value, _ in selected(message):
                values[name] = value.decode("utf-8", "replace")
        values = {name: value for name, value in values.items() if value}
        counter = metrics.counter(key, values, level=level, dynamic=True)
        counter.add(amount)
        return True

    return parse
