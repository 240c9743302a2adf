"""What the ``file()`` destination has to say."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = ["FileFailed", "FileWorksAgain", "SpuriousPath"]


@record
class FileFailed(Event):
    """A file cannot be opened or written; its records wait."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "I/O error occurred while writing"

    filename: str
    error: str
    time_reopen: str
    driver: str


@record
class FileWorksAgain(Event):
    """A file that failed takes records again."""

    text: ClassVar[str] = "Destination file can be written again"

    filename: str
    driver: str


@record
class SpuriousPath(Event):
    """A file name made of macros leaves its folder; its records are dropped."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Spurious path, logfile not created"

    path: str
