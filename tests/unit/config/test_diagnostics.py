"""What a person sees who made mistakes in a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError


def complaints(text: str) -> list[str]:
    """Return what is said about a faulty configuration, one text for each error."""
    with pytest.raises(ConfigError) as caught:
        load_configuration(Path("site.conf"), default_registry(), {}, text)
    items = caught.value.diagnostics
    return [render_diagnostics([item], {"site.conf": text}) for item in items]


def test_all_errors_are_reported_at_once() -> None:
    found = complaints(
        """@version: 4.27
source s { network(prot(514)); };
destination d { fil("/var/log/x"); };
log { source(t); destination(d); };
"""
    )
    places = [item.partition(": ")[0] for item in found]
    assert places == ["site.conf:2:20", "site.conf:3:17", "site.conf:4:14"]


def test_an_error_shows_the_line_with_a_caret_and_a_suggestion() -> None:
    (found,) = complaints(
        '@version: 4.27\ndestination d { network("a" prot(514)); };\n'
        "log { destination(d); };\n"
    )
    lines = found.splitlines()
    assert lines[0].startswith("site.conf:2:29: error: ")
    assert lines[1].endswith('| destination d { network("a" prot(514)); };')
    assert lines[2].index("^") == lines[1].index("prot")
    assert lines[2].count("^") == len("prot")
    assert "did you mean 'port'" in found


def test_a_wrong_value_says_what_was_expected() -> None:
    (found,) = complaints(
        '@version: 4.27\nlog { destination { network("a" transport("tpc")); }; };\n'
    )
    assert "tpc" in found
    assert "tcp" in found
    assert "tls" in found


def test_a_missing_bracket_is_found_where_it_was_opened() -> None:
    found = "\n".join(complaints("@version: 4.27\nsource s { network(port(514); };\n"))
    assert "site.conf:2:" in found
    assert "(" in found


def test_an_unknown_reference_is_named_with_what_exists() -> None:
    (found,) = complaints(
        "@version: 4.27\nsource s_network { network(); };\n"
        "log { source(s_netwrok); };\n"
    )
    assert "s_netwrok" in found
    assert "did you mean 's_network'" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10),
        ("0x10", 16),
        ("010", 8),
        ("2k", 2000),
        ("2Ki", 2048),
        ("2KiB", 2048),
        ("3MiB", 3 * 1024 * 1024),
        ("1G", 10**9),
    ],
)
def test_sizes_take_units(text: str, expected: int) -> None:
    configuration, _ = load_configuration(
        Path("site.conf"),
        default_registry(),
        {},
        f"@version: 4.27\nlog {{ source {{ network(log-msg-size({text})); }}; }};\n",
    )
    (group,) = configuration.sources.values()
    assert group.drivers[0].options.log_msg_size == expected


def test_dash_and_underscore_are_the_same_in_options() -> None:
    configuration, _ = load_configuration(
        Path("site.conf"),
        default_registry(),
        {},
        "@version: 4.27\n"
        "log { source { network(keep_hostname(yes) log-msg_size(100)); }; };\n",
    )
    (group,) = configuration.sources.values()
    assert group.drivers[0].options.keep_hostname is True
    assert group.drivers[0].options.log_msg_size == 100


def test_no_more_are_shown_than_a_person_reads() -> None:
    found = complaints(
        "@version: 4.27\n"
        + "".join(f"filter f{n} {{ levle(err); }};\n" for n in range(999))
    )
    assert len(found) == 201
    assert "more than 200 errors" in found[-1]


def test_errors_come_in_the_order_of_the_file() -> None:
    found = complaints(
        "@version: 4.27\n"
        "log { source(nobody); };\n"
        "source s { netwrk(); };\n"
        "filter f { level(bogus); };\n"
        "source t { network(port(1); };\n"
    )
    assert [item.split(":", 2)[1] for item in found] == ["2", "3", "4", "5"]


def test_a_value_without_parentheses_is_one_error_with_the_way_to_write_it() -> None:
    found = complaints("@version: 4.27\noptions { keep_hostname yes; };\n")
    assert len(found) == 1
    assert "the value of keep-hostname stands in parentheses" in found[0]
    assert "write keep-hostname(yes)" in found[0]
