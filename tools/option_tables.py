"""
Writes the tables of options into pages, from the options' own descriptors.

A page says where with a comment such as ``<!-- options: source file -->``; the table
goes between it and ``<!-- end -->``. What every source has is left out of the tables
of the drivers: ``<!-- options: every source -->`` has it.

    python tools/option_tables.py docs/config/sources.md [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logferry.config.options import GlobalOptions, StatsOptions
from logferry.config.schema import FromGlobal, Options
from logferry.daemon.registry import default_registry
from logferry.destinations.options import WriterOptions
from logferry.sources.options import ReaderOptions

if TYPE_CHECKING:
    from logferry.config.schema import Option

_PLACE = re.compile(r"(<!-- options: (.+?) -->\n)(?:.*?)(<!-- end -->)", re.DOTALL)


_SHARED: dict[str, type[Options]] = {
    "every source": ReaderOptions,
    "every destination": WriterOptions,
    "global": GlobalOptions,
    "stats": StatsOptions,
}


def options_class(title: str) -> type[Options]:
    """Return the options of ``source file`` and its like, or of every reader."""
    if title in _SHARED:
        return _SHARED[title]
    kind, _, name = title.partition(" ")
    registry = default_registry()
    return {"source": registry.sources, "destination": registry.destinations}[kind][
        name
    ]


def table(title: str) -> str:
    """Return the table of what a driver has beyond all of its like."""
    shared: dict[str, Option[Any]] = {}
    if title not in _SHARED:
        shared = _SHARED[f"every {title.partition(' ')[0]}"].table()
    rows = ["| option | value | default | what it does |", "|---|---|---|---|"]
    for attribute, option in sorted(options_class(title).table().items()):
        if shared.get(attribute) is not option:
            rows.append(_row(option))
    return "\n".join(rows) + "\n"


def _row(option: Option[Any]) -> str:
    names = [option.name, *option.aliases]
    shown = ", ".join(f"`{name}()`" for name in names)
    if option.positional:
        shown = f"the first value, or {shown}"
    doc = option.doc
    if option.no_effect:
        doc = f"*No effect: {option.no_effect}.* {doc}"
    cells = (shown, option.kind.title, _default(option), doc)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(option: Option[Any]) -> str:
    default = option.default
    if option.required:
        return "required"
    if isinstance(default, FromGlobal):
        return f"global `{default.attribute.replace('_', '-')}()`"
    if default is None or default in ("", (), frozenset()):
        return "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    if "octal" in option.kind.title:
        return f"{default:04o}"
    number = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{number} {option.unit}".strip()


def filled(page: str) -> str:
    """Return ``page`` with all its tables made anew."""
    return _PLACE.sub(lambda match: match[1] + table(match[2]) + match[3], page)


def main(arguments: list[str]) -> int:
    """Write the pages, or, with ``--check``, tell whether they are right."""
    is_check = "--check" in arguments
    status = 0
    for name in arguments:
        if name == "--check":
            continue
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text and is_check:
            sys.stderr.write(f"{name} is not what the options say\n")
            status = 1
        elif new != text:
            path.write_text(new, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
