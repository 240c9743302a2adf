"""References that grow, nest or turn in circles are errors, found at once."""

from __future__ import annotations

import pytest

from helpers.configs import complaints, loaded

PATH = "log { source { stdin(); }; %s destination { stdout(); }; };\n"


def chain(kind: str, body: str, count: int = 60) -> str:
    """Return ``x0`` to ``x59``: in ``body``, ``@`` is the name before."""
    return "".join(
        f"{kind} x{index} {body.replace('@', f'x{index - 1}')};\n"
        for index in range(1, count)
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "filter x0 { host(a); };\n"
            + chain("filter", "{ filter(@) and filter(@); }")
            + PATH % "filter(x59);",
            id="filters",
        ),
        pytest.param(
            'rewrite x0 { set-tag("a"); };\n'
            + chain("rewrite", "{ rewrite(@); rewrite(@); }")
            + PATH % "rewrite(x59);",
            id="rewrites",
        ),
        pytest.param(
            "parser x0 { kv-parser(); };\n"
            + chain("parser", "{ parser(@); parser(@); }")
            + PATH % "parser(x59);",
            id="parsers",
        ),
        pytest.param(
            'template x0 "$HOST";\n'
            + chain("template", '"$(template @)$(template @)"', 40),
            id="templates",
        ),
        pytest.param(
            'template-function x0 "$HOST";\n'
            + chain("template-function", '"$(@)$(@)"', 40),
            id="template functions",
        ),
    ],
)
def test_what_doubles_is_one_error(text: str) -> None:
    (only,) = complaints(text)
    assert "for more than 10,000 others" in only


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("count", [50, 3000])
def test_long_chains_are_one_error(count: int, is_reversed: bool) -> None:
    lines = ["filter x0 { host(a); };\n"]
    lines += chain("filter", "{ filter(@); }", count).splitlines(keepends=True)
    if is_reversed:
        lines.reverse()
    (only,) = complaints("".join(lines) + PATH % f"filter(x{count - 1});")
    assert "nest more than 32 deep" in only


def test_long_chains_of_templates_are_one_error() -> None:
    lines = 'template x0 "$HOST";\n' + chain("template", '"$(template @)"', 33)
    (only,) = complaints(lines)
    assert "templates nest more than 32 deep" in only


def test_a_filter_used_often_is_no_error() -> None:
    text = "filter f { host(a); };\n" + 500 * (PATH % "filter(f);")
    configuration, _ = loaded(text)
    assert len(configuration.log_paths) == 500


def test_defines_that_double_are_an_error() -> None:
    text = '@define x0 "ten chars."\n' + "".join(
        f'@define x{index} "`x{index - 1}``x{index - 1}`"\n' for index in range(1, 40)
    )
    (only,) = complaints(text)
    assert "backticks stand for more than 262,144 characters" in only


def test_brackets_and_references_together_are_an_error() -> None:
    opening, closing = "(" * 90, ")" * 90
    text = f"filter x0 {{ {opening} host(a) {closing}; }};\n" + chain(
        "filter", f"{{ {opening} filter(@) {closing}; }}", 30
    )
    reversed_text = "".join(reversed(text.splitlines(keepends=True)))
    (only,) = complaints(reversed_text)
    assert "nest too deep" in only
