"""What the page on FilterX shows loads and compiles, and it names every function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.programs import compiled
from logferry.codegen.filterx.registry import ELSEWHERE, FUNCTIONS
from logferry.codegen.filterx.special import SPECIAL

PAGE = Path(__file__).resolve().parents[2] / "docs/config/filterx.md"
EXAMPLES = re.findall(r"```\n(.+?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_compiles(text: str) -> None:
    if text.startswith("filterx"):
        text = f"log {{ source(s_net); {text} destination(d_server); }};"
    site = compiled(
        f"source s_net {{ input(); }}; destination d_server {{ output(); }};\n{text}"
    )
    assert "def filterx_1" in next(iter(site.programs.values())).source


def test_every_function_is_named() -> None:
    words = set(re.findall(r"\w+", PAGE.read_text()))
    others = {name for name in ELSEWHERE if name.startswith(("otel_", "failure_info_"))}
    assert {*FUNCTIONS, *SPECIAL, *ELSEWHERE} - words <= {*others, "load_vars"}
