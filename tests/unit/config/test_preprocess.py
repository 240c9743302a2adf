"""Pragmas, backticks, includes, strings and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.configs import complaints, loaded, warnings
from logferry.config.lexer import number_value, tokenize, unescape
from logferry.config.sources import SourceText

if TYPE_CHECKING:
    from pathlib import Path


def template(text: str, environment: dict[str, str] | None = None) -> str:
    """Return the text of template ``t``."""
    configuration, _ = loaded(text, environment)
    return configuration.templates["t"].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('template t "a\\tb\\x41\\o102\\103\\\\";', "a\tbABC\\"),
        ("template t 'a\\tb';", "a\\tb"),
        ("template t 'two\nlines';", "two\nlines"),
        ('template t "one \\\nline";', "one line"),
        ('template t { template("x"); };', "x"),
        ("template t word;", "word"),
    ],
)
def test_strings(text: str, expected: str) -> None:
    assert template(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("0x1F", 31),
        ("0640", 416),
        ("08", 8),
        ("10k", 10_000),
        ("1KiB", 1024),
        ("1MiB", 1_048_576),
        ("2G", 2_000_000_000),
        ("3kib", 3072),
        ("4096kB", 4_096_000),
        ("2.5", 2.5),
        ("5b", 5),
        ("10.0.0.1", None),
        ("1e5", None),
        ("9" * 500, None),
    ],
)
def test_numbers(text: str, value: float | None) -> None:
    assert number_value(text) == value


def test_unknown_escapes_stand_for_themselves() -> None:
    assert unescape(r"\d\.\"") == 'd."'


def test_a_define_is_used_between_backticks_anywhere() -> None:
    text = (
        '@define where "/var/log"\n@define file "`where`/x"\ntemplate t "`file`.log";'
    )
    assert template(text) == "/var/log/x.log"


def test_a_define_may_be_several_words() -> None:
    configuration, _ = loaded(
        '@define more "port(99) log-fifo-size(7)"\ndestination d { network("a" `more`); };'
    )
    options = configuration.destinations["d"].drivers[0].options
    assert (options.port, options.log_fifo_size) == (99, 7)  # type: ignore[attr-defined]


def test_what_is_glued_to_a_backtick_stays_one_word() -> None:
    configuration, _ = loaded("@define n 7\nfilter f_`n` { level(err); };")
    assert list(configuration.filters) == ["f_7"]


def test_the_environment_comes_after_defines() -> None:
    text = "@define A one\ntemplate t '`A` `B`';"
    assert template(text, {"A": "no", "B": "two"}) == "one two"


def test_a_doubled_backtick_is_one() -> None:
    assert template("template t '``x``';") == "`x`"


def test_what_nobody_defined_stands_for_nothing_and_warns() -> None:
    assert warnings("template t 'a`nothing`b';") == [
        "`nothing` is not defined and stands for nothing"
    ]
    assert template("template t 'a`nothing`b';") == "ab"


def test_a_define_holds_from_its_line_on() -> None:
    text = "@define a 1\ntemplate t '`a`';\n@define a 2\ntemplate u '`a`';"
    configuration, _ = loaded(text)
    assert [configuration.templates[name].text for name in "tu"] == ["1", "2"]


def test_lines_are_joined_by_a_backslash() -> None:
    configuration, _ = loaded("filter f { level(err) \\\n and host('a'); };")
    assert "f" in configuration.filters


def test_places_are_true_behind_strings_of_several_lines() -> None:
    (found,) = complaints("template t 'a\nb';\nfilter f { levle(err); };")
    assert found.startswith("site.conf:4:12:")


def test_line_says_where_the_rest_comes_from() -> None:
    (found,) = complaints('@line "other.conf":10\nfilter f { levle(err); };')
    assert found.startswith("other.conf:10:12:")


def test_a_missing_version_warns_and_an_old_one_is_refused() -> None:
    assert any("below 3.0" in item for item in complaints("@version: 2.1\n"))
    configuration, _ = loaded("@version: 3.38\n")
    assert configuration.version == (3, 38)


def test_a_newer_version_is_read_as_ours_with_a_warning() -> None:
    configuration, diagnostics = loaded("@version: 4.99\n")
    assert configuration.version == (4, 27)
    assert [item.rule for item in diagnostics.items] == ["version"]


@pytest.mark.parametrize("pragma", ["@module afsocket", "@requires json-plugin"])
def test_known_modules_are_accepted(pragma: str) -> None:
    assert warnings(pragma + "\n") == []


@pytest.mark.parametrize("pragma", ["@module frobnicate", "@requires frobnicate"])
def test_an_unknown_module_is_an_error_that_names_it(pragma: str) -> None:
    (found,) = complaints(pragma + "\n")
    assert "unknown module 'frobnicate'" in found


def test_an_included_file_may_require_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("@requires kafka\nthis is not read;\n")
    configuration, _ = loaded('@include "a.conf"\n', path=tmp_path / "site.conf")
    assert configuration.log_paths == ()


def test_a_requirement_with_a_message_is_an_error_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('@requires kafka "install the kafka module"\n')
    (found,) = complaints('@include "a.conf"\n', path=tmp_path / "site.conf")
    assert "error: install the kafka module" in found


def test_include_takes_files_folders_and_patterns(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text("filter f_1 { level(err); };")
    (tmp_path / "sub").mkdir()
    for name in ("b.conf", "a.conf", ".hidden", "back~"):
        stem = name.strip(".~").replace(".conf", "")
        (tmp_path / "sub" / name).write_text(f"filter f_{stem} {{ level(err); }};")
    text = '@include "one.conf"\n@include "sub"\n@include "nothing/*.conf"\n'
    configuration, _ = loaded(text, path=tmp_path / "site.conf")
    assert list(configuration.filters) == ["f_1", "f_a", "f_b"]
    assert [name.rpartition("/")[2] for name in configuration.files] == [
        "site.conf",
        "one.conf",
        "a.conf",
        "b.conf",
    ]


def test_a_missing_include_is_an_error(tmp_path: Path) -> None:
    (found,) = complaints('@include "gone.conf"\n', path=tmp_path / "site.conf")
    assert "cannot find the included file 'gone.conf'" in found


def test_a_cycle_of_includes_is_an_error_that_shows_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('@include "b.conf"\n')
    (tmp_path / "b.conf").write_text('@include "a.conf"\n')
    (found,) = complaints('@include "a.conf"\n', path=tmp_path / "site.conf")
    assert "includes itself" in found
    assert "a.conf -> " in found


def test_a_mistake_in_an_included_file_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("\nfilter f { levle(err); };")
    (found,) = complaints('@include "a.conf"\n', path=tmp_path / "site.conf")
    assert f"{tmp_path}/a.conf:2:12: error:" in found
    assert f"from {tmp_path}/site.conf:2:1" in found


def test_python_code_is_kept_as_it_is() -> None:
    code = "{\ndef f(x):\n    return {'a': \"it's }\"}  # don't }\n}"
    configuration, _ = loaded(f"python {code};\nfilter f {{ level(err); }};")
    assert [item.text.strip() for item in configuration.python] == [code]
    assert "f" in configuration.filters


def test_the_expanded_text_can_be_read_again() -> None:
    configuration, _ = loaded(
        "@define x err\nblock filter b(n()) { level(`n`) };\n"
        'filter f { b(n(`x`)) and not (host("a\\"b") or "1" == "2"); };'
    )
    again, _ = loaded(configuration.text)
    assert list(again.filters) == ["f"]
    assert again.text == configuration.text


def test_tokens_know_their_places() -> None:
    tokens = tokenize(SourceText("x", "a \n  'b\nc' d"))
    places = [(token.text, *token.span[1:5]) for token in tokens]
    assert places == [("a", 1, 1, 1, 2), ("'b\nc'", 2, 3, 3, 3), ("d", 3, 4, 3, 5)]


def test_duplicates_may_be_allowed_and_the_last_one_counts() -> None:
    text = '@define allow-config-dups 1\ntemplate t "a";\ntemplate t "b";'
    assert template(text) == "b"


@pytest.mark.parametrize("again", ["scl.conf", "scl/rewrite/cc-mask.conf"])
def test_the_library_is_read_once_by_whatever_name(again: str) -> None:
    configuration, diagnostics = loaded(
        f'@include "scl.conf"\n@include "{again}"\nrewrite r {{ credit-card-mask(); }};'
    )
    assert diagnostics.items == []
    assert ("rewrite", "r") in configuration.processors


@pytest.mark.parametrize(
    ("version", "ratio"), [("3.30", 0.0), ("3.38", 0.1), ("4.0", 1.0), ("4.27", 1.0)]
)
def test_defaults_are_those_of_the_configurations_version(
    version: str, ratio: float
) -> None:
    configuration, _ = loaded(
        f"@version: {version}\n"
        'destination d { network("a" disk-buffer(capacity-bytes(1G))); };'
    )
    options = configuration.destinations["d"].drivers[0].options
    assert options.disk_buffer.truncate_size_ratio == ratio  # type: ignore[attr-defined]


def test_pragmas_may_be_indented_but_stand_first_on_their_line() -> None:
    assert template('   @define a 1\n\ttemplate t "`a`";') == "1"
    found = complaints('template t "x"; @define a 1\n')
    assert "site.conf:2:17: error: unexpected character '@'" in found[0]


def test_a_string_that_is_not_closed_is_looked_through_once() -> None:
    many = 'template t "' + '\\"' * 100_000  # minutes, if each were tried
    assert len(tokenize(SourceText("x", many))) == 3


def test_an_undefined_word_is_mentioned_once() -> None:
    text = "template a '`x`'; template b '`x``y`';"
    said = [item for item in warnings(text) if "not defined" in item]
    assert said == [
        "`x` is not defined and stands for nothing",
        "`y` is not defined and stands for nothing",
    ]
