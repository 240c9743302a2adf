"""Options for messages of several lines, and the framer that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from logferry.codegen.patterns import PatternError, compile_pattern
from logferry.config.kinds import Enum, Integer, Seconds, TextKind, YesNo
from logferry.config.schema import Option
from logferry.sources.options import ReaderOptions
from logferry.syslog.framing import Framer, make_framer
from logferry.syslog.multi_line import (
    GarbageRule,
    IndentedFramer,
    LineRule,
    RecordFramer,
    RuleFramer,
    Search,
    SmartRule,
    SuffixRule,
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


class MultiLineOptions(ReaderOptions):
    """Options of text sources whose messages may have several lines."""

    multi_line_mode = Option(
        Enum(
            ("none", "indented", "prefix-garbage", "prefix-suffix", "smart"),
            (("regexp", "prefix-garbage"), ("", "none")),
        ),
        "none",
        doc="What makes several lines one message.",
    )
    multi_line_prefix = Option(
        TextKind("a regular expression"), "", doc="Found in the first line of messages."
    )
    multi_line_garbage = Option(
        TextKind("a regular expression"),
        "",
        doc="Where a message ends in prefix-garbage; the rest of the line is dropped.",
    )
    multi_line_suffix = Option(
        TextKind("a regular expression"),
        "",
        doc="Behind what a message ends in prefix-suffix.",
    )
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
        for name in ("multi_line_prefix", "multi_line_garbage", "multi_line_suffix"):
            try:
                _search(getattr(self, name))
            except PatternError as error:
                scope.diagnostics.error(str(error), self.given.get(name, self.span))
            if name in self.given and not self._uses(name):
                scope.diagnostics.warning(
                    f"{name.replace('_', '-')}() has no effect with "
                    f"multi-line-mode({self.multi_line_mode})",
                    self.given[name],
                    "see the modes in the page of the driver",
                )

    def _uses(self, name: str) -> bool:
        end = name.removeprefix("multi_line_")
        return end in self.multi_line_mode.split("-")


def make_text_framer(options: MultiLineOptions) -> TextFramer:
    """Return what cuts the text of a source into frames."""
    size = options.log_msg_size
    if options.pad_size:
        return RecordFramer(options.pad_size)
    mode = options.multi_line_mode
    if mode == "indented":
        return IndentedFramer(size)
    if mode != "none":
        return RuleFramer(_rule(options), size)
    return cast(
        "TextFramer",
        make_framer("line", size, keep_empty="empty-lines" in options.flags),
    )


def _rule(options: MultiLineOptions) -> LineRule:
    prefix = _search(options.multi_line_prefix)
    match options.multi_line_mode:
        case "prefix-garbage":
            return GarbageRule(prefix, _search(options.multi_line_garbage))
        case "prefix-suffix":
            return SuffixRule(prefix, _search(options.multi_line_suffix))
        case _:
            return SmartRule()


def _search(pattern: str) -> Search | None:
    if not pattern:
        return None
    return compile_pattern(pattern, "pcre", frozenset()).search
