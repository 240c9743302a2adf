"""``logferry patterndb``: what it says and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from logferry.cli.patterndb import main

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
<rule id='number' class='c'><patterns><pattern>a @NUMBER:n@ b</pattern></patterns>
  <examples>{examples}</examples></rule>
<rule id='word' class='c' context-id='x' context-timeout='5'>
  <patterns><pattern>word</pattern></patterns><tags><tag>tt</tag></tags>
  <actions><action trigger='timeout'><message inherit-properties='TRUE'><values>
    <value name='MESSAGE'>$(context-length)</value></values></message></action></actions>
</rule>
"""


def database(folder: Path, examples: str = "", rules: str = RULES) -> str:
    """Write a database and return its path."""
    path = folder / "db.xml"
    path.write_text(
        "<patterndb version='5'><ruleset><pattern>p</pattern><rules>"
        + rules.format(examples=examples)
        + "</rules></ruleset></patterndb>"
    )
    return str(path)


def example(text: str, values: str = "") -> str:
    """Return an example of a rule."""
    return (
        f"<example><test_message program='p'>{text}</test_message>"
        f"<test_values>{values}</test_values></example>"
    )


def test_good_examples_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = "<test_value name='n' type='int'>5</test_value>"
    path = database(tmp_path, example("a 5 b", value))

    assert main(["test", path]) == 0
    assert capsys.readouterr().out == f"{path}: 2 rules, 1 examples, 0 problems\n"


def test_bad_examples_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = "<test_value name='n' type='string'>6</test_value>"
    path = database(
        tmp_path, example("a 5 b", value) + example("word") + example("a b")
    )

    assert main(["test", path]) == 2
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: rule number: n is '5', not '6'",
        f"{path}: rule number: n is a int, not a string",
        f"{path}: rule number: 'word' is taken by rule word",
        f"{path}: rule number: 'a b' is taken by no rule",
        f"{path}: 2 rules, 3 examples, 4 problems",
    ]


def test_only_one_rule_may_be_asked_for(tmp_path: Path) -> None:
    path = database(tmp_path, example("word"))

    assert main(["test", path, "-r", "number"]) == 2
    assert main(["test", path, "-r", "word"]) == 1  # it has no examples


def test_a_pattern_that_never_wins_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = "".join(
        f"<rule id='{name}'><patterns><pattern>x</pattern></patterns></rule>"
        for name in "ab"
    )
    assert main(["test", database(tmp_path, rules=twice)]) == 0
    assert "rule b never gets what its pattern 'x' takes: rule a" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no element found"),
        ("<x/>", "begins with <x>"),
        ("<patterndb version='7'/>", "has version 7"),
    ],
)
def test_what_is_no_database_is_said(
    text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "db.xml").write_text(text)

    assert main(["test", str(tmp_path / "db.xml")]) == 1
    assert problem in capsys.readouterr().out
    assert main(["match", str(tmp_path / "db.xml"), "-M", "x"]) == 1
    assert problem in capsys.readouterr().err


def test_a_message_is_matched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = database(tmp_path)

    assert main(["match", "-p", path, "-P", "p", "-M", "a 5 b"]) == 0
    assert capsys.readouterr().out == (
        "MESSAGE=a 5 b\nPROGRAM=p\n.classifier.class=c\n.classifier.rule_id=number\n"
        "n=5\nTAGS=.classifier.c\n\n"
    )
    assert main(["match", path, "-P", "q", "-M", "a 5 b", "-T", "$MSG"]) == 1
    assert capsys.readouterr().out == "a 5 b"


def test_a_file_of_lines_is_matched_with_its_contexts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = database(tmp_path)
    lines = [
        f"<13>2026-11-21T03:00:{second:02}Z h p[1]: {text}"
        for second, text in ((0, "word"), (1, "word"), (2, "a 5 b"), (9, "word"))
    ]
    (tmp_path / "in").write_text("\n".join(lines))
    arguments = ["match", path, "-f", str(tmp_path / "in"), "-T", r"$MSG\n"]

    assert main(arguments) == 0
    found = capsys.readouterr().out.split("\n")
    assert found == ["word", "word", "a 5 b", "3", "word", "2", ""]
    assert main([*arguments, "-F", 'tags("tt")']) == 0
    assert "a 5 b" not in capsys.readouterr().out
    assert main([*arguments, "-F", "host("]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_database_and_one_message_or_file_are_needed(tmp_path: Path) -> None:
    path = database(tmp_path)
    for words in ([path], ["-M", "x"], [path, "-M", "x", "-f", path]):
        with pytest.raises(SystemExit) as stop:
            main(["match", *words])
        assert stop.value.code == 2


def test_databases_are_merged(tmp_path: Path) -> None:
    folder = tmp_path / "parts" / "deep"
    folder.mkdir(parents=True)
    database(folder, example("a 5 b"))
    other = "<rule id='o'><patterns><pattern>other</pattern></patterns></rule>"
    database(tmp_path / "parts", rules=other)
    (tmp_path / "parts" / "README").write_text("no database")
    out = str(tmp_path / "out.xml")

    assert main(["merge", "-D", str(tmp_path / "parts"), "-p", out]) == 0
    assert main(["match", out, "-P", "p", "-M", "word"]) == 1
    assert main(["merge", "-D", str(tmp_path / "parts"), "-r", "-p", out]) == 0
    assert main(["match", out, "-P", "p", "-M", "word"]) == 0
    assert main(["match", out, "-P", "p", "-M", "other"]) == 0
    assert main(["test", out]) == 0
    assert main(["merge", "-D", str(tmp_path), "-G", "none", "-p", out]) == 1
