"""
Diagnostics for people: the place, the line, a caret, the remedy.

A daemon's diagnostics end in the journal, which many may read: secrets are masked in
the lines that are shown, without moving the caret.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logferry.config.diagnostics import Diagnostic
from logferry.config.sources import LIBRARY, read_source
from logferry.telemetry.secrets import mask_in_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logferry.config.nodes import Span

__all__ = ["render_diagnostics"]

_COLUMNS_MAX = 160
_COLUMNS_BEFORE = 60
"""What is shown of a longer line, and how much of it before the caret."""


def render_diagnostics(
    diagnostics: Sequence[object], texts: dict[str, str] | None = None
) -> str:
    """
    Return the text that shows all ``diagnostics``.

    ``texts`` holds the content of files by name; others are read from disk.
    """
    texts = {name: mask_in_place(text) for name, text in (texts or {}).items()}
    blocks = [
        _render(item, texts) if isinstance(item, Diagnostic) else f"{item}\n"
        for item in diagnostics
    ]
    return "\n".join(blocks)


def _render(item: Diagnostic, texts: dict[str, str]) -> str:
    rule = f" [{item.rule}]" if item.rule else ""
    lines = [f"{item.span}: {item.severity}: {item.message}{rule}"]
    lines += _excerpt(item.span, texts)
    if item.hint:
        lines.append(f"  hint: {item.hint}")
    origin = item.span.origin
    while origin is not None:
        lines.append(f"  from {origin}")
        if origin.origin is None and origin.file != item.span.file:
            lines += _excerpt(origin, texts)  # the line that the user wrote
        origin = origin.origin
    return "\n".join(lines) + "\n"


def _excerpt(span: Span, texts: dict[str, str]) -> list[str]:
    """Return the source line and a caret under the place."""
    if span.file not in texts:
        path = Path(span.file)
        if path.parts[:1] == (LIBRARY.name,):  # named as scl/file.conf
            path = LIBRARY / path.name
        try:
            text = read_source(path)
        except OSError:
            text = ""
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        texts[span.file] = mask_in_place(text)
    source = texts[span.file].splitlines()
    if not 1 <= span.line <= len(source):
        return []
    line = source[span.line - 1]
    last = span.end_column if span.end_line == span.line else len(line) + 1
    width = max(1, min(last, len(line) + 1) - span.column)
    pad = "".join("\t" if char == "\t" else " " for char in line[: span.column - 1])
    number = f"{span.line:5} | "
    if len(line) > _COLUMNS_MAX:
        line, pad, width = _cropped(line, len(pad), width)
    return [f"{number}{line}", f"{' ' * len(number)}{pad}{'^' * width}"]


def _cropped(line: str, column: int, width: int) -> tuple[str, str, int]:
    """Return the part of a long line around ``column``, its indentation and width."""
    start = max(0, min(column - _COLUMNS_BEFORE, len(line) - _COLUMNS_MAX))
    end = start + _COLUMNS_MAX
    shown = ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
    before = shown[: column - start + bool(start)]
    pad = "".join("\t" if char == "\t" else " " for char in before)
    return shown, pad, min(width, end - column)
