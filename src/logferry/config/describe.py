"""
What a configuration may say, as plain data: every option of everything registered.

Read from the options' own descriptors, so that it is never older than the program.
``logferry options`` prints it, ``--json`` gives it to other programs, ``--grammar``
makes a TextMate grammar of it for editors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.config.kinds import Block
from logferry.config.nodes import TemplateText
from logferry.config.schema import ByVersion, FromGlobal

if TYPE_CHECKING:
    from logferry.config.schema import Option, Options, Registry

__all__ = [
    "CONTEXTS",
    "context_of",
    "describe_all",
    "describe_options",
    "text_mate_grammar",
]

CONTEXTS = ("options", "source", "destination", "filter", "parser", "rewrite")

_STATEMENTS = (
    *("options", "source", "destination", "filter", "parser", "rewrite", "log"),
    *("template", "template-function", "block", "python"),
)
_PATHS = ("junction", "channel", "if", "elif", "else", "flags")


def context_of(registry: Registry, context: str) -> dict[str, type[Options]]:
    """Return what a context knows, by name."""
    if context == "options":
        return {"options": registry.globals}
    known: dict[str, type[Options]] = getattr(registry, f"{context}s")
    return known


def describe_all(registry: Registry) -> dict[str, dict[str, Any]]:
    """Return all options of all drivers by context and name."""
    return {
        context: {
            name: describe_options(options)
            for name, options in sorted(context_of(registry, context).items())
        }
        for context in CONTEXTS
    }


def describe_options(options: type[Options]) -> dict[str, Any]:
    """Return the options of one driver by name; blocks with those inside."""
    return {
        option.name: _describe(option)
        for option in sorted(options.table().values(), key=lambda item: item.name)
    }


def _describe(option: Option[Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": option.kind.title,
        "default": _default(option.default),
        "doc": option.doc,
    }
    if option.unit:
        described["unit"] = option.unit
    for name in ("aliases", "obsolete"):
        if getattr(option, name):
            described[name] = list(getattr(option, name))
    for name in ("positional", "repeatable", "required", "no_effect"):
        if getattr(option, name):
            described[name.replace("_", "-")] = getattr(option, name)
    inside = getattr(option.kind, "options", None)
    if inside is not None:
        described["type"] = "a block"
        described["options"] = describe_options(inside)
    return described


def _default(value: object) -> object:
    """Return a default as JSON can hold it."""
    match value:
        case FromGlobal(attribute):
            return f"the global {attribute.replace('_', '-')}()"
        case ByVersion(newest):
            return _default(newest)
        case TemplateText(text):
            return text
        case bool() | int() | float() | str() | None:
            return value
        case frozenset() | tuple():
            return sorted(str(item) for item in value)
        case _:
            return str(value)


def text_mate_grammar(registry: Registry) -> dict[str, Any]:
    """Return a TextMate grammar that knows every word of the language."""
    drivers: set[str] = set()
    options: set[str] = set()
    for context in CONTEXTS:
        for name, known in context_of(registry, context).items():
            drivers.add(name)
            options |= _names(known)
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/"
        "tmlanguage.json",
        "name": "logferry",
        "scopeName": "source.logferry",
        "fileTypes": ["logferry", "syslog-ng"],
        "patterns": [
            {"name": "comment.line.number-sign", "match": "#.*$"},
            {"name": "meta.preprocessor", "match": r"^\s*@[A-Za-z-]+.*$"},
            {
                "name": "string.quoted.double",
                "begin": '"',
                "end": '"',
                "patterns": [
                    {"name": "constant.character.escape", "match": r"\\."},
                    {"include": "#macros"},
                ],
            },
            {
                "name": "string.quoted.single",
                "begin": "'",
                "end": "'",
                "patterns": [{"include": "#macros"}],
            },
            {"name": "variable.other.backtick", "match": "`[^`]*`"},
            {"name": "keyword.control", "match": _any((*_STATEMENTS, *_PATHS))},
            {"name": "keyword.operator", "match": _any(("and", "or", "not"))},
            {"name": "support.function", "match": _any(drivers) + r"(?=\s*\()"},
            {"name": "support.variable", "match": _any(options) + r"(?=\s*\()"},
            {
                "name": "constant.numeric",
                "match": r"\b-?(0x[0-9a-fA-F]+|\d+(\.\d+)?)([kKmMgG](i?[bB])?)?\b",
            },
            {"name": "constant.language", "match": _any(("yes", "no", "on", "off"))},
        ],
        "repository": {
            "macros": {
                "name": "variable.other.macro",
                "match": r"\$(\{[^}]*\}|\([a-z0-9+*/%-]+|[A-Za-z0-9_]+)",
            }
        },
    }


def _names(options: type[Options]) -> set[str]:
    names = set(options.by_name())
    for option in options.table().values():
        if isinstance(option.kind, Block):
            names |= _names(option.kind.options)
    return names


def _any(words: tuple[str, ...] | set[str]) -> str:
    """Return an expression for any of ``words``, ``-`` and ``_`` being the same."""
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return r"\b(" + "|".join(word.replace("-", "[-_]") for word in longest_first) + ")"
