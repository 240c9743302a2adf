"""What options of writing destinations say when they have no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry


def messages_about(destination: str) -> list[str]:
    """Return what is said about a destination."""
    text = f"@version: 4.27\nlog {{ destination {{ {destination}; }}; }};\n"
    _, found = load_configuration(Path("a.conf"), default_registry(), {}, text)
    return [item.message for item in found.items]


@pytest.mark.parametrize(
    "option",
    [
        "flags(ignore-errors)",
        "flags(threaded)",
        "flush-lines(10)",
        "internal(yes)",
        "mark-mode(internal)",
    ],
)
def test_an_option_without_effect_says_so(option: str) -> None:
    name = option.replace("(10)", "()").replace("(yes)", "()")
    messages = messages_about(f'file("/a" {option})')
    assert any(name in text and "has no effect" in text for text in messages), messages


@pytest.mark.parametrize(
    "option",
    ["suppress(5)", "pad-size(100)", "mark-mode(periodical)", "throttle(5)"],
)
def test_an_option_with_effect_is_taken_in_silence(option: str) -> None:
    messages = messages_about(f'file("/a" {option})')
    assert not any("has no effect" in text for text in messages), messages
