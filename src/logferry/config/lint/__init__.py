"""
Checks of configurations that load: what is unused, unreachable, missing or a trap.

Every rule has a name by which it can be switched off (``logferry check --disable``),
and every warning says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.lint import delivery, files, intake, messages, references
from logferry.config.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Collection

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Configuration, Span

__all__ = ["RULES", "Rule", "lint"]

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (references, files, intake, messages, delivery)
    for rule in module.RULES
}
"""All rules by name."""


def lint(
    configuration: Configuration,
    diagnostics: Diagnostics,
    disabled: Collection[str] = (),
) -> None:
    """Add the warnings of all rules to ``diagnostics``, except those ``disabled``."""
    for rule in RULES.values():
        if rule.name in disabled or rule.name in configuration.disabled_rules:
            continue
        said = [item.span for item in diagnostics.items if item.rule == rule.name]
        for finding in rule.find(configuration):
            if any(_covers(span, finding.span) for span in said):
                continue  # reading the options found it, too
            diagnostics.warning(
                finding.message, finding.span, finding.remedy, rule=rule.name
            )


def _covers(one: Span, other: Span) -> bool:
    return one.file == other.file and one.line <= other.line <= one.end_line
