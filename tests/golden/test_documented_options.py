"""Every driver, parser, rewrite and filter, and every option of it, is on some page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from logferry.daemon.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.schema import Options

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "\n".join(
    page.read_text() for page in DOCS.rglob("*.md") if page.name != "compat.md"
)
KINDS = ("sources", "destinations", "parsers", "rewrites", "filters")


def _is_named(word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", TEXT) is not None


def _table(kind: str) -> Mapping[str, type[Options]]:
    table: Mapping[str, type[Options]] = getattr(default_registry(), kind)
    return table


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_on_a_page(kind: str) -> None:
    assert [name for name in _table(kind) if not _is_named(name)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_that_does_something_is_on_a_page(kind: str) -> None:
    missing = {
        f"{name}: {option.name}"
        for name, options in _table(kind).items()
        for option in options.table().values()
        if not option.no_effect and not option.positional
        if not _is_named(option.name)
    }
    assert missing == set()
