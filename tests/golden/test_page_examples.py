"""
Every configuration that a page shows loads.

An example may leave out what it is not about: names that are used and not defined are
given a driver here, ``…`` stands for nothing, and what a page defines alone is put into
a log path.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.configs import loaded

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_fence = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_statement = re.compile(
    r"(?:#.*\n\s*)*(?:@|(?:source|destination|filter|parser|rewrite|template|log"
    r"|options|block|python|application|template-function)\b)"
)
_DRIVERS = {
    "source": "internal();",
    "destination": 'file("/dev/null" persist-name("%s"));',
    "filter": "level(info);",
    "parser": "syslog-parser();",
    "rewrite": 'set("x" value("x"));',
}


def _examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for fence in _fence.finditer(text):
            is_configuration = _statement.match(fence[2]) and "{" in fence[2]
            if fence[1] in {"", "conf"} and is_configuration:
                line = text.count("\n", 0, fence.start()) + 1
                found.append((f"{page.relative_to(ROOT)}:{line}", fence[2]))
    return found


def _completed(example: str) -> str:
    """Return the example with what it leaves out."""
    text = example.replace("…", "")
    used, defined = set(), set()
    for kind in _DRIVERS:
        for name in re.findall(rf"\b{kind}\(\s*([\w-]+)\s*\)", text):
            used.add((kind, name))
        for name in re.findall(rf"(?<![\w-]){kind} ([\w-]+)\s*\{{", text):
            defined.add((kind, name))
    more = [
        f"{kind} {name} {{ {_DRIVERS[kind].replace('%s', name)} }};"
        for kind, name in sorted(used - defined)
    ]
    more += [f"log {{ {kind}({name}); }};" for kind, name in sorted(defined - used)]
    head = "" if "@version" in text else "@version: 4.27\n"
    library = "" if "scl.conf" in text else '@include "scl.conf"\n'
    if not head:
        text, library = text.replace("\n", f"\n{library}", 1), ""
    return f"{head}{library}{text}\n" + "\n".join(more) + "\n"


EXAMPLES = _examples()


def test_pages_show_configurations() -> None:
    assert len(EXAMPLES) > 15


@pytest.mark.parametrize(
    "example", [text for _, text in EXAMPLES], ids=[place for place, _ in EXAMPLES]
)
def test_an_example_loads(example: str) -> None:
    loaded(_completed(example))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.conf")), ids=lambda path: path.name
)
def test_our_examples_fall_into_none_of_the_traps_that_we_warn_of(path: Path) -> None:
    program = [sys.executable, "-m", "logferry.cli.main", "check", "-f", str(path)]
    answer = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")
