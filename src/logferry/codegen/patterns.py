"""
Patterns: ``type(pcre | string | glob)`` with their flags, compiled for bytes.

PCRE patterns run on ``re``; what ``re`` cannot read, or could hang on, goes to the
PCRE2 library (``pcre.py``). Source: the reference's matchers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from logferry.codegen.pcre import PcreError, PcrePattern, needs_pcre

__all__ = [
    "FLAGS",
    "Pattern",
    "PatternError",
    "Verdicts",
    "compile_pattern",
    "glob_to_regex",
]

FLAGS = (
    "global",
    "icase",
    "ignore-case",
    "newline",
    "utf8",
    "unicode",
    "store-matches",
    "substring",
    "prefix",
    "disable-jit",
    "dupnames",
)

Search: TypeAlias = Callable[[bytes], Any]
_named_group = re.compile(r"\(\?<(?![=!])")
_plain = re.compile(r"[^\\.^$*+?{}\[\]|()]+")


class PatternError(Exception):
    """A pattern does not compile; the text says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    A compiled pattern.

    Attributes:
        search: returns a match (or something true) or ``None`` for bytes.
        literal: the pattern is just this text …
        how: … compared ``equal``, ``prefix`` or ``substring``; else ``regex``.
        regex: the compiled expression, for substitutions.
        texts: all texts that match, where they can be counted.

    """

    search: Search
    how: str
    literal: bytes = b""
    regex: Any = None
    texts: tuple[bytes, ...] = ()


class Verdicts(dict[bytes, bool]):
    """
    What a pattern says of texts that recur, such as names of programs.

    Asking a dictionary costs a fifth of the cheapest search. Bounded: a sender that
    makes up names costs time, not memory.
    """

    _LIMIT = 4096

    def __init__(self, search: Search) -> None:
        super().__init__()
        self._search = search

    def __missing__(self, text: bytes) -> bool:
        if len(self) >= self._LIMIT:
            self.clear()
        verdict = self[text] = bool(self._search(text))
        return verdict


def compile_pattern(text: str, type_: str, flags: frozenset[str]) -> Pattern:
    """Compile ``text``. Raises ``PatternError``."""
    ignores_case = bool(flags & {"icase", "ignore-case"})
    match type_:
        case "string":
            return _string(text, flags, ignores_case)
        case "glob":
            return _regex(glob_to_regex(text), flags, ignores_case, is_whole=True)
        case _:
            return _pcre(text, flags, ignores_case)


def _string(text: str, flags: frozenset[str], ignores_case: bool) -> Pattern:
    literal = text.encode("utf-8", "surrogateescape")
    how = "equal"
    if "substring" in flags:
        how = "substring"
    elif "prefix" in flags:
        how = "prefix"
    if ignores_case:
        ends = {"equal": (r"\A", r"\Z"), "prefix": (r"\A", ""), "substring": ("", "")}
        start, end = ends[how]
        return _regex(start + re.escape(text) + end, flags, ignores_case)
    regex = re.compile(re.escape(literal))
    texts = (literal,) if how == "equal" else ()
    return Pattern(regex.search, how, literal, regex, texts)


def _pcre(text: str, flags: frozenset[str], ignores_case: bool) -> Pattern:
    if not ignores_case and "store-matches" not in flags:
        body, how = text, "substring"
        if body.startswith("^"):
            body, how = body[1:], "prefix"
        if body.endswith("$") and not body.endswith("\\$") and how == "prefix":
            body, how = body[:-1], "equal"
        if _plain.fullmatch(body):
            literal = body.encode("utf-8", "surrogateescape")
            regex = re.compile(_bytes(text))
            # "$" also matches before a last newline, which equality would not.
            if how != "equal":
                return Pattern(regex.search, how, literal, regex)
            texts = literal, literal + b"\n"
            return Pattern(regex.search, "regex", b"", regex, texts)
    return _regex(text, flags, ignores_case)


def _regex(
    text: str,
    flags: frozenset[str],
    ignores_case: bool,
    *,
    is_whole: bool = False,
) -> Pattern:
    options = re.IGNORECASE if ignores_case else 0
    if "newline" in flags:
        options |= re.DOTALL
    is_utf8 = bool(flags & {"utf8", "unicode"})
    regex: Any
    if not is_whole and needs_pcre(text, ignores_case=ignores_case, is_utf8=is_utf8):
        try:
            regex = PcrePattern(
                _bytes(text),
                ignores_case=ignores_case,
                is_utf8=is_utf8,
                repeats_names="dupnames" in flags,
            )
        except PcreError as error:
            raise PatternError(f"the pattern does not compile: {error}") from error
    else:
        regex = re.compile(_bytes(_named_group.sub("(?P<", text)), options)
    search = regex.match if is_whole else regex.search
    return Pattern(search, "regex", b"", regex)


def glob_to_regex(text: str) -> str:
    """Return the expression that a whole text matches: only ``*`` and ``?`` count."""
    parts = {"*": ".*", "?": "."}
    body = "".join(parts.get(char) or re.escape(char) for char in text)
    return rf"(?s:{body})\Z"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
