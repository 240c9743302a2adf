"""A destination driver as the generated code of a program sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.codegen.rendering import Rendering
    from logferry.pipeline.suppression import Suppressor

__all__ = ["Output"]


@dataclass(slots=True)
class Output:
    """One destination driver as an output of a program."""

    id: str
    index: int
    rendering: Rendering
    is_keyed: bool
    flow_controlled: bool = False
    suppressor: Suppressor | None = None
    ends_with_newline: list[bool] = field(default_factory=list)

    @property
    def variable(self) -> str:
        """The list, or the lists by key, that records are added to."""
        name, _, number = self.id.partition("#")
        is_plain = name.isidentifier() and name.isascii() and number == "0"
        return f"records_{name if is_plain else self.index}"
