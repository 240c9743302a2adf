"""A configuration with one fault gets one error: what follows from it is not shown."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from helpers.golden import FOLDER
from logferry.config.lexer import Token, tokenize
from logferry.config.load import load_configuration
from logferry.config.sources import SourceText
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError

NAME = "site.conf"
SAMPLES = 4


def errors(text: str) -> list[object]:
    """Return the errors in ``text``; reading must not fail in any other way."""
    try:
        load_configuration(Path(NAME), default_registry(), {}, text)
    except ConfigError as error:
        return [
            item
            for item in error.diagnostics
            if getattr(item, "severity", "error") == "error"
        ]
    return []


def without(text: str, token: Token, instead: str = "") -> str:
    """Return ``text`` with ``instead`` of ``token``."""
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: token.span.line - 1])) + token.span.column - 1
    assert text.startswith(token.text, start)
    return text[:start] + instead + text[start + len(token.text) :]


def faulty(sign: str, chance: random.Random) -> list[str]:
    """Return good configurations, each with one fault of a kind."""
    found = []
    for path in sorted((FOLDER / "good").glob("*.conf")):
        text = path.read_text()
        tokens = tokenize(SourceText(NAME, text))
        if sign == "misspelled":
            words = [
                token
                for token in tokens
                if token.type == "WORD" and len(token.text) > 3
            ]
            for token in chance.sample(words, min(len(words), SAMPLES)):
                found.append(without(text, token, token.text[0] + token.text[2:]))
        else:
            signs = [token for token in tokens if token.text == sign]
            for token in chance.sample(signs, min(len(signs), SAMPLES)):
                found.append(without(text, token))
    return found


@pytest.mark.parametrize("sign", [*"{}();", "misspelled"])
def test_one_fault_is_one_error(sign: str) -> None:
    texts = faulty(sign, random.Random(20))
    counts = [len(errors(text)) for text in texts]
    shown = [count for count in counts if count]
    assert len(shown) > 50
    alone = shown.count(1) / len(shown)
    assert alone > 0.9, alone
    assert max(shown) <= 5
