"""What the sources that follow files have to say."""

from __future__ import annotations

from typing import ClassVar

from logferry.records import record
from logferry.telemetry.events import Event, Level

__all__ = [
    "FileMoved",
    "FileNotFound",
    "FileNotReadable",
    "FileOpened",
    "FileStale",
    "FileTruncated",
    "FilesExceeded",
    "InotifyUnavailable",
    "PositionLost",
]


@record
class FileNotFound(Event):
    """A followed file does not exist; it is looked for again and again."""

    text: ClassVar[str] = "Follow-mode file source not found, deferring open"

    filename: str


@record
class FileNotReadable(Event):
    """A file exists, but cannot be opened or read."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Error opening file for reading"

    filename: str
    error: str


@record
class FileOpened(Event):
    """A file is read from an offset."""

    level: ClassVar[Level] = Level.DEBUG
    text: ClassVar[str] = "File source is read"

    filename: str
    offset: int


@record
class FileStale(Event):
    """The server of a network file system does not know an open file any more."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = (
        "File vanished from its server while it was read, what was written behind the"
        " offset is lost"
    )

    filename: str
    inode: int
    offset: int


@record
class FileMoved(Event):
    """The path names another file now; the old one is read to its end."""

    text: ClassVar[str] = (
        "Follow-mode file source moved, tracking of the new file is started"
    )

    filename: str


@record
class FileTruncated(Event):
    """A file was cut or written anew in place; it is read from its beginning."""

    text: ClassVar[str] = "File was truncated, reading from its beginning"

    filename: str


@record
class PositionLost(Event):
    """A file that was not read to its end is gone; messages may be missing."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "File that was being read is gone, it may have held unread messages"
    )

    filename: str
    inode: int
    offset: int


@record
class FilesExceeded(Event):
    """More files match than ``max-files()``; the rest waits."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = (
        "Number of allowed monitored files is reached, rejecting read file"
    )

    source: str
    filename: str
    max_files: int


@record
class InotifyUnavailable(Event):
    """The kernel does not tell of changes; files are looked at every so often."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "File changes cannot be watched, polling instead"

    directory: str
    error: str
