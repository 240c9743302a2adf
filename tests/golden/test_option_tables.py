"""Pages list the options that the program has."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_sources_lists_their_options() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "option_tables.py"))
    page = (ROOT / "docs" / "config" / "sources.md").read_text(encoding="utf-8")
    hint = "run: python tools/option_tables.py docs/config/sources.md"
    assert tool["filled"](page) == page, hint
