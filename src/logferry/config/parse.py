"""
From tokens to syntax nodes, with Lark's LALR parser (``grammar.lark``).

A syntax error is reported and skipped up to the next ``;``, so that one run shows all
of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from lark import Lark, Token, Transformer, UnexpectedToken
from lark.lexer import Lexer as LarkLexer

from logferry.config.nodes import (
    Arrow,
    Block,
    Call,
    Group,
    Number,
    Operator,
    Span,
    Statement,
    Text,
    Word,
)

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.lexer import Token as OurToken

__all__ = ["parse_statements"]

_TITLES = {
    "SEMICOLON": "';'",
    "LPAR": "'('",
    "RPAR": "')'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "WORD": "a word",
    "TEXT": "a string",
    "NUMBER": "a number",
    "OPERATOR": "an operator",
    "ARROW": "'=>'",
    "COMMA": "','",
    "$END": "the end of the file",
}


_CLOSED_BY = {"LPAR": "RPAR", "LBRACE": "RBRACE"}
_OPENED_BY = {closing: opening for opening, closing in _CLOSED_BY.items()}


class _Tokens(LarkLexer):
    """Hands our tokens to Lark; the place travels in the token's value."""

    def __init__(self, lexer_conf: object) -> None:
        del lexer_conf

    def lex(  # type: ignore[override] # Lark's way to hand over any iterable
        self, data: Iterable[OurToken]
    ) -> Iterator[Token]:
        """Yield Lark's tokens."""
        for token in data:
            yield Token(token.type, token)


class _Nodes(Transformer[Token, list[Statement]]):
    """Turns the parse into nodes while parsing."""

    def start(self, children: list[Any]) -> list[Statement]:
        return [child for child in children if child.elements]

    def statement(self, children: list[Any]) -> Statement:
        *elements, end = children
        spans = [item.span for item in elements] or [end.value.span]
        return Statement(tuple(elements), _cover(spans[0], spans[-1]))

    def call(self, children: list[Any]) -> Call:
        name, _, *arguments, close = children
        token = name.value
        return Call(
            token.text.lower().replace("_", "-"),
            tuple(arguments),
            _cover(token.span, close.value.span),
            token.span,
        )

    def group(self, children: list[Any]) -> Group:
        opening, *arguments, close = children
        return Group(tuple(arguments), _cover(opening.value.span, close.value.span))

    def block(self, children: list[Any]) -> Block:
        opening, *statements, close = children
        kept = tuple(item for item in statements if item.elements)
        return Block(kept, _cover(opening.value.span, close.value.span))

    def tail(self, children: list[Any]) -> Statement:
        return Statement(tuple(children), _cover(children[0].span, children[-1].span))

    def arrow(self, children: list[Any]) -> Arrow:
        key, _, value = children
        return Arrow(key, value, _cover(key.span, value.span))

    def word(self, children: list[Any]) -> Word:
        token = children[0].value
        return Word(token.text, token.span)

    def text(self, children: list[Any]) -> Text:
        token = children[0].value
        return Text(token.value, token.span)

    def number(self, children: list[Any]) -> Number:
        token = children[0].value
        return Number(token.value, token.text, token.span)

    def operator(self, children: list[Any]) -> Operator:
        token = children[0].value
        return Operator(token.text, token.span)

    separator = operator


@cache
def _parser() -> Lark:
    return Lark.open(
        "grammar.lark",
        rel_to=__file__,
        parser="lalr",
        lexer=_Tokens,
        transformer=_Nodes(),
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def parse_statements(
    tokens: Iterable[OurToken], diagnostics: Diagnostics
) -> list[Statement]:
    """Return the statements of ``tokens``; problems go to ``diagnostics``."""

    def on_error(error: UnexpectedToken) -> bool:
        token = error.token.value
        expected = sorted(_TITLES.get(name, name) for name in error.accepts or ())
        few = 0 < len(expected) <= 4
        diagnostics.error(
            f"syntax error, unexpected '{token.text}'",
            token.span,
            "expected " + " or ".join(expected) if few else "",
        )
        return True  # leave the token out and go on

    balanced = _balance(tokens, diagnostics)
    result: list[Statement] = _parser().parse(balanced, on_error=on_error)  # type: ignore[arg-type, assignment] # our lexer takes tokens
    return result


def _balance(
    tokens: Iterable[OurToken], diagnostics: Diagnostics
) -> Iterator[OurToken]:
    """
    Yield ``tokens`` with brackets that match.

    A bracket that is never closed is reported where it opens, which no parser can do,
    and closed where the next one outside of it closes.
    """
    opened: list[OurToken] = []
    last: OurToken | None = None
    for token in tokens:
        if token.type in _CLOSED_BY:
            opened.append(token)
        elif token.type in _OPENED_BY:
            wanted = _OPENED_BY[token.type]
            # A brace closes what was left open in it; a parenthesis closes no brace.
            if token.type == "RBRACE" and any(item.type == wanted for item in opened):
                while opened[-1].type != wanted:
                    yield _close(opened.pop(), token, diagnostics)
            if not opened or opened[-1].type != wanted:
                diagnostics.error(f"'{token.text}' closes nothing", token.span)
                continue
            opened.pop()
        last = token
        yield token
    if last is None:
        return
    while opened:
        yield _close(opened.pop(), last, diagnostics)
        last = last._replace(type="WORD")
    if last.type != "SEMICOLON":
        yield last._replace(type="SEMICOLON", text=";")


def _close(opening: OurToken, place: OurToken, diagnostics: Diagnostics) -> OurToken:
    diagnostics.error(f"'{opening.text}' is not closed", opening.span)
    kind = _CLOSED_BY[opening.type]
    return place._replace(type=kind, text=_TITLES[kind].strip("'"))


def _cover(first: Span, last: Span) -> Span:
    if first.file != last.file:
        return first
    return Span(
        first.file,
        first.line,
        first.column,
        last.end_line,
        last.end_column,
        first.origin,
    )
