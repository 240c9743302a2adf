"""Templates that use each other in a circle: found before anybody follows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import TemplateText

__all__ = ["report_template_cycles"]

_used = re.compile(r"\$\(\s*(?:template\s+['\"]?([^\s'\")]+)|([\w-]+))")


def report_template_cycles(
    templates: Mapping[str, TemplateText], diagnostics: Diagnostics
) -> None:
    """
    Report every circle once, at the template where it begins.

    Keys are the names of templates, and ``name()`` for template functions.
    """
    uses = {name: _uses(item.text, templates) for name, item in templates.items()}
    done: set[str] = set()
    for start in templates:
        way: list[str] = []
        rest = [[start]]
        while rest:
            if not rest[-1]:
                rest.pop()
                if way:
                    done.add(way.pop())
                continue
            name = rest[-1].pop()
            if name in way:
                circle = " -> ".join((*way[way.index(name) :], name))
                diagnostics.error(
                    f"template '{name}' uses itself: {circle}",
                    templates[name].span,
                    "take one of the references out",
                )
            elif name not in done:
                way.append(name)
                rest.append(list(uses[name]))


def _uses(text: str, templates: Mapping[str, TemplateText]) -> list[str]:
    found = []
    for template, function in _used.findall(text):
        name = template or f"{function.lower().replace('_', '-')}()"
        if name in templates:
            found.append(name)
    return found
