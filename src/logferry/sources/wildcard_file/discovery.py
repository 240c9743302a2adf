"""Which files there are: a directory, looked through for names that match."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logferry.sources.wildcard_file.options import WildcardFileOptions

__all__ = ["Discovery", "Found"]


class Found:
    """
    What one look found.

    Attributes:
        files: matching regular files, sorted by path.
        folders: every directory that was looked into.

    """

    __slots__ = ("files", "folders")

    def __init__(self) -> None:
        self.files: list[str] = []
        self.folders: list[str] = []


class Discovery:
    """Looks for the files of a ``wildcard-file()``."""

    def __init__(self, options: WildcardFileOptions) -> None:
        self._base = options.base_dir
        self._is_recursive = options.recursive
        self._matches = _matcher(options.filename_pattern)
        self._excludes = (
            _matcher(options.exclude_pattern) if options.exclude_pattern else None
        )

    def look(self) -> Found:
        """Return files and directories; what cannot be read is left out."""
        found = Found()
        waiting = [self._base]
        while waiting:
            folder = waiting.pop()
            try:
                entries = os.scandir(folder)
            except OSError:
                continue
            found.folders.append(folder)
            with entries:
                for entry in entries:
                    self._note(entry, found, waiting)
        found.files.sort()
        return found

    def _note(self, entry: os.DirEntry[str], found: Found, waiting: list[str]) -> None:
        try:
            # Links to directories are not followed: they may lead in a circle.
            if entry.is_dir(follow_symlinks=False):
                if self._is_recursive:
                    waiting.append(entry.path)
            elif self._is_wanted(entry.name) and entry.is_file():
                found.files.append(entry.path)
        except OSError:
            return

    def _is_wanted(self, name: str) -> bool:
        if self._matches.fullmatch(name) is None:
            return False
        return self._excludes is None or self._excludes.fullmatch(name) is None


def _matcher(pattern: str) -> re.Pattern[str]:
    """Compile ``*`` and ``?``; every other character stands for itself."""
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(char) or re.escape(char) for char in pattern)
    return re.compile(text, re.DOTALL)
