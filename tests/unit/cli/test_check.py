"""``logferry check``: exit status, rules that can be switched off, the drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from logferry.cli.check import main

SITE = """@version: 4.27
source s { network(port(514)); };
filter f { host("a<b") and level(err); };
destination d { network("10.0.0.1" failover(servers("10.0.0.2"))); };
log site { source(s); if (filter(f)) { destination(d); } else { destination { file("/tmp/$HOST"); }; };
    log { destination(d); flags(final); }; };
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.conf"
    path.write_text(SITE)
    return path


def test_warnings_do_not_fail_and_name_their_rule(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-f", str(site)]) == 0
    said = capsys.readouterr().err
    assert "[max-connections]" in said
    assert "[failback]" in said


def test_a_rule_is_switched_off_by_its_name(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-f", str(site), "--disable", "max-connections,failback"]
    assert main([*words, "--disable", "keep-hostname"]) == 0
    said = capsys.readouterr().err
    for rule in ("max-connections", "failback", "keep-hostname"):
        assert f"[{rule}]" not in said


def test_an_unknown_rule_is_wrong_use(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-f", str(site), "--disable", "falback"]) == 2
    assert "did you mean 'failback'" in capsys.readouterr().err


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--rules"])
    assert ended.value.code == 0
    assert "flow-control " in capsys.readouterr().out


def test_a_bad_configuration_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.conf"
    path.write_text("@version: 4.27\nsorce s { };\n")
    assert main(["-f", str(path)]) == 1
    assert "did you mean 'source'" in capsys.readouterr().err


def test_the_drawing_is_well_formed_and_shows_every_part(
    site: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.svg"
    assert main(["-f", str(site), "--graph", str(out)]) == 0
    tree = ET.fromstring(out.read_text())
    texts = [item.text or "" for item in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "source s" in texts
    assert texts[texts.index("network(10.0.0.1") + 1] == "\u00a0\u00a0or 10.0.0.2)"
    assert any("site" in text for text in texts)
    boxes = [
        item
        for item in tree.iter("{http://www.w3.org/2000/svg}rect")
        if item.get("class") == "destination"
    ]
    assert len(boxes) == 3
    width, height = float(tree.get("width", 0)), float(tree.get("height", 0))
    for box in boxes:
        assert 0 <= float(box.get("x", -1)) < width
        assert 0 <= float(box.get("y", -1)) < height
