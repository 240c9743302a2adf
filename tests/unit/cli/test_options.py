"""``logferry options`` and what editors get."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from logferry.cli.options import main

ROOT = Path(__file__).resolve().parents[3]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_contexts_drivers_and_options_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "destination" in shown(capsys).split()
    assert {"network", "http", "file"} <= set(shown(capsys, "destination").split())
    page = shown(capsys, "destination", "network")
    assert "    port(a port number or service name)" in page
    assert "    failover( … )" in page
    assert "        failback( … )" in page


def test_underscores_name_a_driver_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "source", "unix_dgram").startswith("unix-dgram(")


def test_global_options_need_no_driver(capsys: pytest.CaptureFixture[str]) -> None:
    assert "keep-hostname(yes or no)" in shown(capsys, "options")


def test_an_unknown_name_is_answered_with_a_suggestion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["destination", "netwrok"]) == 2
    assert "did you mean 'network'" in capsys.readouterr().err


def test_json_holds_every_option_with_its_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listing = json.loads(shown(capsys, "--json"))
    option = listing["destination"]["network"]["time-reopen"]
    assert option["type"].startswith("a number of seconds")
    assert option["unit"] == "s"
    for drivers in listing.values():
        for options in drivers.values():
            for described in options.values():
                assert described["doc"]


def test_the_grammar_knows_drivers_and_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    grammar = json.loads(shown(capsys, "--grammar"))
    rules = {item["name"]: item.get("match", "") for item in grammar["patterns"]}
    assert re.search(rules["support.function"], "unix_stream (")
    assert re.search(rules["support.variable"], "successful-probes-required(3)")
    for rule in rules.values():
        re.compile(rule)


def test_the_grammar_for_editors_is_of_today(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = ROOT / "editors/vscode/syntaxes/logferry.tmLanguage.json"
    assert kept.read_text() == shown(capsys, "--grammar"), "run: make grammar"


def test_the_extension_names_files_that_are_there() -> None:
    folder = ROOT / "editors/vscode"
    package = json.loads((folder / "package.json").read_text())
    named = [item["path"] for item in package["contributes"]["grammars"]]
    named += [item["configuration"] for item in package["contributes"]["languages"]]
    assert named
    assert all((folder / name).exists() for name in named)
