"""What the processing language knows: filters, rewrites and parsers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.correlation.kinds import CORRELATORS
from logferry.codegen.filters import FILTERS
from logferry.codegen.parsers import PARSERS
from logferry.codegen.rewrites import REWRITES

if TYPE_CHECKING:
    from logferry.config.schema import Options

__all__ = ["filters", "parsers", "rewrites"]


def filters() -> dict[str, type[Options]]:
    """Return the options classes of filter functions."""
    return dict(FILTERS)


def rewrites() -> dict[str, type[Options]]:
    """Return the options classes of rewrite operations."""
    return dict(REWRITES)


def parsers() -> dict[str, type[Options]]:
    """Return the options classes of parsers."""
    return {**PARSERS, **CORRELATORS}
