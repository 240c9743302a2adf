"""
Blocks: named pieces of configuration with parameters, and what generates them.

``block destination logs(host() port(514) ...) { … };`` is used as ``logs(host("a"))``
inside a ``destination``. A parameter with empty parentheses is mandatory, ``("")``
stands for nothing, and ``...`` collects what is not declared as ``__VARARGS__``.

``@module confgen context(source) name(apps) exec("list-apps.sh")`` defines one whose
text is what a program prints; arguments are its environment, as ``confgen_name``.
``python("module:function")`` in the place of ``exec()`` calls a function, which gets
the arguments by keyword and returns the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from logferry.config.diagnostics import did_you_mean
from logferry.config.lexer import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.lexer import Token
    from logferry.config.nodes import Span

__all__ = [
    "BUILT_IN_BLOCKS",
    "CONTEXTS",
    "VARARGS",
    "BlockDefinition",
    "Generator",
    "argument_name",
    "bind_arguments",
    "read_generator",
    "read_parameters",
    "text_of_tokens",
    "text_of_words",
]

CONTEXTS = (
    "root",
    "source",
    "destination",
    "filter",
    "parser",
    "rewrite",
    "log",
    "options",
    "inner-src",
    "inner-dest",
    "filterx",
)
"""Where a block may be used; ``inner-…`` are the inside of a driver's parentheses."""

VARARGS = "__VARARGS__"

BUILT_IN_BLOCKS = {("source", "system"): "logferry.scl.generators:system"}
"""Blocks that are there without the library, by context and name; who makes them."""

Arguments = dict[str, "list[Token]"]


@dataclass(frozen=True, slots=True)
class Generator:
    """What makes the text of a block: ``kind`` is ``exec`` or ``python``."""

    kind: str
    command: str


@dataclass(slots=True)
class BlockDefinition:
    """
    A block as it was defined.

    Attributes:
        parameters: the default of each, ``None`` for a mandatory one.
        takes_more: ``...`` ends the parameters.
        body: its tokens, or what generates them.

    """

    context: str
    name: str
    span: Span
    parameters: dict[str, list[Token] | None] = field(default_factory=dict)
    takes_more: bool = False
    body: list[Token] | Generator = field(default_factory=list)
    is_used: bool = False


def argument_name(text: str) -> str:
    """Return the one spelling of an argument's name: ``-`` and ``_`` are the same."""
    return text.replace("-", "_")


def split_calls(
    tokens: Sequence[Token],
) -> tuple[list[tuple[Token, list[Token]]], list[Token]]:
    """Return (name, inside) for each ``name(inside)`` in ``tokens``, and the rest."""
    calls: list[tuple[Token, list[Token]]] = []
    rest: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        is_call = index + 1 < len(tokens) and tokens[index + 1].type == "LPAR"
        if not is_call or token.type not in {"WORD", "NUMBER"}:
            rest.append(token)
            index += 1
            continue
        end = index + 2
        depth = 1
        while end < len(tokens):
            kind = tokens[end].type
            depth += (kind == "LPAR") - (kind == "RPAR")
            if not depth:
                break
            end += 1
        calls.append((token, list(tokens[index + 2 : end])))
        index = end + 1
    return calls, rest


def read_parameters(
    block: BlockDefinition, tokens: Sequence[Token], diagnostics: Diagnostics
) -> None:
    """Read the parameters of ``block`` from what stands in its parentheses."""
    calls, rest = split_calls(tokens)
    for name, default in calls:
        is_nothing = len(default) == 1 and default[0].text in {'""', "''"}
        value = [] if is_nothing else default
        block.parameters[argument_name(name.text)] = value if default else None
    for token in rest:
        if token.type == "COMMA":
            continue
        if token.text in {"..", "."}:  # `...` is read as an operator and a dot
            block.takes_more = True
        else:
            diagnostics.error(
                f"expected a parameter of the block, found '{token.text}'",
                token.span,
                'write name("default"), or name() for one that must be given',
            )


def bind_arguments(
    block: BlockDefinition,
    tokens: Sequence[Token],
    span: Span,
    diagnostics: Diagnostics,
) -> Arguments | None:
    """
    Return the value of each parameter for a use of ``block`` with ``tokens``.

    ``None`` when a mandatory one is missing: what the block would become then, would
    only bring more errors.
    """
    values: Arguments = {}
    more: list[Token] = []
    is_complete = True
    calls, rest = split_calls(tokens)
    for name, inside in calls:
        key = argument_name(name.text)
        if key in block.parameters:
            values[key] = inside
        elif block.takes_more:
            more += _as_written(name, inside)
        else:
            diagnostics.error(
                f"block {block.name}() has no parameter {name.text}()",
                name.span,
                did_you_mean(key.replace("_", "-"), _written(block.parameters)),
            )
    rest = [token for token in rest if token.type != "COMMA"]
    if rest and block.takes_more:
        more = rest + more
    elif rest:
        diagnostics.error(
            f"unexpected '{rest[0].text}' among the arguments of {block.name}()",
            rest[0].span,
            "write each as name(value)",
        )
    for key, default in block.parameters.items():
        if key in values:
            continue
        if default is None:
            written = key.replace("_", "-")
            others = [call.text for call, _ in calls]
            others = [text for text in others if argument_name(text) not in values]
            similar = get_close_matches(written, others, n=1)
            diagnostics.error(
                f"{block.name}() needs {written}()",
                span,
                f"is {similar[0]}() a misspelling of it?"
                if similar
                else f"the block at {block.span} has no default for it",
            )
            is_complete = False
        values[key] = default or []
    values[VARARGS] = more
    return values if is_complete else None


def _written(parameters: Mapping[str, object]) -> list[str]:
    return [key.replace("_", "-") for key in parameters]


def _as_written(name: Token, inside: list[Token]) -> list[Token]:
    opening = name._replace(type="LPAR", value="(", text="(")
    closing = name._replace(type="RPAR", value=")", text=")")
    return [name, opening, *inside, closing]


_GLUED = frozenset({"LPAR", "RPAR", "SEMICOLON", "COMMA"})
_BREAKS = frozenset({";", "{", "}"})


def text_of_words(first_line: str, words: Sequence[str]) -> str:
    """Return the texts of tokens as a configuration that can be read again."""
    pieces = [first_line, "\n"]
    last = ";"
    for word in words:
        if last in _BREAKS and word != ";":
            pieces.append("\n")
        elif last != "(" and word not in {")", "(", ";", ","}:
            pieces.append(" ")
        pieces.append(word)
        last = word
    pieces.append("\n")
    return "".join(pieces)


def text_of_tokens(tokens: Sequence[Token]) -> str:
    """Return ``tokens`` as text; a single string stands for its value."""
    if len(tokens) == 1 and tokens[0].type == "TEXT":
        return str(tokens[0].value)
    pieces: list[str] = []
    last = "LPAR"
    for token in tokens:
        if last != "LPAR" and token.type not in _GLUED:
            pieces.append(" ")
        pieces.append(token.text)
        last = token.type
    return "".join(pieces)


_call = re.compile(r"([\w-]+)\s*\(\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^()\"']*)\s*\)")


def read_generator(
    rest: str, span: Span, diagnostics: Diagnostics
) -> BlockDefinition | None:
    """Return what ``@module confgen …`` defines."""
    options = {name.lower(): unquote(value) for name, value in _call.findall(rest)}
    context = options.get("context", "")
    name = options.get("name", "").lower().replace("_", "-")
    kinds = [kind for kind in ("exec", "python") if options.get(kind)]
    if context not in CONTEXTS or not name or len(kinds) != 1:
        diagnostics.error(
            "a config generator needs a context, a name and a command",
            span,
            'write @module confgen context(source) name(x) exec("program")',
        )
        return None
    generator = Generator(kinds[0], options[kinds[0]])
    return BlockDefinition(context, name, span, {}, takes_more=True, body=generator)
