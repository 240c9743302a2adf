"""Options of the rewrites, by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from logferry.codegen.kinds import HintedTemplate, with_hints
from logferry.codegen.patterns import FLAGS
from logferry.config.filters import Condition
from logferry.config.kinds import Enum, Flags, Template, TextKind, Words
from logferry.config.nodes import (
    NOWHERE,
    Argument,
    FilterExpression,
    Span,
    TemplateText,
)
from logferry.config.schema import Option, Options, Scope

__all__ = [
    "CreditCardOptions",
    "GroupOptions",
    "GuessZoneOptions",
    "NamesOptions",
    "RewriteOptions",
    "SetOptions",
    "SubstOptions",
    "TemplateRewriteOptions",
    "ZoneOptions",
]

_NO_TEMPLATE = TemplateText("", NOWHERE)
_STAMPS = Enum(("stamp", "recvd"))


class RewriteOptions(Options):
    """What every rewrite has."""

    condition = Option[FilterExpression | None](
        Condition(), None, doc="Do it only for messages that pass this filter."
    )


class TemplateRewriteOptions(RewriteOptions):
    """A rewrite that takes one template."""

    template = Option[TemplateText](
        Template(), _NO_TEMPLATE, doc="The new value.", positional=True, required=True
    )


class SetOptions(RewriteOptions):
    """``set()``; the template may have a type hint."""

    title = "rewrite set"

    template = Option[TemplateText](
        HintedTemplate(),
        _NO_TEMPLATE,
        doc="The new value.",
        positional=True,
        required=True,
    )
    value = Option(TextKind("a name"), "MESSAGE", doc="What is set.")

    @classmethod
    def read(
        cls, arguments: Sequence[Argument], scope: Scope, span: Span = NOWHERE
    ) -> Self:
        """Read options; a type hint is no option."""
        return super().read(with_hints(arguments, cls.by_name()), scope, span)


class SubstOptions(RewriteOptions):
    """``subst()``."""

    title = "rewrite subst"

    texts = Option(
        Words("a pattern and its replacement", minimum=2),
        ("", ""),
        doc="What is searched, and the template that takes its place.",
        positional=True,
        required=True,
    )
    value = Option(TextKind("a name"), "MESSAGE", doc="Where it is replaced.")
    type = Option(
        Enum(("pcre", "string", "glob", "posix")), "pcre", doc="The kind of pattern."
    )
    flags = Option(Flags(FLAGS), frozenset[str](), doc="How it is matched.")


class NamesOptions(RewriteOptions):
    """``rename()``, ``unset()``."""

    names = Option(Words(), (), doc="Old and new name.", positional=True)
    value = Option(TextKind("a name"), "", doc="What is unset.")


class GroupOptions(RewriteOptions):
    """``groupset()``, ``groupunset()``."""

    template = Option[TemplateText](
        Template(), _NO_TEMPLATE, doc="The new value.", positional=True
    )
    values = Option(Words(minimum=1), (), doc="Patterns of names.", required=True)


class ZoneOptions(TemplateRewriteOptions):
    """``set-time-zone()``, ``fix-time-zone()``."""

    title = "rewrite time zone"

    time_stamp = Option(_STAMPS, "stamp", doc="Which of the two stamps is changed.")


class GuessZoneOptions(RewriteOptions):
    """``guess-time-zone()``."""

    title = "rewrite guess-time-zone"

    time_stamp = Option(_STAMPS, "stamp", doc="Which of the two stamps is changed.")


class CreditCardOptions(RewriteOptions):
    """``credit-card-mask()``, ``credit-card-hash()``."""

    title = "rewrite credit card"

    value = Option(TextKind("a name"), "MESSAGE", doc="Where numbers are looked for.")
