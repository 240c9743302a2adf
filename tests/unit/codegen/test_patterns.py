"""Patterns: what runs on ``re``, what on PCRE2, and that none can stall the program."""

from __future__ import annotations

import pytest

from logferry.codegen.patterns import PatternError, compile_pattern, glob_to_regex
from logferry.codegen.pcre import PcrePattern, needs_pcre

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        "(a*)*b",
        "([a-zA-Z]+)*$",
        "(a|aa)+$",
        "(.*a){12}",
        ".*x.*y.*z",
        r"(\w+\s?)*$",
        r"^(\d+)*$",
        r"(a)\1+b",
    ],
)
def test_a_catastrophic_pattern_gives_up(text: str) -> None:
    pattern = compile_pattern(text, "pcre", NONE)
    assert isinstance(pattern.regex, PcrePattern)
    pattern.search(b"a" * 5000 + b"!")  # returns, whatever it says


@pytest.mark.parametrize(
    "text",
    [
        "^su$",
        "error|warning",
        r"user (\w+) from (\S+) port \d+",
        "[0-9]{1,3}(?:\\.[0-9]{1,3}){3}",
        ".*failed.*",
        "(?<name>[a-z]+)=",
        "a{2,5}b",
    ],
)
def test_an_ordinary_pattern_runs_on_re(text: str) -> None:
    assert not needs_pcre(text, ignores_case=False, is_utf8=False)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("[[:digit:]]+", b"x1"),
        (r"\p{L}+", b"abc"),
        (r"(?|(a)|(b))", b"b"),
        (r"\Ka", b"a"),
    ],
)
def test_pcre_syntax_works(text: str, subject: bytes) -> None:
    assert compile_pattern(text, "pcre", NONE).search(subject)


def test_utf8_makes_a_character_of_several_bytes_one() -> None:
    flags = frozenset({"utf8"})
    assert compile_pattern("^.$", "pcre", flags).search("é".encode())
    assert not compile_pattern("^.$", "pcre", NONE).search("é".encode())


def test_bad_utf8_does_not_match_in_utf8_mode() -> None:
    assert not compile_pattern("^.", "pcre", frozenset({"utf8"})).search(b"\xff")


def test_a_pattern_that_nobody_can_read_is_an_error() -> None:
    with pytest.raises(PatternError):
        compile_pattern("(", "pcre", NONE)


def test_a_glob_knows_no_brackets() -> None:
    assert glob_to_regex("[a]*?") == r"(?s:\[a\].*.)\Z"


def test_groups_of_one_name_have_the_value_of_the_one_that_took_part() -> None:
    flags = frozenset({"dupnames", "store-matches"})
    pattern = compile_pattern("(?<id>[0-9]+);|#(?<id>[a-z]+)", "pcre", flags)
    assert pattern.search(b"12;").groupdict() == {"id": b"12"}
    assert pattern.search(b"#ab").groupdict() == {"id": b"ab"}
    assert pattern.search(b"#ab").group(0) == b"#ab"
    assert pattern.search(b"none") is None
