"""Pages list the options that the program has."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["sources.md", "local-destinations.md", "language.md"])
def test_a_page_lists_the_options_that_there_are(name: str) -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "option_tables.py"))
    page = (ROOT / "docs" / "config" / name).read_text(encoding="utf-8")
    hint = f"run: python tools/option_tables.py docs/config/{name}"
    assert tool["filled"](page) == page, hint
