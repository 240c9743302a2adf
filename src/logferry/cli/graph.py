"""
Draws log paths as an SVG picture: messages go from left to right.

Each log path is a band of boxes; a junction splits it into branches that come together
again, an embedded ``log`` ends where it ends. Sources that follow each other stand
above each other, and so do destinations. The picture needs no other file and follows
the reader's light or dark colours.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from logferry.config.graph import Box, Fork, Item, Row, graph_of

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration

__all__ = ["draw"]

_CHAR = 7.3  # of 12px; the widest common monospace font has 7.25
_COLUMNS_MAX = 56
_LINE = 16.0
_PAD = 10.0
_GAP = 26.0
_MARGIN = 20.0

_STYLE = """
text { font: 12px ui-monospace, monospace; fill: #222; }
.title { font-weight: bold; }
.label { fill: #666; font-size: 11px; }
svg { background: #fff; }
rect { stroke: #666; fill: #fff; }
.source { fill: #e3f2e1; } .destination { fill: #dfeaf8; } .filter { fill: #fdf3d8; }
.rewrite, .parser { fill: #efe6f6; }
.band { fill: none; stroke: #ccc; stroke-dasharray: 4 3; }
path { stroke: #666; fill: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #1b1b1b; }
  text { fill: #ddd; } .label { fill: #aaa; }
  rect, path { stroke: #999; } .band { stroke: #555; }
  .source { fill: #24402a; } .destination { fill: #1f3450; }
  .filter { fill: #4a3f1c; } .rewrite, .parser { fill: #3b2c4a; }
}
"""


@dataclass(frozen=True, slots=True)
class _Size:
    """What a part takes, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Stack:
    """Boxes above each other: what follows them gets the messages of all."""

    boxes: tuple[Box, ...]
    is_last: bool

    @property
    def begins(self) -> bool:
        """Tell whether it is sources, to which no line leads."""
        return self.boxes[0].kind == "source"


_Part: TypeAlias = Item | _Stack


def _parts(row: Row) -> list[_Part]:
    """Return the items of ``row`` with neighbours of one kind as stacks."""
    found: list[_Part] = []
    for kind, group in groupby(row.items, _stacked_kind):
        items = list(group)
        boxes = tuple(item for item in items if isinstance(item, Box))
        if kind and len(boxes) > 1:
            found.append(_Stack(boxes, boxes[-1] is row.items[-1]))
        else:
            found += items
    return found


def _stacked_kind(item: Item) -> str:
    is_stacked = isinstance(item, Box) and item.kind in {"source", "destination"}
    return item.kind if is_stacked else ""


class _Drawing:
    """Collects the elements of the picture."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    # -- sizes --------------------------------------------------------------------

    def size(self, item: _Part | Row) -> _Size:
        """Return what ``item`` takes."""
        match item:
            case Box():
                width = max(len(line) for line in _texts(item)) * _CHAR + 2 * _PAD
                return _Size(width, len(_texts(item)) * _LINE + 2 * _PAD)
            case Fork(_, rows):
                sizes = [self.size(row) for row in rows]
                width = max((size.width for size in sizes), default=0.0)
                height = sum(size.height + _PAD for size in sizes) - _PAD
                return _Size(width + 2 * _GAP, max(height, _LINE))
            case _Stack(boxes):
                sizes = [self.size(box) for box in boxes]
                width = max(size.width for size in sizes) + 2 * _GAP
                if item.begins or item.is_last:
                    width -= _GAP
                return _Size(width, sum(size.height + _PAD for size in sizes) - _PAD)
            case Row():
                sizes = [self.size(part) for part in _parts(item)]
                width = sum(size.width + _GAP for size in sizes) - _GAP
                label = len(_label(item)) * _CHAR
                height = max((size.height for size in sizes), default=_LINE)
                top = _LINE if _label(item) else 0.0
                return _Size(max(width, label, _GAP), height + top)

    # -- drawing ------------------------------------------------------------------

    def row(self, row: Row, x: float, y: float) -> tuple[float, float]:
        """Draw ``row`` with its corner at x, y; return where its line runs and ends."""
        size = self.size(row)
        label = _label(row)
        top = _LINE if label else 0.0
        if label:
            self.text(label, x, y + _LINE - 4, "label")
        middle = y + top + (size.height - top) / 2
        right = x
        for index, item in enumerate(_parts(row)):
            if index:
                self.line(right, middle, right + _GAP, middle)
                right += _GAP
            self.item(item, right, middle)
            right += self.size(item).width
        return middle, right

    def item(self, item: _Part, x: float, middle: float) -> None:
        """Draw a box, stack or fork around the line ``middle``."""
        if isinstance(item, Box):
            self.box(item, x, middle)
            return
        if isinstance(item, _Stack):
            self.stack(item, x, middle)
            return
        size = self.size(item)
        y = middle - size.height / 2
        for row in item.rows:
            at, end = self.row(row, x + _GAP, y)
            self.curve(x, middle, x + _GAP, at)
            if item.kind == "junction":
                self.line(end, at, x + size.width - _GAP, at)
                self.curve(x + size.width - _GAP, at, x + size.width, middle)
            y += self.size(row).height + _PAD

    def stack(self, stack: _Stack, x: float, middle: float) -> None:
        """Draw boxes above each other around the line ``middle``."""
        size = self.size(stack)
        left = x if stack.begins else x + _GAP
        y = middle - size.height / 2
        for box in stack.boxes:
            part = self.size(box)
            at = y + part.height / 2
            self.box(box, left, at)
            if not stack.begins:
                self.curve(x, middle, left, at)
            if stack.begins or not stack.is_last:
                right = x + size.width - _GAP
                self.line(left + part.width, at, right, at)
                self.curve(right, at, x + size.width, middle)
            y += part.height + _PAD

    def box(self, box: Box, x: float, middle: float) -> None:
        """Draw one element."""
        size = self.size(box)
        y = middle - size.height / 2
        self.parts.append(
            f'<g><title>{escape(str(box.span))}</title><rect class="{box.kind}" '
            f'x="{x:.0f}" y="{y:.0f}" width="{size.width:.0f}" '
            f'height="{size.height:.0f}" rx="5"/></g>'
        )
        for index, text in enumerate(_texts(box)):
            row = y + _PAD + (index + 0.75) * _LINE
            self.text(text, x + _PAD, row, "title" if not index else "")

    def text(self, text: str, x: float, y: float, kind: str) -> None:
        """Write one line."""
        style = f' class="{kind}"' if kind else ""
        shown = escape(text).replace("  ", "\u00a0\u00a0")  # pictures drop two spaces
        self.parts.append(f'<text{style} x="{x:.0f}" y="{y:.0f}">{shown}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a straight line."""
        self.parts.append(f'<path d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}"/>')

    def curve(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a line that leaves and arrives level."""
        half = (x1 + x2) / 2
        self.parts.append(
            f'<path d="M{x1:.0f} {y1:.0f}C{half:.0f} {y1:.0f} {half:.0f} {y2:.0f} '
            f'{x2:.0f} {y2:.0f}"/>'
        )


def draw(configuration: Configuration) -> str:
    """Return the picture of all log paths as the text of an SVG file."""
    drawing = _Drawing()
    y, width = _MARGIN, 0.0
    for row in graph_of(configuration):
        size = drawing.size(row)
        drawing.parts.append(
            f'<rect class="band" x="{_MARGIN / 2:.0f}" y="{y - _PAD:.0f}" '
            f'width="{size.width + _MARGIN:.0f}" '
            f'height="{size.height + 2 * _PAD:.0f}"/>'
        )
        drawing.row(row, _MARGIN, y)
        y += size.height + 2 * _MARGIN
        width = max(width, size.width + 2 * _MARGIN)
    body = "\n".join(drawing.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y:.0f}" '
        f'width="{width:.0f}" height="{y:.0f}">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _texts(box: Box) -> tuple[str, ...]:
    """Return the lines in a box: each member of a pool has its own."""
    texts = [f"{box.kind} {box.name}".strip()]
    for line in box.lines:
        first, *more = line.split("; ")
        for text in (first, *(f"  {member}" for member in more)):
            texts += textwrap.wrap(
                text,
                _COLUMNS_MAX,
                subsequent_indent="    ",
                drop_whitespace=False,
                break_on_hyphens=False,
            )
    return tuple(texts)


def _label(row: Row) -> str:
    return " ".join((*([row.name] if row.name else []), *row.flags))
