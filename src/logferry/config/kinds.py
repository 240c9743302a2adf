"""
Kinds of option values: how ``name(arguments)`` becomes a Python value.

Each kind is a small frozen dataclass with a ``title`` for messages and pages and a
``read`` that reports to the scope's diagnostics and returns ``None`` on bad input.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf
from typing import Any, TypeVar

from logferry.config.diagnostics import did_you_mean
from logferry.config.nodes import (
    Argument,
    Arrow,
    Call,
    Number,
    Operator,
    Span,
    TemplateText,
    Text,
    Word,
)
from logferry.config.schema import Options, Scope
from logferry.config.versions import TEMPLATES_KEEP_BACKSLASHES, Version
from logferry.records import record

__all__ = [
    "Block",
    "Bytes",
    "Enum",
    "Flags",
    "Integer",
    "Milliseconds",
    "Pairs",
    "Permissions",
    "Port",
    "Real",
    "Seconds",
    "Template",
    "TextKind",
    "Words",
    "YesNo",
    "template_of_version",
]

_YES = frozenset({"yes", "on", "true"})
_NO = frozenset({"no", "off", "false"})


def values_of(arguments: Sequence[Argument]) -> list[Argument]:
    """Return ``arguments`` without separating commas."""
    return [
        item
        for item in arguments
        if not (isinstance(item, Operator) and item.text == ",")
    ]


def text_of(argument: Argument) -> str | None:
    """Return the text of a word, string or number, else ``None``."""
    if isinstance(argument, Text):
        return argument.value
    if isinstance(argument, Word | Number):
        return argument.text
    return None


def single(
    arguments: Sequence[Argument], span: Span, scope: Scope, title: str
) -> Argument | None:
    """Return the only argument, or report that ``title`` was expected."""
    values = values_of(arguments)
    if len(values) == 1:
        return values[0]
    scope.diagnostics.error(
        f"expected {title}" + (", found nothing" if not values else ""),
        values[1].span if values else span,
    )
    return None


@record
class YesNo:
    """``yes``/``no``, also ``on``/``off`` and any number."""

    title: str = "yes or no"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> bool | None:
        """Return the truth value."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        if isinstance(argument, Number):
            return bool(argument.value)
        word = (text_of(argument) or "").lower()
        if word in _YES:
            return True
        if word in _NO:
            return False
        scope.diagnostics.error(f"expected {self.title}", argument.span)
        return None


_PERSIST_ONLY = (["persist_only"], ["persist-only"])


@record
class UseDns:
    """``yes``/``no``, or ``persist_only``: /etc/hosts only."""

    title: str = "yes, no or persist_only"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> str | None:
        """Return ``yes``, ``no`` or ``persist_only``."""
        words = [text_of(item) for item in values_of(arguments)]
        if [(word or "").lower() for word in words] in _PERSIST_ONLY:
            return "persist_only"
        is_used = YesNo(self.title).read(arguments, span, scope)
        return None if is_used is None else "yes" if is_used else "no"


@record
class Integer:
    """A whole number within bounds."""

    minimum: int | None = None
    maximum: int | None = None
    what: str = "a whole number"

    @property
    def title(self) -> str:
        """The number and its bounds."""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.what} from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"{self.what} of at least {self.minimum}"
        return self.what

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> int | None:
        """Return the number."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        value = _number(argument)
        if value is None or value != int(value) or not self._in_bounds(value):
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        return int(value)

    def _in_bounds(self, value: float) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )


@record
class Bytes(Integer):
    """A size; units such as ``k``, ``MiB`` are part of the language's numbers."""

    what: str = "a size in bytes"


@record
class Real:
    """A number, fractions allowed, within bounds."""

    minimum: float
    maximum: float | None = None

    @property
    def title(self) -> str:
        """The number and its bounds."""
        if self.maximum is None:
            return f"a number of at least {self.minimum:g}"
        return f"a number from {self.minimum:g} to {self.maximum:g}"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> float | None:
        """Return the number."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        value = _number(argument)
        maximum = inf if self.maximum is None else self.maximum
        if value is None or not self.minimum <= value <= maximum:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        return float(value)


@record
class Seconds:
    """A duration in seconds; fractions allowed."""

    minimum: float = 0.0

    @property
    def title(self) -> str:
        """The duration and its bound."""
        bound = f" of at least {self.minimum:g}" if self.minimum else ""
        return f"a number of seconds{bound}"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> float | None:
        """Return the seconds."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        value = _number(argument)
        if value is None or value < self.minimum:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        return float(value)


@record
class Milliseconds:
    """A duration given in milliseconds; the value is in seconds."""

    title: str = "a number of milliseconds"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> float | None:
        """Return the duration in seconds."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        value = _number(argument)
        if value is None or value < 0:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        return value / 1000


@record
class TextKind:
    """One word, string or number, as text; with ``is_optional`` perhaps nothing."""

    title: str = "a string"
    is_optional: bool = False

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> str | None:
        """Return the text."""
        if self.is_optional and not values_of(arguments):
            return ""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        value = text_of(argument)
        if value is None:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
        return value


@record
class Words:
    """A list of words or strings, separated by space or comma."""

    title: str = "a list of strings"
    minimum: int = 0

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[str, ...] | None:
        """Return the texts."""
        texts = []
        for argument in values_of(arguments):
            text = text_of(argument)
            if text is None:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            texts.append(text)
        if len(texts) < self.minimum:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return tuple(texts)


@record
class Enum:
    """One of a few words; the value is the word in its first spelling."""

    words: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The words."""
        return "one of " + ", ".join(self.words)

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> str | None:
        """Return the word."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        word = (text_of(argument) or "").lower()
        word = dict(self.aliases).get(word, word)
        for known in self.words:
            if word.replace("_", "-") == known.replace("_", "-"):
                return known
        scope.diagnostics.error(
            f"expected {self.title}", argument.span, did_you_mean(word, self.words)
        )
        return None


@record
class Flags:
    """A set of known words."""

    words: tuple[str, ...]

    @property
    def title(self) -> str:
        """The words."""
        return "flags among " + ", ".join(self.words)

    def read(
        self,
        arguments: Sequence[Argument],
        span: Span,
        scope: Scope,
    ) -> frozenset[str] | None:
        """Return the flags."""
        del span
        found = set()
        for argument in values_of(arguments):
            word = (text_of(argument) or "").lower().replace("_", "-")
            if word not in self.words:
                scope.diagnostics.error(
                    f"unknown flag '{word}'",
                    argument.span,
                    did_you_mean(word, self.words) or f"expected {self.title}",
                )
                return None
            found.add(word)
        return frozenset(found)


@record
class Permissions:
    """File permissions in octal; empty parentheses mean: leave them alone (-1)."""

    title: str = "permissions in octal, such as 0640"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> int | None:
        """Return the mode bits, or -1 for empty parentheses."""
        if not values_of(arguments):
            return -1
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        text = text_of(argument) or ""
        try:
            return int(text, 8)
        except ValueError:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None


@record
class Port:
    """A port number, or a service name resolved at start."""

    title: str = "a port number or service name"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> int | str | None:
        """Return the number, or the service's name."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        text = text_of(argument)
        if text is None:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        if not text.isdigit():
            return text
        if int(text) > 65535:
            scope.diagnostics.error("a port is at most 65535", argument.span)
            return None
        return int(text)


def template_of_version(text: str, version: Version) -> str:
    """
    Return the template ``text`` of an older configuration as it is written today.

    Before 3.5 a backslash took the meaning of what follows it, also of ``$``.
    """
    if version >= TEMPLATES_KEEP_BACKSLASHES or "\\" not in text:
        return text
    return _escaped.sub(lambda match: "$$" if match[1] == "$" else match[1], text)


_escaped = re.compile(r"\\(.?)", re.DOTALL)


@record
class Template:
    """A template: inline text, the name of a template object, or a type-hinted one."""

    title: str = "a template"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> TemplateText | None:
        """Return the template's text; a named one is looked up."""
        argument = single(arguments, span, scope, self.title)
        if argument is None:
            return None
        if isinstance(argument, Call):  # a type hint: int("$X")
            inner = single(argument.arguments, argument.span, scope, self.title)
            text = None if inner is None else text_of(inner)
            if text is None:
                return None
            text = template_of_version(text, scope.version)
            return TemplateText(text, argument.span, argument.name)
        if isinstance(argument, Number):
            return _template_of_number(argument)
        text = text_of(argument)
        if text is None:
            scope.diagnostics.error(f"expected {self.title}", argument.span)
            return None
        named = scope.template_named(text)
        if isinstance(named, TemplateText):
            return named
        return TemplateText(template_of_version(text, scope.version), argument.span)


def _template_of_number(number: Number) -> TemplateText:
    """Return a literal number, which has a type; units and bases are applied."""
    if isinstance(number.value, int):
        return TemplateText(str(number.value), number.span, "int64")
    return TemplateText(number.text, number.span, "float")


@record
class Pairs:
    """``"key" => value`` pairs (also without arrow: ``"key" "value"``)."""

    title: str = 'pairs such as "name" => "value"'

    def read(
        self,
        arguments: Sequence[Argument],
        span: Span,
        scope: Scope,
    ) -> tuple[tuple[str, TemplateText], ...] | None:
        """Return keys and values; a value may be type-hinted."""
        del span
        pairs = []
        for argument in values_of(arguments):
            if not isinstance(argument, Arrow):
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            key = text_of(argument.key)
            value = Template().read((argument.value,), argument.span, scope)
            if key is None or value is None:
                return None
            pairs.append((key, value))
        return tuple(pairs)


O = TypeVar("O", bound=Options)  # noqa: E741 - the field's letter for options


class Block:
    """
    A nested set of options, such as ``failover( … )``.

    With ``is_many`` the value is a tuple of sets, for a repeatable option.
    """

    def __init__(self, options: type[Options], *, is_many: bool = False) -> None:
        self.options = options
        self.is_many = is_many

    @property
    def title(self) -> str:
        """The names that may stand inside."""
        return "options such as " + ", ".join(
            f"{name}()" for name in self.options.by_name()
        )

    def read(self, arguments: Sequence[Argument], span: Span, scope: Scope) -> Any:
        """Return the nested options."""
        options = self.options.read(arguments, scope, span)
        return (options,) if self.is_many else options


def _number(argument: Argument) -> float | None:
    if isinstance(argument, Number):
        return argument.value
    if isinstance(argument, Text):
        try:
            return float(argument.value)
        except ValueError:
            return None
    return None
