"""What nobody uses, what nothing reaches, what leads nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.config.lint.rule import Finding, Rule, elements_of, option, sources
from logferry.config.nodes import (
    Deliver,
    Element,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Configuration, Span

__all__ = ["RULES"]

_named_template = re.compile(r"\$\(template\s+['\"]?([^\s'\")]+)")


def _unused(configuration: Configuration) -> Iterator[Finding]:
    named = set(_named_template.findall(configuration.text))
    for (kind, name), span in configuration.defined.items():
        if (kind, name) in configuration.used or (kind == "template" and name in named):
            continue
        if span.file.startswith("scl/"):
            continue
        yield Finding(
            f"{kind} '{name}' is never used",
            span,
            "use it in a log path, or remove it",
        )


def _unused_blocks(configuration: Configuration) -> Iterator[Finding]:
    for (context, name), span in configuration.unused_blocks.items():
        yield Finding(f"block {context} {name}() is never used", span, "remove it")


def _without_source(configuration: Configuration) -> Iterator[Finding]:
    for path in configuration.log_paths:
        has_source = any(
            isinstance(element, Sources) for element in elements_of(path.elements)
        )
        if not has_source and "catchall" not in path.flags:
            yield Finding(
                "no message reaches this log path: it has no source",
                path.span,
                "add source(…), or flags(catchall) for the messages of all sources",
            )


def _without_destination(configuration: Configuration) -> Iterator[Finding]:
    for path in configuration.log_paths:
        does_something = any(
            isinstance(element, Deliver | ProcessStep)
            for element in elements_of(path.elements)
        )
        if not does_something and "final" not in path.flags:
            yield Finding(
                "this log path has no destination: what comes in, is not delivered",
                path.span,
                "add destination(…), or flags(final) to end the way of messages here",
            )


def _after_final(configuration: Configuration) -> Iterator[Finding]:
    """Paths behind one that takes all messages of the same sources for good."""
    taken: dict[str, LogPath] = {}
    for path in configuration.log_paths:
        if "fallback" in path.flags:
            continue
        entered = _entered(path)
        if "catchall" in path.flags:
            entered = set(sources(configuration))
        if entered and entered <= taken.keys():
            before = taken[min(entered)].span
            yield Finding(
                "no message reaches this log path: the one at "
                f"{before} is final and takes all messages of its sources",
                path.span,
                "put it before that one, or give that one a filter",
            )
        elif "final" in path.flags and _takes_everything(path.elements):
            taken.update((name, path) for name in entered)


def _fallback_never(configuration: Configuration) -> Iterator[Finding]:
    """Fallback paths whose sources have a path that takes everything."""
    taken: dict[str, LogPath] = {}
    for path in configuration.log_paths:
        if "fallback" not in path.flags and _takes_everything(path.elements):
            taken.update((name, path) for name in _entered(path))
    for path in configuration.log_paths:
        entered = _entered(path)
        if "fallback" in path.flags and entered and entered <= taken.keys():
            yield Finding(
                "no message reaches this fallback path: the log path at "
                f"{taken[min(entered)].span} takes all messages of its sources",
                path.span,
                "a fallback gets what no other path takes: give that one a filter",
            )


def _entered(path: LogPath) -> set[str]:
    return {
        spec.id
        for element in path.elements
        if isinstance(element, Sources)
        for spec in element.group.drivers
    }


_FAILING = frozenset({"parser", "filterx"})
"""Kinds of steps that not every message passes."""


def _takes_everything(elements: tuple[Element, ...]) -> bool:
    """Tell whether every message reaches the end of ``elements``."""
    return not any(
        isinstance(element, FilterStep | Junction)
        or (isinstance(element, ProcessStep) and element.kind in _FAILING)
        or (
            isinstance(element, ProcessStep)
            and any(isinstance(step, FilterStep | Junction) for step in element.steps)
        )
        for element in elements
    )


def _same_persist_name(configuration: Configuration) -> Iterator[Finding]:
    seen: dict[str, Span] = {}
    for spec in sources(configuration).values():
        name = str(option(spec.options, "persist_name", ""))
        if not name:
            continue
        if name in seen:
            yield Finding(
                f"persist-name '{name}' is also that of the source at {seen[name]}:"
                " each overwrites the other's position",
                spec.span,
                "give each a persist-name() of its own",
            )
        seen.setdefault(name, spec.span)


RULES = (
    Rule("unused-object", "A statement with a name that no log path uses.", _unused),
    Rule("unused-block", "A block that is defined and not used.", _unused_blocks),
    Rule("no-source", "A log path that no message enters.", _without_source),
    Rule("no-destination", "A log path that does nothing.", _without_destination),
    Rule("unreachable-path", "A log path behind a final one.", _after_final),
    Rule("unreachable-fallback", "A fallback that gets nothing.", _fallback_never),
    Rule(
        "persist-name-clash",
        "Two sources that keep their positions under one name.",
        _same_persist_name,
    ),
)
