"""The page about failover names every option, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.config.schema import Options
from logferry.daemon.registry import default_registry
from logferry.destinations.network.failover_options import (
    BackoffOptions,
    FailbackOptions,
    FailoverOptions,
    ServerOptions,
)

PAGE = Path(__file__).parents[2] / "docs" / "config" / "failover.md"
EXAMPLES = re.findall(r"```conf\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "options", [BackoffOptions, FailbackOptions, FailoverOptions, ServerOptions]
)
def test_every_option_is_named(options: type[Options]) -> None:
    text = PAGE.read_text()
    missing = [
        option.name
        for option in options.table().values()
        if f"{option.name}(" not in text and not option.positional
    ]
    assert missing == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads_without_a_warning(example: str) -> None:
    name = re.search(r"destination (\w+)", example)[1]
    text = f"@version: 4.27\n{example}\nlog {{ destination({name}); }};\n"
    _, diagnostics = load_configuration(Path("x.conf"), default_registry(), {}, text)
    assert [str(item) for item in diagnostics.items] == []
