"""Every difference that the tables know is listed, with its reason, in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import differences

PAGE = (Path(__file__).parents[2] / "docs/compat.md").read_text()
REASONS = sorted(value for name, value in vars(differences).items() if name.isupper())


@pytest.mark.parametrize("reason", REASONS)
def test_a_known_difference_is_listed(reason: str) -> None:
    assert f"| {reason} |" in PAGE
