"""
What a word between backticks stands for, and how far expansion may go.

In this order: an argument of the block around it, a ``@define``d value, a variable of
the environment, nothing (with a warning). A doubled backtick stands for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from logferry.config.blocks import (
    VARARGS,
    argument_name,
    text_of_tokens,
)
from logferry.config.filterx.tokens import substituted
from logferry.config.lexer import BACKTICK, ConfigurationEnds, Token, unescape
from logferry.config.nodes import Span
from logferry.limits import (
    CONFIG_ALL_EXPANSION_TEXT_MAX,
    CONFIG_EXPANSION_DEPTH_MAX,
    CONFIG_EXPANSION_TEXT_MAX,
    CONFIG_EXPANSION_TOKENS_MAX,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.blocks import Arguments
    from logferry.config.diagnostics import Diagnostics

__all__ = ["UNEXPANDED", "Backticks"]

UNEXPANDED = frozenset(
    {"PRAGMA", "TICKED", "TICKED_TEXT", "TICKED_FILTERX", "OPEN_FILTERX"}
)
"""Types of tokens that the parser never sees."""


class Backticks:
    """
    Replaces references, and counts what expansion makes.

    Attributes:
        defines: ``@define``d values; grows while reading.

    """

    def __init__(
        self,
        defines: dict[str, str],
        variables: Mapping[str, str],
        diagnostics: Diagnostics,
    ) -> None:
        self.defines = defines
        self._variables = variables
        self._diagnostics = diagnostics
        self._expanded_count = 0
        self._text_count = 0
        self._undefined: set[str] = set()

    def text(self, token: Token, arguments: Arguments | None) -> str:
        """Return the value of a string with backticks."""
        is_raw = token.text[0] == "'"
        pieces = BACKTICK.split(token.text[1:-1])
        for index, piece in enumerate(pieces):
            if index % 2:
                pieces[index] = self._value(piece, token.span, arguments)
            elif not is_raw:
                pieces[index] = unescape(piece)
        return self._counted("".join(pieces), token.span)

    def substitute(self, text: str, span: Span, arguments: Arguments | None) -> str:
        """Return ``text`` with every reference replaced."""
        text = BACKTICK.sub(lambda match: self._value(match[1], span, arguments), text)
        return self._counted(text, span)

    def filterx(self, token: Token, arguments: Arguments | None) -> str:
        """Return the text of a filterx block with every reference replaced."""

        def value(name: str) -> str:
            return self._value(name, token.span, arguments)

        def written(name: str) -> str:
            tokens = (arguments or {}).get(argument_name(name))
            if tokens is None or not name:
                return value(name)
            plain = self.plain(tokens, token.span, arguments or {})
            is_string = len(plain) == 1 and plain[0].type == "TEXT"
            return plain[0].text if is_string else text_of_tokens(plain)

        return self._counted(substituted(token.text, written, value), token.span)

    def _counted(self, text: str, span: Span) -> str:
        self._text_count += len(text)
        for count, limit in (
            (len(text), CONFIG_EXPANSION_TEXT_MAX),
            (self._text_count, CONFIG_ALL_EXPANSION_TEXT_MAX),
        ):
            if count <= limit:
                continue
            self._fail(
                f"backticks stand for more than {limit:,} characters",
                _user_place(span),
                "does every @define use the one before several times?",
            )
        return text

    def _value(self, name: str, span: Span, arguments: Arguments | None) -> str:
        """Return what a reference stands for, as text."""
        if not name:
            return "`"
        if arguments is not None:
            tokens = arguments.get(argument_name(name))
            if tokens is not None:
                return text_of_tokens(self.plain(tokens, span, arguments))
        for values in (self.defines, self._variables):
            if name in values:
                return values[name]
        if argument_name(name) != VARARGS and name not in self._undefined:
            self._undefined.add(name)
            self._diagnostics.warning(
                f"`{name}` is not defined and stands for nothing",
                span,
                f"write @define {name} value, or set it in the environment",
                rule="undefined-variable",
            )
        return ""

    def plain(
        self, tokens: list[Token], span: Span, arguments: Arguments
    ) -> list[Token]:
        """Return ``tokens`` without backticks: defaults may refer to others."""
        if not any(token.type in UNEXPANDED for token in tokens):
            return tokens
        found = []
        for token in self.moved(tokens, span):
            if token.type == "TICKED_TEXT":
                value = self.text(token, arguments)
                found.append(Token("TEXT", value, f'"{value}"', token.span))
            elif token.type == "TICKED_FILTERX":
                found.append(token)
            elif token.type == "TICKED":
                text = self.substitute(token.text, token.span, arguments)
                found.append(Token("WORD", text, text, token.span))
            else:
                found.append(token)
        return found

    def moved(self, tokens: list[Token], origin: Span) -> list[Token]:
        """Return ``tokens`` with the place that led to them."""
        self.check_depth(origin)
        self.count(len(tokens), origin)
        # Without _replace(), which takes three times as long: this is what expansion
        # costs, and what its limit is made for.
        return [
            Token(kind, value, text, Span(*place[:-1], origin))
            for kind, value, text, place in tokens
        ]

    def check_depth(self, span: Span) -> None:
        """End the reading when too many expansions led to ``span``."""
        depth = 0
        place: Span | None = span
        while place is not None:
            depth += 1
            place = place.origin
        if depth > CONFIG_EXPANSION_DEPTH_MAX:
            self._fail(
                f"blocks nest more than {CONFIG_EXPANSION_DEPTH_MAX} deep",
                _user_place(span),
                "does a block use itself?",
            )

    def count(self, tokens: int, span: Span) -> None:
        """Add to what was expanded so far; end the reading at the limit."""
        self._expanded_count += tokens
        if self._expanded_count > CONFIG_EXPANSION_TOKENS_MAX:
            self._fail(
                f"blocks expand to more than {CONFIG_EXPANSION_TOKENS_MAX:,} words",
                _user_place(span),
                "does every block use several others?",
            )

    def _fail(self, message: str, span: Span, hint: str) -> NoReturn:
        self._diagnostics.error(message, span, hint)
        raise ConfigurationEnds


def _user_place(span: Span) -> Span:
    """Return the outermost place: what the user wrote."""
    while span.origin is not None:
        span = span.origin
    return span
