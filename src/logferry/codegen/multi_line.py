"""
Options that say which lines are one message, for sources and for ``group-lines()``.

``make_rule`` makes the rule that judges line by line (``syslog/multi_line.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.patterns import PatternError, compile_pattern
from logferry.config.kinds import Enum, TextKind
from logferry.config.schema import Option, Options
from logferry.syslog.multi_line import (
    GarbageRule,
    IndentedRule,
    LineRule,
    Search,
    SingleRule,
    SmartRule,
    SuffixRule,
)

if TYPE_CHECKING:
    from logferry.config.schema import Scope

__all__ = ["RuleOptions", "check_multi_line", "make_rule"]


class RuleOptions(Options):
    """Options that say which lines are one message."""

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


def check_multi_line(options: RuleOptions, scope: Scope) -> None:
    """Report patterns that do not compile and that nobody asks for."""
    ends = options.multi_line_mode.split("-")
    for name in ("multi_line_prefix", "multi_line_garbage", "multi_line_suffix"):
        try:
            _search(getattr(options, name))
        except PatternError as error:
            scope.diagnostics.error(str(error), options.given.get(name, options.span))
        if name in options.given and name.removeprefix("multi_line_") not in ends:
            scope.diagnostics.warning(
                f"{name.replace('_', '-')}() has no effect with "
                f"multi-line-mode({options.multi_line_mode})",
                options.given[name],
                "see the modes in the page of the driver",
                rule="no-effect",
            )


def make_rule(options: RuleOptions) -> LineRule:
    """Return the rule of the mode, with patterns that compile."""
    prefix = _search(options.multi_line_prefix)
    match options.multi_line_mode:
        case "prefix-garbage":
            return GarbageRule(prefix, _search(options.multi_line_garbage))
        case "prefix-suffix":
            return SuffixRule(prefix, _search(options.multi_line_suffix))
        case "indented":
            return IndentedRule()
        case "smart":
            return SmartRule()
        case _:
            return SingleRule()


def _search(pattern: str) -> Search | None:
    if not pattern:
        return None
    return compile_pattern(pattern, "pcre", frozenset()).search
