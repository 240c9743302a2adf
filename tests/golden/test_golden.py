"""
Configurations and exactly what is made of them.

``faulty/*.conf`` have their diagnostics beside them, ``good/*.conf`` the graph of their
log paths. ``make bless`` writes what is said now; the difference is reviewed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.golden import FOLDER, check_text, graph_of_file

FAULTY = sorted((FOLDER / "faulty").glob("*.conf"))
GOOD = sorted((FOLDER / "good").glob("*.conf"))


def test_there_are_enough_of_both() -> None:
    assert len(FAULTY) >= 60
    assert len(GOOD) >= 60


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_a_faulty_configuration_is_explained(path: Path) -> None:
    expected = path.with_suffix(".txt").read_text()
    assert check_text(path) == expected
    assert ": error: " in expected


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_configuration_has_its_graph(path: Path) -> None:
    assert graph_of_file(path) == path.with_suffix(".txt").read_text()
