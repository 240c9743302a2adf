"""Kinds of option values that only message processing has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from logferry.config.diagnostics import did_you_mean
from logferry.config.kinds import Template, Words, text_of, values_of
from logferry.config.nodes import Argument, Arrow, Call, Group, Span, TemplateText
from logferry.config.schema import Scope

__all__ = [
    "TYPES",
    "Columns",
    "Delimiters",
    "HintedTemplate",
    "TemplatePairs",
    "canonical_type",
    "with_hints",
]

TYPES = {
    "string": "string",
    "int": "int",
    "int32": "int",
    "int64": "int",
    "integer": "int",
    "float": "double",
    "double": "double",
    "bool": "boolean",
    "boolean": "boolean",
    "datetime": "datetime",
    "json": "json",
    "literal": "json",
    "list": "list",
    "null": "null",
    "bytes": "bytes",
    "protobuf": "bytes",
}
"""Type hints and the type each means."""


def canonical_type(hint: str) -> str:
    """Return the type that ``hint`` means, or nothing for a string."""
    kind = TYPES.get(hint, "")
    return "" if kind == "string" else kind


@dataclass(frozen=True, slots=True)
class HintedTemplate:
    """A template, also as ``int("$X")`` where options could stand as well."""

    title: str = "a template"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> TemplateText | None:
        """Return the template; a hinted one comes in a :class:`Group`."""
        values = values_of(arguments)
        if len(values) == 1 and isinstance(values[0], Group):
            values = list(values[0].arguments)
        return Template().read(values, span, scope)


def with_hints(
    arguments: Sequence[Argument], names: Collection[str]
) -> Sequence[Argument]:
    """Put type hints among ``arguments`` into groups, so that no option is meant."""
    return [
        Group((item,), item.span)
        if isinstance(item, Call) and item.name in TYPES and item.name not in names
        else item
        for item in arguments
    ]


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns, each with an optional type: ``"a" int("b")``."""

    title: str = "names of columns"

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[tuple[str, str], ...] | None:
        """Return names and types."""
        del span
        columns: list[tuple[str, str]] = []
        for argument in values_of(arguments):
            kind = ""
            name = text_of(argument)
            if isinstance(argument, Call):
                if argument.name not in TYPES:
                    scope.diagnostics.error(
                        f"unknown type {argument.name}()",
                        argument.name_span,
                        did_you_mean(argument.name, TYPES),
                    )
                    return None
                kind = canonical_type(argument.name)
                inner = values_of(argument.arguments)
                name = text_of(inner[0]) if inner else None
            if name is None:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            columns.append((name, kind))
        return tuple(columns)


@dataclass(frozen=True, slots=True)
class Delimiters:
    """
    A string of single characters, or ``chars("…")`` and ``strings("…" …)``.

    Without ``chars()`` a space is a delimiter beside the strings.
    """

    title: str = 'delimiters such as "," or chars(",;") strings(" - ")'

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[str, ...] | None:
        """Return the delimiters, longest first."""
        found: list[str] = []
        has_characters = False
        for argument in values_of(arguments):
            if isinstance(argument, Call) and argument.name == "strings":
                found += Words().read(argument.arguments, span, scope) or ()
                continue
            inner = argument
            if isinstance(argument, Call) and argument.name == "chars":
                inner = (*values_of(argument.arguments), argument)[0]
            text = text_of(inner)
            if text is None:
                scope.diagnostics.error(f"expected {self.title}", argument.span)
                return None
            found += text
            has_characters = True
        if not has_characters:
            found.append(" ")
        return tuple(sorted(found, key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class TemplatePairs:
    """A name and a template, with or without an arrow; adds up when repeated."""

    title: str = 'a name and a template, such as "name" => "$HOST"'

    def read(
        self, arguments: Sequence[Argument], span: Span, scope: Scope
    ) -> tuple[tuple[str, TemplateText], ...] | None:
        """Return the pairs."""
        flat: list[Argument] = []
        for argument in values_of(arguments):
            if isinstance(argument, Arrow):
                flat += [argument.key, argument.value]
            else:
                flat.append(argument)
        pairs: list[tuple[str, TemplateText]] = []
        for key, value in zip(flat[::2], flat[1::2], strict=False):
            name = text_of(key)
            template = Template().read((value,), value.span, scope)
            if name is None or template is None:
                scope.diagnostics.error(f"expected {self.title}", key.span)
                return None
            pairs.append((name, template))
        if not pairs or len(flat) % 2:
            scope.diagnostics.error(f"expected {self.title}", span)
            return None
        return tuple(pairs)
