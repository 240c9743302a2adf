"""Which messages reach which destination: filters and the flags of log paths."""

from __future__ import annotations

import pytest

from helpers.programs import compiled

LOW = b"<13>Nov 21 12:00:00 web sshd[7]: low"  # user.notice
HIGH = b"<11>Nov 21 12:00:00 db kernel: high"  # user.err


def reached(paths: str, *lines: bytes) -> dict[str, list[bytes]]:
    """Return the texts that reached each destination, by its statement's name."""
    site = compiled(
        f"""
        source s {{ input(keep-hostname(yes)); }};
        destination a {{ output(template("$MSG\\n")); }};
        destination b {{ output(template("$MSG\\n")); }};
        destination c {{ output(template("$MSG\\n")); }};
        filter f_err {{ level(err..emerg); }};
        {paths}
        """
    )
    found = site.lines(*lines)
    return {
        name.partition("#")[0]: [record.strip().decode() for record in records]
        for name, records in found.items()
    }


def test_a_message_takes_every_path_that_matches() -> None:
    found = reached(
        "log { source(s); destination(a); }; log { source(s); destination(b); };", LOW
    )
    assert found == {"a": ["low"], "b": ["low"]}


def test_final_ends_the_way_of_what_matched() -> None:
    found = reached(
        """log { source(s); filter(f_err); destination(a); flags(final); };
        log { source(s); destination(b); };""",
        LOW,
        HIGH,
    )
    assert found == {"a": ["high"], "b": ["low"]}


def test_fallback_takes_what_no_other_path_took() -> None:
    found = reached(
        """log { source(s); destination(b); flags(fallback); };
        log { source(s); filter(f_err); destination(a); };""",
        LOW,
        HIGH,
    )
    assert found == {"a": ["high"], "b": ["low"]}


def test_catchall_takes_from_every_source() -> None:
    found = reached("log { destination(c); flags(catchall); };", LOW)
    assert found == {"c": ["low"]}


def test_embedded_paths_get_what_passed_above_them() -> None:
    found = reached(
        """log { source(s); filter(f_err);
            log { filter { host("db") }; destination(a); };
            log { filter { host("web") }; destination(b); };
        };""",
        LOW,
        HIGH,
    )
    assert found == {"a": ["high"]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("level(err)", ["high"]),
        ("severity(notice)", ["low"]),
        ("level(notice..warning)", ["low"]),
        ("facility(user)", ["low", "high"]),
        ("facility(mail)", []),
        ("program(sshd)", ["low"]),
        ('program("^s")', ["low"]),
        ('host("db")', ["high"]),
        ('message("i.h")', ["high"]),
        ('match("^lo" value("MESSAGE"))', ["low"]),
        ("not level(err)", ["low"]),
        ("level(err) or program(sshd)", ["low", "high"]),
        ("level(err) and program(sshd)", []),
        ("not (level(err) or program(sshd))", []),
        ("filter(f_err)", ["high"]),
        ('"$PROGRAM" eq "kernel"', ["high"]),
    ],
)
def test_filters(expression: str, expected: list[str]) -> None:
    found = reached(
        f"log {{ source(s); filter {{ {expression}; }}; destination(a); }};", LOW, HIGH
    )
    assert found.get("a", []) == expected
