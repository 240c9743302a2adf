"""``logferry patterndb`` in the call form of ``pdbtool``: the same output and status."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helpers.peers import ROOT, environment, require
from logferry.cli.patterndb import main

HERE = Path(__file__).parent
EXAMPLE = (
    "<examples><example><test_message program='p'>n {0}</test_message><test_values>"
    "<test_value name='n'>{1}</test_value></test_values></example></examples>"
)


def database(folder: Path, example: str = "") -> str:
    """Write a database with one rule, and perhaps an example; return its path."""
    (folder / "db.xml").write_text(
        "<patterndb version='4' pub_date='2026-01-01'><ruleset name='x' id='x'>"
        "<pattern>p</pattern><rules><rule provider='t' id='r' class='c'>"
        f"<patterns><pattern>n @NUMBER:n@</pattern></patterns>{example}</rule></rules>"
        "</ruleset></patterndb>"
    )
    return str(folder / "db.xml")


def theirs(*arguments: str) -> tuple[int, str]:
    """Return status and output of Debian's pdbtool."""
    modules = ROOT / "usr/lib/syslog-ng/3.38"
    result = subprocess.run(
        [require("usr/bin/pdbtool"), f"--module-path={modules}", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return result.returncode, result.stdout


@pytest.mark.peers
@pytest.mark.parametrize(
    ("example", "status"),
    [("", 0), (EXAMPLE.format(5, 5), 0), (EXAMPLE.format(5, 6), 2), ("<x", 1)],
)
def test_the_status_of_test_is_the_same(
    example: str, status: int, tmp_path: Path
) -> None:
    path = database(tmp_path, example)

    assert main(["test", path]) == status
    assert theirs("test", path)[0] == status


@pytest.mark.peers
@pytest.mark.parametrize("message", ["n 5", "n 5 more", "m"])
@pytest.mark.parametrize("program", ["p", "q"])
def test_match_prints_the_same(
    program: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("match", "-p", database(tmp_path), "-P", program, "-M", message)

    status = main(list(arguments))

    assert (status, capsys.readouterr().out) == theirs(*arguments)
