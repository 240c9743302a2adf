"""Traps of templates: records that run together, JSON that is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.config.lint.rule import (
    Finding,
    Rule,
    destinations,
    elements_of,
    option,
    sources,
)
from logferry.config.nodes import Spec, TemplateText

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


def _unheard(configuration: Configuration) -> Iterator[Finding]:
    """Find messages for ``internal()`` that nobody listens to."""
    if any(spec.kind == "internal" for spec in sources(configuration).values()):
        return
    for path in configuration.log_paths:
        for element in elements_of(path.elements):
            if not isinstance(element, Spec):
                continue
            if option(element.options, "inject_mode") == "internal":
                yield Finding(
                    f"what {element.kind}() makes is lost: no log path has internal()",
                    element.options.given.get("inject_mode", element.span),
                    "add source { internal(); }; to a log path, or use pass-through",
                )


RULES = (
    Rule("missing-newline", "Templates of streams without \\n.", _run_together),
    Rule("inject-mode", "Messages for internal() without that source.", _unheard),
    Rule("hand-made-json", "Macros between quotes in JSON.", _json_by_hand),
)
