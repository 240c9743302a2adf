"""After each fault the sums balance: who checks that, and that the check can fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from helpers.metrics import parse_prometheus, unbalanced

CHECKING = {"Daemon", "Relay", "HttpScene"}
"""Helpers that look at the ledger when a test ends."""

WITHOUT_DAEMON = {"test_corruption.py", "test_ledgers.py", "test_power_failure.py"}
"""Queues alone, compared with a model record by record."""

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "file", sorted({path.name for path in HERE.glob("test_*.py")} - WITHOUT_DAEMON)
)
def test_fault_tests_run_what_looks_at_its_ledger(file):
    tree = ast.parse((HERE / file).read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used & CHECKING, "nobody checks the ledger"
    keywords = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    }
    assert "is_checked" not in keywords, "a test switches the check off"


def ledger(**columns: float) -> str:
    rows = {"accepted": 10, "delivered": 7, "dropped": 1, "queued": 2} | columns
    return "\n".join(
        f'syslogng_ledger_events_total{{driver="network",id="d#0",result="{name}"}} {count}'
        for name, count in rows.items()
    )


def test_a_ledger_that_balances_is_right():
    assert unbalanced(parse_prometheus(ledger()), {"d": 10}) == []
    more = ledger(rejected=5, found=3)
    assert unbalanced(parse_prometheus(more), {"d": 12}) == []


@pytest.mark.parametrize(
    "column", ["accepted", "delivered", "dropped", "queued", "dead_lettered"]
)
def test_one_record_more_in_any_column_is_wrong(column):
    rows = {"accepted": 10, "delivered": 7, "dropped": 1, "queued": 2}
    text = ledger(**{column: rows.get(column, 0) + 1})
    assert len(unbalanced(parse_prometheus(text))) == 1


def test_records_that_were_handed_over_and_are_nowhere_are_missed():
    (problem,) = unbalanced(parse_prometheus(ledger()), {"d": 11})
    assert problem.startswith("d: 11 handed")
