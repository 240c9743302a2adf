"""Which files a pattern finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.sources.wildcard_file.discovery import Discovery
from logferry.sources.wildcard_file.options import WildcardFileOptions

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path, pattern: str, **options: object) -> list[str]:
    values = {"base_dir": str(folder), "filename_pattern": pattern, **options}
    found = Discovery(WildcardFileOptions(values)).look()
    return [path.removeprefix(f"{folder}/") for path in found.files]


def test_only_star_and_question_mark_are_special(tmp_path: Path) -> None:
    for name in ("a.log", "ab.log", "a+log", "[a].log", "xlog"):
        (tmp_path / name).touch()
    assert names(tmp_path, "?.log") == ["a.log"]
    assert names(tmp_path, "*.log") == ["[a].log", "a.log", "ab.log"]
    assert names(tmp_path, "[a].log") == ["[a].log"]
    assert names(tmp_path, "a+*") == ["a+log"]


def test_excluded_names_are_left_out(tmp_path: Path) -> None:
    for name in ("a.log", "a.1.log"):
        (tmp_path / name).touch()
    assert names(tmp_path, "*.log", exclude_pattern="*.?.log") == ["a.log"]


def test_directories_below_only_on_request_and_never_through_links(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.log").touch()
    (tmp_path / "below" / "circle").symlink_to(tmp_path)
    assert names(tmp_path, "*.log") == []
    assert names(tmp_path, "*.log", recursive=True) == ["below/a.log"]


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert names(tmp_path / "missing", "*") == []
