"""``geoip2()``: the place of an address, from a MaxMind database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.geoip import GeoDatabase
from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.config.kinds import Template, TextKind
from logferry.config.nodes import TemplateText
from logferry.config.schema import Option

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["GeoipOptions", "make_geoip"]


class GeoipOptions(ParserOptions):
    """``geoip2()``."""

    title = "parser geoip2"

    template = Option[TemplateText | None](
        Template(), None, doc="The address.", required=True, positional=True
    )
    database = Option(
        TextKind("a file"), "", doc="The database; GeoLite2-City where it is installed."
    )
    prefix = Option(TextKind(), ".geoip2", doc="Put before every name, with a dot.")


def make_geoip(options: GeoipOptions, context: MacroContext) -> ParserFunction:
    """Return the parser. Raises ``PatternError`` without a database."""
    del context
    database = GeoDatabase(options.database)
    prefix = options.prefix.removesuffix(".")

    def parse(message: Message, text: bytes) -> bool:
        message.values.update(database.leaves(text, prefix))
        return True

    return parse
