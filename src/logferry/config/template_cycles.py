"""
Templates that use each other in a circle, or many times over.

Both are found before anybody follows them: a template is written out where it is used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.limits import CONFIG_REFERENCE_DEPTH_MAX, CONFIG_REFERENCES_MAX

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
    Report every circle once, at the template where it begins, and what grows too much.

    Keys are the names of templates, and ``name()`` for template functions.
    """
    uses = {name: _uses(item.text, templates) for name, item in templates.items()}
    done: set[str] = set()
    sizes: dict[str, tuple[int, int]] = {}
    is_too_much = False
    for start in templates:
        way: list[str] = []
        rest = [[start]]
        while rest:
            if not rest[-1]:
                rest.pop()
                if way:
                    name = way.pop()
                    done.add(name)
                    used = [sizes.get(item, (0, 0)) for item in uses[name]]
                    sizes[name] = size = _size(used)
                    problem = _problem(*size)
                    if problem and not is_too_much:
                        is_too_much = True  # what uses it grows by the same mistake
                        hint = "refer to fewer at once"
                        diagnostics.error(problem, templates[name].span, hint)
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


def _size(used: list[tuple[int, int]]) -> tuple[int, int]:
    """Return for how many templates one stands, and how deep they nest."""
    weight = 1 + sum(item for item, _ in used)
    depth = 1 + max((item for _, item in used), default=0)
    return weight, depth


def _problem(weight: int, depth: int) -> str:
    if weight > CONFIG_REFERENCES_MAX:
        return f"a template stands for more than {CONFIG_REFERENCES_MAX:,} others"
    if depth > CONFIG_REFERENCE_DEPTH_MAX:
        return f"templates nest more than {CONFIG_REFERENCE_DEPTH_MAX} deep"
    return ""


def _uses(text: str, templates: Mapping[str, TemplateText]) -> list[str]:
    found = []
    for template, function in _used.findall(text):
        name = template or f"{function.lower().replace('_', '-')}()"
        if name in templates:
            found.append(name)
    return found
