"""Regular expressions that Python before 3.11.5 gets wrong are not used."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
possessive_group = re.compile(r"\)(?:[?*+]|\{[\d,%]*\})\+")


def test_no_group_has_a_possessive_quantifier() -> None:
    """Where the last iteration fails half-way, they do not go back (gh-106052)."""
    found = [
        f"{path.relative_to(SOURCE)}:{number}: write (?>(?:…)*)"
        for path in SOURCE.rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if possessive_group.search(line) and "_URL_SAFE" not in line
    ]
    assert found == []
