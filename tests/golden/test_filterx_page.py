"""What the page of the language shows instead of filterx loads and compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.configs import loaded
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.topology import build_topology
from logferry.runtime.environment import Environment

PAGE = Path(__file__).resolve().parents[2] / "docs/config/language.md"


def rows() -> list[str]:
    section = PAGE.read_text().partition("### Instead of filterx")[2]
    cells = [
        line.rsplit(" | ", 1)[-1].rstrip(" |")
        for line in section.partition("\n## ")[0].splitlines()
        if line.startswith("| `")
    ]
    return [text for cell in cells for text in re.findall(r"`(.+?)`", cell)]


@pytest.mark.parametrize("text", [text for text in rows() if "…" not in text])
def test_an_example_compiles(text: str) -> None:
    where, output = text, ""
    if text.startswith("template("):
        where, output = "", text
    elif text.startswith("$("):
        where, output = "", f'template("{text}\\n")'
    elif text.startswith("csv-parser"):
        where = f"parser {{ {text}; }};"
    elif text.startswith("flags("):
        where = text + ";"
    configuration, _ = loaded(
        f'log {{ source {{ stdin(); }}; {where} destination {{ file("/x" {output}); }}; }};'
    )
    environment = Environment(time_zone="UTC")
    build_topology(configuration, environment, QueueStore(environment))


def test_there_are_examples() -> None:
    assert len(rows()) > 12
