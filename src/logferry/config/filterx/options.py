"""A ``filterx`` block as a step of a log path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.schema import Options

if TYPE_CHECKING:
    from logferry.config.filterx.nodes import FilterxBlock

__all__ = ["FilterxOptions"]


class FilterxOptions(Options):
    """
    What a step of kind ``filterx`` has instead of options.

    Attributes:
        block: its statements.
        declared: names that any block of the configuration declares; complete when
            the configuration is.

    """

    title = "filterx"

    def __init__(self, block: FilterxBlock, declared: set[str]) -> None:
        super().__init__(span=block.span)
        self._values["block"] = block
        self._values["declared"] = declared
        self.block = block
        self.declared = declared
