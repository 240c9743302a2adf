"""The house keeps its measures: sizes, docstrings, links, and what may not be named."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")}
)
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
POSITIONAL_MAX = 6
FORBIDDEN_FILES = {"utils.py", "util.py", "helpers.py", "common.py", "manager.py"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function):
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_and_is_not_too_long(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "no docstring"
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    assert path.name not in FORBIDDEN_FILES


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short_and_take_few_positional_parameters(path: Path) -> None:
    long = {item.name: length(item) for item in functions(path)}
    assert {key: size for key, size in long.items() if size > FUNCTION_LINES_MAX} == {}
    many = {
        item.name: len(item.args.args) - (item.args.args[:1] != [])
        for item in functions(path)
        if len(item.args.args) > POSITIONAL_MAX + 1
    }
    assert many == {}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    missing = [item for item in targets if not (path.parent / item).exists()]
    assert missing == []


def test_make_targets_named_in_the_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for path in PAGES:
        text = path.read_text()
        fenced = "".join(re.findall(r"```.*?```", text, re.DOTALL))
        named = re.findall(r"`make ([a-z-]+)", text)
        named += re.findall(r"^make ([a-z-]+)", fenced, re.MULTILINE)
        assert set(named) <= targets, name(path)


def test_the_project_speaks_only_of_itself() -> None:
    """No paths of one machine, no notes of unfinished work in what is committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    files = [ROOT / item for item in listing.stdout.decode().split("\0") if item]
    pattern = re.compile(r"/work/(?:main|shared|venv)|\bTODO\b|\bFIXME\b|\bXXX\b")
    found = [
        name(path)
        for path in files
        if path.suffix in {".py", ".md", ".conf", ".toml", ".lark"}
        and path != Path(__file__).resolve()
        and path.exists()
        and pattern.search(path.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.conf")), ids=name)
def test_examples_load(path: Path) -> None:
    from logferry.config.load import load_configuration
    from logferry.daemon.registry import default_registry

    _, diagnostics = load_configuration(path, default_registry(), {})
    assert diagnostics.items == []
