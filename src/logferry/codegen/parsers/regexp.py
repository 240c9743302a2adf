"""``regexp-parser()``: named groups of the first pattern that matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.fields import store_match
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.patterns import FLAGS, compile_pattern
from logferry.codegen.values import set_value
from logferry.config.kinds import Flags, TextKind, Words
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["RegexpOptions", "make_regexp"]


class RegexpOptions(ParserOptions):
    """``regexp-parser()``."""

    title = "parser regexp-parser"

    patterns = Option(
        Words(minimum=1), (), doc="Patterns, tried in order.", required=True
    )
    prefix = Option(TextKind(), "", doc="Put before every name.")
    flags = Option(Flags(FLAGS), frozenset[str](), doc="How the patterns match.")


def make_regexp(options: RegexpOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PatternError``."""
    del context
    flags = options.flags | {"store-matches"}  # never as plain text: it has groups
    searches = [
        compile_pattern(text, "pcre", flags).search for text in options.patterns
    ]
    prefix = options.prefix

    def parse(message: Message, text: bytes) -> bool:
        for search in searches:
            match = search(text)
            if match is not None:
                store_match(message, match, keeps_names=False)
                for name, value in match.groupdict().items():
                    if value is not None:
                        set_value(message, prefix + name, value)
                return True
        return False

    return parse
