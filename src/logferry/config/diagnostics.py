"""
What is wrong with a configuration, where, and what to do about it.

All problems are collected and shown at once, each with its line, a caret and a
remedy; nothing is raised until the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from logferry.config.nodes import Span
from logferry.errors import ConfigError
from logferry.limits import CONFIG_DIAGNOSTICS_MAX

__all__ = [
    "LANGUAGE_RULES",
    "Diagnostic",
    "Diagnostics",
    "Severity",
    "did_you_mean",
]

LANGUAGE_RULES = {
    "http-method": "A method that http() does not send.",
    "http-persist-name": "Several URLs, and a queue named after the first.",
    "module": "A module that is asked for and not there.",
    "no-effect": "An option that is accepted and does nothing here.",
    "obsolete-name": "An option by a name that it had once.",
    "undefined-variable": "A word between backticks that nobody defined.",
    "version": "A configuration of no version, or newer than what is known.",
}
"""Rules of warnings that reading itself gives."""


_REST = "the rest is not shown: begin with the first"

_RECENT = 50
"""How far back an equal problem is looked for: a block used twice says it twice."""


class Severity(StrEnum):
    """How bad it is: only errors keep a configuration from running."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """
    One problem.

    Attributes:
        message: what is wrong, as a sentence without a full stop.
        hint: what to do, or empty.
        rule: the name of a linter rule, empty for language errors.

    """

    severity: Severity
    message: str
    span: Span
    hint: str = ""
    rule: str = ""

    def __str__(self) -> str:
        text = f"{self.span}: {self.severity}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class Diagnostics:
    """Collects problems in the order they are found."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []
        self._counts = dict.fromkeys(Severity, 0)
        self._muted: list[tuple[Span, Span]] = []

    def mute(self, first: Span, after: Span) -> None:
        """
        Take no more problems from ``first`` up to before ``after``.

        What is wrong in a statement whose brackets are wrong is nobody's mistake.
        """
        self._muted.append((first, after))

    def _is_muted(self, span: Span) -> bool:
        place: Span | None = span
        while place is not None:
            for first, after in self._muted:
                at = place[1:3]
                is_behind = first[1:3] <= at and place.file == first.file
                if is_behind and (after.file != place.file or at < after[1:3]):
                    return True
            place = place.origin
        return False

    def error(self, message: str, span: Span, hint: str = "") -> None:
        """Note an error, once."""
        self._add(Diagnostic(Severity.ERROR, message, span, hint))

    def warning(self, message: str, span: Span, hint: str = "", *, rule: str) -> None:
        """Note a warning, once; ``rule`` is the name by which it is switched off."""
        self._add(Diagnostic(Severity.WARNING, message, span, hint, rule))

    def _add(self, item: Diagnostic) -> None:
        if item in self.items[-_RECENT:] or (self._muted and self._is_muted(item.span)):
            return
        self._counts[item.severity] += 1
        if self._counts[item.severity] <= CONFIG_DIAGNOSTICS_MAX:
            self.items.append(item)
        elif self._counts[item.severity] == CONFIG_DIAGNOSTICS_MAX + 1:
            text = f"there are more than {CONFIG_DIAGNOSTICS_MAX} {item.severity}s"
            self.items.append(Diagnostic(item.severity, text, item.span, _REST))

    def leave_out(self, rules: Collection[str]) -> None:
        """Forget the warnings of these rules."""
        self.items = [item for item in self.items if item.rule not in rules]

    @property
    def has_errors(self) -> bool:
        """Tell whether any error was noted."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def raise_errors(self) -> None:
        """Raise ``ConfigError`` with everything found if there is an error."""
        if self.has_errors:
            raise ConfigError(tuple(self.in_order()))

    def in_order(self) -> list[Diagnostic]:
        """
        Return the problems as they follow each other in the user's files.

        They are found in another order: brackets first, then options, then names.
        """
        files: dict[str, int] = {}

        def key(item: Diagnostic) -> tuple[bool, int, int, int]:
            place = item.span
            while place.origin is not None and place.file.startswith(("scl/", "<")):
                place = place.origin
            rank = files.setdefault(place.file, len(files))
            return item.hint == _REST, rank, place.line, place.column

        return sorted(self.items, key=key)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the known word closest to ``word``, or an empty string."""
    matches = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{matches[0]}'?" if matches else ""
