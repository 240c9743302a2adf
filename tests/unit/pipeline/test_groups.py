"""Groups of paths change what is asked, never what is answered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.programs import Site, compiled
from logferry.pipeline import groups

NAMES = ("alpha", "beta", "gamma", "delta", "alphabet")
TESTS = (
    *(f'program("{name}" type(string))' for name in NAMES),
    *(f"program({name})" for name in NAMES),
    'program("^al")',
    'program("alpha") and level(err)',
    'level(err) and program("beta")',
    'program("alpha") or program("beta")',
    'program("alpha") or host("beta")',
    'not program("alpha")',
    *(f"host({name})" for name in NAMES),
    'host("GAMMA" flags(ignore-case)) and program("a")',
    "level(err)",
    "level(notice..warning) and not facility(mail)",
    "facility(user) and not program('alpha')",
    "not level(err) and not host('beta')",
    "'$PROGRAM' eq 'gamma'",
    "match('^delta$' value('PROGRAM'))",
)
paths = st.lists(
    st.tuples(st.sampled_from(TESTS), st.booleans(), st.booleans()),
    min_size=4,
    max_size=24,
)
lines = st.lists(
    st.builds(
        "<{}>Nov 21 12:00:00 {} {}: text".format,
        st.sampled_from(("11", "13", "22", "013", "1100", "1099")),
        st.sampled_from((*NAMES, "GAMMA")),
        st.sampled_from((*NAMES, "other")),
    ).map(str.encode),
    min_size=1,
    max_size=12,
)


def site(chosen: list[tuple[str, bool, bool]], source: str) -> Site:
    text = [f"source s {{ input({source}); }};"]
    for index, (test, is_final, is_named) in enumerate(chosen):
        step = f"filter {{ {test}; }};"
        if is_named:
            text.append(f"filter f_{index} {{ {test}; }};")
            step = f"filter(f_{index});"
        flags = "flags(final);" if is_final else ""
        text.append(
            f"log {{ source(s); {step} destination {{ output(); }}; {flags} }};"
        )
    return compiled("\n".join(text))


def counts(found: Site) -> dict[str, int]:
    return {
        f"{series.labels}": series.counter.value
        for series in found.context.metrics
        if series.name == "filtered_events_total"
    }


@pytest.mark.parametrize("source", ["keep-hostname(yes)", "flags(syslog-protocol)"])
@settings(max_examples=60, deadline=None)
@given(chosen=paths, sent=lines)
def test_grouped_paths_take_the_same_messages_and_count_the_same(
    source: str, chosen: list[tuple[str, bool, bool]], sent: list[bytes]
) -> None:
    grouped = site(chosen, source)
    before = groups.GROUP_MIN
    groups.GROUP_MIN = 10**9
    try:
        plain = site(chosen, source)
    finally:
        groups.GROUP_MIN = before
    assert "for path in" not in plain.program.source
    assert grouped.lines(*sent) == plain.lines(*sent)
    assert counts(grouped) == counts(plain)


def test_many_paths_on_one_field_are_grouped() -> None:
    chosen = [(f'program("p{index}")', False, False) for index in range(64)]
    program = site(chosen, "").program
    assert program.form == "slices"
    assert program.source.count("for path in") == 3  # rows, odd ones, messages
