"""
The texts a configuration is made of: files, and what they include.

An ``@include`` names a file, a folder (its plain files, sorted; names of letters,
digits, ``- _ .``, no dot files) or a pattern. Relative names are looked for beside the
main file, then in the system's configuration folders. ``scl.conf`` stands for the
built-in library.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.limits import CONFIG_INCLUDE_DEPTH_MAX

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Span

__all__ = ["IncludePath", "SourceText"]

_SYSTEM_FOLDERS = (Path("/etc/logferry"), Path("/etc/syslog-ng"))
_plain_name = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class SourceText:
    """One text: the name shown in messages, and the place that included it."""

    name: str
    text: str
    origin: Span | None = None
    depth: int = 0


class IncludePath:
    """Finds what ``@include`` names."""

    def __init__(self, main: Path, diagnostics: Diagnostics) -> None:
        self._folders = (main.parent, *_SYSTEM_FOLDERS)
        self._diagnostics = diagnostics
        self.files: list[str] = []

    def include(self, name: str, source: SourceText, span: Span) -> list[SourceText]:
        """Return the texts that ``name`` stands for, in order."""
        if name in {"scl.conf", "scl/scl.conf"}:
            return []
        if source.depth >= CONFIG_INCLUDE_DEPTH_MAX:
            self._diagnostics.error(
                f"more than {CONFIG_INCLUDE_DEPTH_MAX} nested includes",
                span,
                "does a file include itself?",
            )
            return []
        paths = self._find(name)
        if not paths and not glob.has_magic(name):
            self._diagnostics.error(f"cannot find the included file '{name}'", span)
        texts = []
        for path in paths:
            try:
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
            except OSError as error:
                self._diagnostics.error(
                    f"cannot read the included file '{path}': {error.strerror}", span
                )
                continue
            self.files.append(str(path))
            texts.append(SourceText(str(path), text, span, source.depth + 1))
        return texts

    def _find(self, name: str) -> list[Path]:
        candidates = (
            [Path(name)]
            if Path(name).is_absolute()
            else [folder / name for folder in self._folders]
        )
        for candidate in candidates:
            if glob.has_magic(name):
                found = sorted(Path(item) for item in glob.glob(str(candidate)))  # noqa: PTH207
                if found:
                    return [path for path in found if path.is_file()]
            elif candidate.is_dir():
                return sorted(
                    path
                    for path in candidate.iterdir()
                    if path.is_file() and _plain_name.fullmatch(path.name)
                )
            elif candidate.is_file():
                return [candidate]
        return []
