"""Options for messages of several lines, and the framer that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from logferry.codegen.multi_line import RuleOptions, check_multi_line, make_rule
from logferry.config.kinds import Integer, Seconds, YesNo
from logferry.config.schema import Option
from logferry.sources.options import ReaderOptions
from logferry.syslog.framing import Framer, make_framer
from logferry.syslog.multi_line import (
    IndentedFramer,
    RecordFramer,
    RuleFramer,
)

if TYPE_CHECKING:
    from logferry.config.schema import Scope

__all__ = ["MultiLineOptions", "TextFramer", "make_text_framer"]


class TextFramer(Framer, Protocol):
    """A framer that tells what it has not returned yet."""

    @property
    def rest(self) -> bytes:
        """The raw bytes after the last frame."""
        ...


class MultiLineOptions(RuleOptions, ReaderOptions):
    """Options of text sources whose messages may have several lines."""

    multi_line_timeout = Option(
        Seconds(),
        0.0,
        doc="A message is complete when nothing came for so long; 0: never.",
        unit="s",
    )
    idle_timeout = Option(
        Seconds(),
        0.0,
        doc="For connections.",
        unit="s",
        no_effect="this source has no connections that could be closed",
    )
    trim_large_messages = Option(
        YesNo(),
        default=False,
        doc="For octet-counted transports.",
        no_effect="lines that are too long are cut into pieces",
    )
    pad_size = Option(
        Integer(minimum=0),
        0,
        doc="Records have this size and are filled up with NUL; 0: lines.",
        unit="bytes",
    )

    def check(self, scope: Scope) -> None:
        """Report patterns that do not compile and that nobody asks for."""
        super().check(scope)
        check_multi_line(self, scope)


def make_text_framer(options: MultiLineOptions) -> TextFramer:
    """Return what cuts the text of a source into frames."""
    size = options.log_msg_size
    if options.pad_size:
        return RecordFramer(options.pad_size)
    mode = options.multi_line_mode
    if mode == "indented":
        return IndentedFramer(size)
    if mode != "none":
        return RuleFramer(make_rule(options), size)
    return cast(
        "TextFramer",
        make_framer("line", size, keep_empty="empty-lines" in options.flags),
    )
