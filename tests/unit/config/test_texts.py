"""Files as editors write them: marks, line ends, bytes of old character sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.configs import complaints, loaded
from logferry.config.load import load_configuration
from logferry.config.report import render_diagnostics
from logferry.config.sources import read_source
from logferry.daemon.registry import default_registry
from logferry.errors import ConfigError

TEXT = '@version: 4.27\n@define a b\ntemplate t "one\\\ntwo `a`";\n'


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(TEXT.encode(), id="plain"),
        pytest.param(b"\xef\xbb\xbf" + TEXT.encode(), id="byte order mark"),
        pytest.param(TEXT.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(TEXT.replace("\n", "\r").encode(), id="CR"),
        pytest.param(TEXT.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xfe\xff" + TEXT.encode("utf-16-be"), id="UTF-16, big end"),
    ],
)
def test_editors_of_all_kinds(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "site.conf"
    path.write_bytes(raw)
    configuration, diagnostics = load_configuration(path, default_registry(), {})
    assert diagnostics.items == []
    assert configuration.templates["t"].text == "onetwo b"


def test_bytes_of_old_character_sets_survive(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_bytes(b'@version: 4.27\n# Sch\xf6n\ntemplate t "gr\xfc\xdf";\n')
    configuration, _ = load_configuration(path, default_registry(), {})
    raw = configuration.templates["t"].text.encode("utf-8", "surrogateescape")
    assert raw == b"gr\xfc\xdf"


def test_an_error_beside_old_bytes_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_bytes(b'@version: 4.27\nsource s { fil("gr\xfc\xdf"); };\n')
    with pytest.raises(ConfigError) as caught:
        load_configuration(path, default_registry(), {})
    shown = render_diagnostics(caught.value.diagnostics)
    assert "did you mean 'file'?" in shown
    shown.encode()


def test_a_nul_byte_is_one_error_at_its_place(tmp_path: Path) -> None:
    (only,) = complaints('template t "x";\ntemplate u "a\0b"; \0\0')
    assert "site.conf:3:14: error: a NUL byte" in only
    (tmp_path / "binary.conf").write_bytes(b"\x7fELF\0\0")
    (only,) = complaints('@include "binary.conf"\n', tmp_path / "main.conf")
    assert "binary.conf:1:5: error: a NUL byte" in only
    assert "main.conf:2:1" in only


def test_long_lines_are_shown_around_the_place() -> None:
    words = " ".join(f'host("name{index}")' for index in range(500))
    (only,) = complaints(
        f"@version: 4.27\nfilter f {{ {words.replace(' ', ' or ')} or hst(a) }};"
    )
    _, line, caret, _ = only.splitlines()
    assert len(line) < 180
    assert line[caret.index("^") :].startswith("hst")
    (only,) = complaints(f"@version: 4.27\nfliter f {{ {words} }};")
    _, line, caret, _ = only.splitlines()
    assert line[caret.index("^") :].startswith("fliter f")
    assert line.endswith("…")


def test_sources_read_the_same_on_all_systems(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\r\nb\rc\n")
    assert read_source(path) == "a\nb\nc\n"


def test_an_empty_file_loads() -> None:
    configuration, _ = loaded("")
    assert configuration.log_paths == ()
