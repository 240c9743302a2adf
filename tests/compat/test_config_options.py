"""
Our options beside those of AxoSyslog's grammar.

Runs where ``axosyslog-cfg-helper`` is installed and ``LOGFERRY_ORACLE`` names it;
``make compat`` installs it for the occasion.
"""

from __future__ import annotations

import os
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORACLE = os.environ.get("LOGFERRY_ORACLE", "")
TOOL = runpy.run_path(str(ROOT / "tools" / "compat.py"))


def test_listings_of_the_oracle_are_understood() -> None:
    listing = """network(
    <string>
    port(<string-or-number>)
    failover(
        failback(
            <empty>
            tcp-probe-interval(<positive-integer>)
        )
        servers(<string-list>)
    )
)"""
    found = {
        path: known.forms
        for path, known in TOOL["flatten"](TOOL["parse_listing"](listing))
    }
    assert found == {
        "port": ["<string-or-number>"],
        "failover": [],
        "failover/failback": ["<empty>"],
        "failover/failback/tcp-probe-interval": ["<positive-integer>"],
        "failover/servers": ["<string-list>"],
    }


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("network(\n    log-fifo-size(<positive-integer>)\n)", "same"),
        ("network(\n    flush-timeout(<positive-integer>)\n)", "without effect"),
        ("network(\n    log-fifo-size(<string>)\n)", "differs"),
        ("network(\n    frobnicate(<yesno>)\n)", "absent"),
    ],
)
def test_a_verdict_is_found_by_reading_a_configuration(
    listing: str, expected: str
) -> None:
    samples = TOOL["Samples"](tomllib.loads(TOOL["TABLE"].read_text()))
    trial = TOOL["Trial"](samples)
    ((path, known),) = TOOL["flatten"](TOOL["parse_listing"](listing))
    assert trial.verdict("destination network", path, known)[0] == expected


@pytest.mark.skipif(not ORACLE, reason="LOGFERRY_ORACLE names no program")
def test_nearly_all_options_are_read_alike_and_the_others_have_reasons() -> None:
    samples = TOOL["Samples"](tomllib.loads(TOOL["TABLE"].read_text()))
    rows = TOOL["compare"](Path(ORACLE), samples)
    alike = [row for row in rows if row.verdict in {"same", "without effect"}]
    assert len(rows) > 1500
    assert len(alike) >= 0.97 * len(rows)
    assert [row for row in rows if row.verdict != "same" and not row.reason] == []
