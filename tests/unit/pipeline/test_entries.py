"""Sources inside of junctions, and channels inside of statements."""

from __future__ import annotations

from helpers.programs import compiled

LOW = b"<13>Nov 21 12:00:00 web sshd[7]: low"  # user.notice
HIGH = b"<11>Nov 21 12:00:00 db kernel: high"  # user.err

OUTPUTS = """
destination a { output(template("a $MSG\\n")); };
destination b { output(template("b $MSG\\n")); };
"""


def reached(paths: str) -> dict[str, list[str]]:
    """Return what reached the destinations from each source."""
    site = compiled(OUTPUTS + paths)
    found: dict[str, list[str]] = {}
    for name, program in site.programs.items():
        site.programs = {name: program}
        lines = site.lines(LOW, HIGH)
        texts = [item.decode().strip() for group in lines.values() for item in group]
        found[name.partition("#")[0]] = sorted(texts)
    return found


def test_a_source_in_a_channel_enters_there() -> None:
    found = reached(
        """source s { input(keep-hostname(yes)); };
        source t { input(keep-hostname(yes)); };
        log {
            junction {
                channel { source(s); filter { level(err); }; };
                channel { source(t); };
            };
            destination(a);
        };"""
    )
    assert found == {"s": ["a high"], "t": ["a high", "a low"]}


def test_what_stands_before_the_source_is_not_for_it() -> None:
    found = reached(
        """source s { input(keep-hostname(yes)); };
        source t { input(keep-hostname(yes)); };
        log {
            source(s);
            filter { level(err); };
            junction { channel { }; channel { source(t); flags(fallback); }; };
            destination(a);
        };"""
    )
    assert found["t"] == ["a high", "a low"]
    assert found["s"] == ["a high"]


def test_an_embedded_path_with_a_source_of_its_own_ends_there() -> None:
    found = reached(
        """source s { input(keep-hostname(yes)); };
        source t { input(keep-hostname(yes)); };
        log { source(s); log { source(t); destination(b); }; destination(a); };"""
    )
    assert found["t"] == ["b high", "b low"]


def test_a_channel_of_a_source_statement_processes_its_own_messages_only() -> None:
    found = reached(
        """source t { input(keep-hostname(yes)); };
        source s {
            input(keep-hostname(yes));
            channel { source(t); rewrite { set("changed" value("MESSAGE")); }; };
        };
        log { source(s); destination(a); };"""
    )
    assert found == {"s": ["a high", "a low"], "t": ["a changed", "a changed"]}


def test_a_source_that_enters_nowhere_delivers_nothing() -> None:
    found = reached(
        """source s { input(); };
        source t { input(); };
        log { source(t); log { destination(b); }; };
        log { junction { channel { filter { level(err); }; }; }; destination(a); source(s); };"""
    )
    assert found["s"] == ["a high"]
