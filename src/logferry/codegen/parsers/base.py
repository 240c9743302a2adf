"""What every parser has: its input, and how it writes into a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from logferry.config.kinds import Template, YesNo
from logferry.config.nodes import TemplateText
from logferry.config.schema import Option, Options

if TYPE_CHECKING:
    from logferry.message.model import Message

__all__ = ["ParserFunction", "ParserOptions"]


class ParserFunction(Protocol):
    """A parser made from its options."""

    def __call__(self, message: Message, text: bytes) -> bool:
        """Take ``text`` apart into ``message``; false when it cannot be read."""
        ...


class ParserOptions(Options):
    """Options of every parser."""

    template = Option[TemplateText | None](
        Template(), None, doc="What is parsed; the default is $MSG."
    )
    internal = Option(
        YesNo(),
        default=False,
        doc="Marks a parser whose counters are of no interest.",
        no_effect="the counters of all parsers are shown alike",
    )
