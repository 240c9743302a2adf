"""
Draw figures of ``run.py --output`` as a picture: CPU time a message, case by case.

``python bench/plot.py bench/results/NAME.json docs/bench.svg``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.sax.saxutils import escape

COLOURS = {
    "logferry": "#1f6f5c",
    "syslog-ng": "#b9b2a3",
    "rsyslog": "#d8c9a8",
    "axosyslog": "#9aa7b0",
}
WIDTH, LEFT, BAR, GAP = 760, 150, 15, 12


def colour(program: str) -> str:
    """Return the colour of a program's bars."""
    return COLOURS.get(program, "#9a9a9a")


def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    """Return a text element."""
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f"<text {place} {more}>{escape(words)}</text>"


def draw(figures: dict[str, dict[str, dict[str, float]]], caption: str) -> str:
    """Return the picture."""
    longest = max(row["cpu_ns"] for rows in figures.values() for row in rows.values())
    scale = (WIDTH - LEFT - 70) / longest
    parts = []
    y = 44.0
    for case, rows in figures.items():
        parts.append(text(LEFT - 10, y + BAR * len(rows) / 2 + 4, case, "end"))
        for program, row in rows.items():
            width = row["cpu_ns"] * scale
            parts.append(
                f'<rect x="{LEFT}" y="{y:.0f}" width="{width:.1f}" '
                f'height="{BAR - 2}" fill="{colour(program)}"/>'
            )
            more = 'font-weight="bold"' if program == "logferry" else 'fill="#666"'
            label = f"{row['cpu_ns']:,.0f}"
            parts.append(text(LEFT + width + 5, y + BAR - 4, label, more=more))
            y += BAR
        y += GAP
    legend, x = [], LEFT
    for program in dict.fromkeys(name for rows in figures.values() for name in rows):
        legend.append(
            f'<rect x="{x}" y="22" width="11" height="11" fill="{colour(program)}"/>'
        )
        legend.append(text(x + 16, 32, program))
        x += 100
    height = y + 24
    head = text(
        8, 14, "CPU nanoseconds a message (less is better)", more='font-weight="bold"'
    )
    foot = text(8, height - 8, caption, more='fill="#666"')
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join(
        [
            opening,
            '<rect width="100%" height="100%" fill="white"/>',
            head,
            *legend,
            *parts,
            foot,
            "</svg>\n",
        ]
    )


def main() -> None:
    """Read the arguments and draw."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    report = json.loads(Path(sys.argv[1]).read_text())
    machine = report["machine"]
    caption = f"{machine['cores']} cores, Python {machine['python']}, {report['date']}"
    # Cases at a fixed rate say how late messages are, not what they cost at most.
    cases = {
        case: rows
        for case, rows in report["cases"].items()
        if not any(row["p99_us"] for row in rows.values())
    }
    Path(sys.argv[2]).write_text(draw(cases, caption))


if __name__ == "__main__":
    main()
