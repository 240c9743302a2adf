"""Filters that the regular expression of a row answers."""

from __future__ import annotations

import pytest

from helpers.programs import relay

HEAD = b"<13>Nov 21 12:00:00 "


@pytest.mark.parametrize(
    ("test", "passing", "failing"),
    [
        ("program('su')", b"h asu: x", b"h s: su"),
        ("program('^su')", b"h sudo: x", b"h asu: x"),
        ("program('^su$')", b"h su[1]: x", b"h sudo: x"),
        ("program('su' type(string))", b"h su", b"h su.: x"),
        ("not program('su' type(string))", b"h sudo: x", b"h su: x"),
        ("program('a') or program('b')", b"h xb: x", b"h c: ab"),
        ("program('a') and not program('b')", b"h a: b", b"h ab: x"),
        ("level(notice) and program('a')", b"h a: b", b"h b: x"),
        ("program('a.c' type(string))", b"h a.c: b", b"h abc: x"),
    ],
)
def test_the_line_is_tested_where_it_is_matched(
    test: str, passing: bytes, failing: bytes
) -> None:
    site = relay(f"filter {{ {test}; }};", "keep-hostname(yes)")
    assert "program" not in site.program.plan.reads
    lines = (HEAD + failing, HEAD + passing, HEAD + failing)
    (records,) = site.lines(*lines).values()
    assert records == [HEAD + passing + b"\n"]


@pytest.mark.parametrize("host", ["host('h')", "host('^h$')", "not host('i')"])
def test_the_host_is_tested_where_it_is_that_of_the_line(host: str) -> None:
    kept = relay(f"filter {{ {host}; }};", "keep-hostname(yes)")
    assert kept.lines(HEAD + b"h p: x", HEAD + b"ii p: h") == {
        kept.program.outputs[0]: [HEAD + b"h p: x\n"]
    }
    rewritten = relay(f"filter {{ {host}; }};", 'host-override("other")')
    is_other = "not" in host or host == "host('h')"  # which is within "other"
    assert bool(rewritten.lines(HEAD + b"i p: x")) == is_other


def test_a_text_that_goes_beyond_the_field_is_never_part_of_it() -> None:
    site = relay("filter { program('su: x' type(string)); };")
    assert not site.lines(HEAD + b"h su: x")
    site = relay("filter { not program('su: x' type(string)); };")
    assert site.lines(HEAD + b"h su: x")


def test_a_test_with_consequences_is_made_for_all_that_it_is_asked_about() -> None:
    site = relay("filter { rate-limit(rate(1)) and program('b'); };")
    assert not site.lines(HEAD + b"h a: x", HEAD + b"h b: x")


def test_an_odd_line_among_lines_that_fail_is_found() -> None:
    site = relay("filter { program('b'); };", "keep-hostname(yes)")
    lines = (HEAD + b"h a: 1", b"<13>Nov 1 12:00:00 h b: 2", HEAD + b"h a: 3")
    (records,) = site.lines(*lines).values()
    assert [record[-2:] for record in records] == [b"2\n"]
