"""Configurations as text: loaded, or the complaints about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Configuration

NAME = "site.conf"
SCL = '@include "scl.conf"\n'


def loaded(
    text: str,
    environment: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> tuple[Configuration, Diagnostics]:
    """Return what ``text`` means, with its warnings; the version is put before it."""
    if "@version" not in text:
        text = f"@version: 4.27\n{text}"
    return load_configuration(
        path or Path(NAME), default_registry(), environment or {}, text
    )


def complaints(text: str, path: Path | None = None) -> list[str]:
    """Return what is said about a faulty configuration, one text for each error."""
    with pytest.raises(ConfigError) as caught:
        loaded(text, path=path)
    shown = {str(path or NAME): text}
    return [
        render_diagnostics([item], dict(shown)) for item in caught.value.diagnostics
    ]


def warnings(text: str) -> list[str]:
    """Return the messages of the warnings about a configuration that loads."""
    _, diagnostics = loaded(text)
    return [item.message for item in diagnostics.items]
