"""The log paths as a DOT graph, for ``export-config-graph``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from logferry.config.graph import Box, Item, Row, graph_of
from logferry.telemetry.secrets import mask

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration

__all__ = ["render_dot"]

_SHAPES = {"source": "box", "destination": "box", "filter": "diamond"}


def render_dot(configuration: Configuration) -> str:
    """Return the graph: a node for each element, an edge for each way on."""
    graph = _Dot()
    for row in graph_of(configuration):
        graph.row(row, [])
    return "\n".join(["digraph G", "{", "    rankdir = LR", *graph.lines, "}"]) + "\n"


class _Dot:
    """The lines of a graph."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers = count()

    def row(self, row: Row, sources: list[str]) -> list[str]:
        """Draw a row after ``sources``; return where the way goes on from."""
        for item in row.items:
            sources = self._item(item, sources)
        return sources

    def _item(self, item: Item, sources: list[str]) -> list[str]:
        if isinstance(item, Box):
            name = f"n{next(self._numbers)}"
            label = _quote("\n".join(_texts(item)))
            shape = _SHAPES.get(item.kind, "ellipse")
            self.lines.append(f"    {name} [label={label} shape={shape}]")
            self.lines.extend(f"    {source} -> {name}" for source in sources)
            return [name]
        ends = [end for row in item.rows for end in self.row(row, sources)]
        return sources if item.kind == "log" else ends


def _texts(box: Box) -> Iterator[str]:
    yield f"{box.kind} {box.name}".rstrip()
    yield from map(mask, box.lines)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
