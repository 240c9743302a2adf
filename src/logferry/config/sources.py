"""
The texts a configuration is made of: files, and what they include.

An ``@include`` names a file, a folder (its plain files, sorted; names of letters,
digits, ``- _ .``, no dot files) or a pattern. Relative names are looked for beside the
main file, then in the system's configuration folders, then in the built-in library.
``scl.conf`` stands for all of that library, wherever it is said to be, and so does
every file below ``scl/`` that is not found.
"""

from __future__ import annotations

import codecs
import glob
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.limits import CONFIG_INCLUDE_DEPTH_MAX

if TYPE_CHECKING:
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.nodes import Span

__all__ = ["LIBRARY", "IncludePath", "SourceText", "read_source"]

LIBRARY = Path(__file__).resolve().parent.parent / "scl"
"""Where the built-in library of blocks lives."""

_SYSTEM_FOLDERS = (Path("/etc/logferry"), Path("/etc/syslog-ng"))
_plain_name = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class SourceText:
    """
    One text: the name shown in messages, and the place that included it.

    ``files`` are the names of the files around it, itself included.
    """

    name: str
    text: str
    origin: Span | None = None
    files: tuple[str, ...] = ()


def read_source(path: Path) -> str:
    """
    Return the text of ``path``; bytes that are not UTF-8 survive. May raise.

    What editors on Windows write is understood: byte order marks, UTF-16.
    """
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = raw.decode("utf-16", errors="replace")
    else:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class IncludePath:
    """
    Finds what ``@include`` names.

    Attributes:
        files: names of the files that were included, in order.
        has_library: whether the library was included.
        defines: where things are, for backticks.

    """

    def __init__(self, main: Path, diagnostics: Diagnostics) -> None:
        self._folders = (main.parent, *_SYSTEM_FOLDERS, LIBRARY)
        self._diagnostics = diagnostics
        self.files: list[str] = []
        self.has_library = False
        self.defines = {
            "scl-root": str(LIBRARY),
            "syslog-ng-sysconfdir": str(main.parent),
            "include-path": ":".join(str(folder) for folder in self._folders),
        }

    def include(self, name: str, source: SourceText, span: Span) -> list[SourceText]:
        """Return the texts that ``name`` stands for, in order."""
        if Path(name).name == "scl.conf":
            return self._whole_library()
        if len(source.files) >= CONFIG_INCLUDE_DEPTH_MAX:
            self._diagnostics.error(
                f"more than {CONFIG_INCLUDE_DEPTH_MAX} nested includes", span
            )
            return []
        try:
            paths = self._find(name)
        except (OSError, ValueError):  # too long for a name, or with a NUL in it
            paths = []
        if not paths and (name.startswith("scl/") or str(LIBRARY) in name):
            return self._whole_library()  # one of the reference's files of blocks
        if not paths and not glob.has_magic(name):
            self._diagnostics.error(f"cannot find the included file '{name}'", span)
        return [
            text
            for path in paths
            if (text := self._read(path, source, span)) is not None
        ]

    def _whole_library(self) -> list[SourceText]:
        """Return the library's texts, once."""
        if self.has_library:
            return []
        self.has_library = True
        return list(_library())

    def _read(self, path: Path, source: SourceText, span: Span) -> SourceText | None:
        name = str(path)
        if name in source.files:
            self._diagnostics.error(
                f"'{path}' includes itself",
                span,
                "the way here: " + " -> ".join((*source.files, name)),
            )
            return None
        try:
            text = read_source(path)
        except OSError as error:
            self._diagnostics.error(
                f"cannot read the included file '{path}': {error.strerror}", span
            )
            return None
        self.files.append(name)
        return SourceText(name, text, span, (*source.files, name))

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


@cache
def _library() -> tuple[SourceText, ...]:
    """Return the texts of the built-in library, named ``scl/…`` in messages."""
    return tuple(
        SourceText(f"scl/{path.name}", read_source(path))
        for path in sorted(LIBRARY.glob("*.conf"))
    )
