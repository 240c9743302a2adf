"""
Patterns that do not run on ``re``: PCRE syntax, UTF-8 mode, and dangerous ones.

A *dangerous* pattern can take time exponential (``(a+)+$``) or of a high power
(``.*x.*y.*z``) in the length of a text. Those go to PCRE2, which counts its steps and
gives up at a limit; a text on which it gives up does not match.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from logferry.limits import PATTERN_STEPS_MAX

__all__ = ["PcreError", "PcrePattern", "needs_pcre"]

_named_group = re.compile(r"\(\?<(?![=!])")
_group_name = re.compile(rb"(?<!\\)\(\?P?<([A-Za-z_]\w*)>")
_position = re.compile(r"position (\d+)")
_possessive = re.compile(r"[?*+}]\+")
_KNOWS_POSSESSIVE = sys.version_info >= (3, 11, 5)
"""Before, possessive groups match wrongly (gh-106052)."""

_WIDE_MAX = 3
_OPEN_ENDED = 16
"""A repetition of up to so many is as good as without bound."""


class PcreError(Exception):
    """PCRE2 cannot compile the pattern; the text says why."""


def _without_offset(reason: str, length: int) -> str:
    """Return what PCRE2 says, with positions in the pattern as the user wrote it."""
    return _position.sub(lambda found: f"position {int(found[1]) - length}", reason)


class _NamedMatch:
    """A match with groups of the same name: the one that took part counts."""

    def __init__(self, match: Any, repeated: Mapping[str, list[str]]) -> None:
        self._match = match
        self._repeated = repeated

    def __getattr__(self, name: str) -> Any:
        return getattr(self._match, name)

    def __getitem__(self, group: int | str) -> Any:
        return self._match[group]

    def groupdict(self) -> dict[str, bytes | None]:
        """Return the groups by the names that the pattern gives them."""
        groups: dict[str, bytes | None] = self._match.groupdict()
        for name, others in self._repeated.items():
            values = [groups[name], *(groups.pop(other) for other in others)]
            groups[name] = next((value for value in values if value is not None), None)
        return groups


class PcrePattern:
    """A compiled pattern with the methods of ``re.Pattern`` that we use."""

    def __init__(
        self,
        text: bytes,
        *,
        ignores_case: bool,
        is_utf8: bool,
        repeats_names: bool = False,
    ) -> None:
        import pcre2  # late: few configurations need it

        flags = (pcre2.I if ignores_case else 0) | (pcre2.U if is_utf8 else 0)
        self._repeated: dict[str, list[str]] = {}
        if repeats_names:
            text = self._with_names_of_their_own(text)
        limit = b"(*LIMIT_MATCH=%d)" % PATTERN_STEPS_MAX
        try:
            self._pattern = pcre2.compile(limit + text, flags)
        except pcre2.PatternError as error:
            raise PcreError(_without_offset(str(error), len(limit))) from error
        self._failure = pcre2.LibraryError
        self.groupindex: Mapping[str, int] = self._pattern.groupindex

    def search(self, text: bytes) -> Any:
        """Return a match, or ``None``: also at the limit, and for bad UTF-8."""
        try:
            match = self._pattern.search(text)
        except self._failure:
            return None
        return _NamedMatch(match, self._repeated) if match and self._repeated else match

    def _with_names_of_their_own(self, text: bytes) -> bytes:
        """Give groups of one name (``dupnames``) different ones, and remember them."""
        seen: dict[str, int] = {}

        def renamed(found: re.Match[bytes]) -> bytes:
            name = found[1].decode()
            count = seen[name] = seen.get(name, 0) + 1
            if count == 1:
                return found[0]
            other = f"{name}__{count}"
            self._repeated.setdefault(name, []).append(other)
            return b"(?<%s>" % other.encode()

        return _group_name.sub(renamed, text)

    def sub(self, replacement: Any, text: bytes, count: int = 0) -> bytes:
        """Return ``text`` with matches replaced; unchanged when that fails."""
        try:
            result: bytes = self._pattern.sub(replacement, text, count)
        except self._failure:
            return text
        return result


def needs_pcre(text: str, *, ignores_case: bool, is_utf8: bool) -> bool:
    """Tell whether ``text`` means something else to ``re``, or is dangerous there."""
    if is_utf8 and not _is_the_same_in_bytes(text, ignores_case=ignores_case):
        return True
    if not _KNOWS_POSSESSIVE and _possessive.search(text):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # [[:digit:]]
            pattern = re._parser.parse(_python_syntax(text))  # type: ignore[attr-defined]
    except (re.error, FutureWarning, OverflowError, RecursionError):
        return True
    return _is_dangerous(pattern.data)


def _is_the_same_in_bytes(text: str, *, ignores_case: bool) -> bool:
    """Tell whether characters of several bytes cannot make a difference."""
    if ignores_case and not text.isascii():
        return False
    return not set(text) & set(".[\\{")


def _python_syntax(text: str) -> bytes:
    return _named_group.sub("(?P<", text).encode("utf-8", "surrogateescape")


def _is_dangerous(items: Any) -> bool:
    wide = 0
    for operation, value in items:
        name = str(operation)
        if name == "GROUPREF":
            return True
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            least, most, body = value
            if most - least >= _OPEN_ENDED:
                if _varies(body):
                    return True
                wide += _is_wide(body)
            elif most >= _WIDE_MAX and _is_open_ended(body):
                return True
        if any(_is_dangerous(body) for body in _bodies(name, value)):
            return True
    return wide >= _WIDE_MAX


def _varies(items: Any) -> bool:
    """Tell whether what is repeated can match one text in several ways."""
    for operation, value in items:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and value[0] != value[1]:
            return True
        if name == "BRANCH":
            return True
        if any(_varies(body) for body in _bodies(name, value)):
            return True
    return False


def _is_open_ended(items: Any) -> bool:
    """Tell whether something in it may be repeated without bound."""
    for operation, value in items:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and value[1] - value[0] >= _OPEN_ENDED:
            return True
        if any(_is_open_ended(body) for body in _bodies(name, value)):
            return True
    return False


def _is_wide(items: Any) -> bool:
    """Tell whether ``.`` or the like is repeated."""
    if len(items) != 1:
        return False
    name, value = str(items[0][0]), items[0][1]
    return name in {"ANY", "NOT_LITERAL"} or (
        name == "IN" and str(value[0][0]) in {"NEGATE", "CATEGORY"}
    )


def _bodies(name: str, value: Any) -> list[Any]:
    """Return the patterns inside of an operation."""
    match name:
        case "SUBPATTERN":
            return [value[3]]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [value[2]]
        case "BRANCH":
            return list(value[1])
        case "ASSERT" | "ASSERT_NOT":
            return [value[1]]
        case "ATOMIC_GROUP":
            return [value]
        case _:
            return []
