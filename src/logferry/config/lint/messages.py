"""Traps of templates: records that run together, JSON that is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.config.lint.rule import Finding, Rule, destinations, option
from logferry.config.nodes import TemplateText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Configuration

__all__ = ["RULES"]

_LINES = frozenset({"file", "pipe", "program", "unix-stream", "tcp", "tcp6", "network"})
_ENDS = ("\n", "\0")
_hand_made_json = re.compile(r"""[{,]\s*"[^"$]*"\s*:\s*"\$""")


def _run_together(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        template = option(spec.options, "template")
        if spec.kind not in _LINES or not isinstance(template, TemplateText):
            continue
        if option(spec.options, "transport", "") == "udp":
            continue
        flags = option(spec.options, "flags", frozenset())
        if "syslog-protocol" in flags:  # type: ignore[operator] # a set of words
            continue
        if not template.text.endswith(_ENDS) and not _ends_open(template.text):
            yield Finding(
                "records run together: the template does not end with a newline",
                spec.options.given.get("template", spec.span),
                'end it with "\\n" (in double quotes)',
            )


def _ends_open(text: str) -> bool:
    """Tell whether the end of a template depends on the message."""
    return text.endswith(("${RAWMSG}", "$RAWMSG"))


def _json_by_hand(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        if option(spec.options, "template_escape"):
            continue
        for name in ("template", "body"):
            template = option(spec.options, name)
            if isinstance(template, TemplateText) and _hand_made_json.search(
                template.text
            ):
                yield Finding(
                    "a quote in a message breaks this JSON",
                    spec.options.given.get(name, spec.span),
                    "use $(format-json key=$VALUE …), which escapes what it prints",
                )


RULES = (
    Rule("missing-newline", "Templates of streams without \\n.", _run_together),
    Rule("hand-made-json", "Macros between quotes in JSON.", _json_by_hand),
)
