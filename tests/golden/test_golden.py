"""
Configurations and exactly what is made of them.

``faulty/*.conf`` have their diagnostics beside them, ``good/*.conf`` the graph of their
log paths. ``make bless`` writes what is said now; the difference is reviewed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.golden import FOLDER, check_text, graph_of_file, loaded_twice
from logferry.config.graph import graph_of, graph_text

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration
    from logferry.config.schema import Options

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


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_expanded_text_means_the_same(path: Path) -> None:
    first, second = loaded_twice(path)
    assert graph_text(graph_of(first)) == graph_text(graph_of(second))
    assert drivers(first) == drivers(second)


def drivers(configuration: Configuration) -> list[Options]:
    groups = (*configuration.sources.values(), *configuration.destinations.values())
    return [spec.options for group in groups for spec in group.drivers]
