"""Options of the sources that follow files."""

from __future__ import annotations

from logferry.config.kinds import Integer, Seconds, TextKind, YesNo
from logferry.config.schema import Option
from logferry.sources.multi_line import MultiLineOptions
from logferry.sources.options import FileMakerOptions

__all__ = ["FileSourceOptions", "FollowOptions"]


class FollowOptions(MultiLineOptions, FileMakerOptions):
    """Options of ``file()`` and ``wildcard-file()``."""

    follow_freq = Option(
        Seconds(),
        1.0,
        doc="How often files are looked at, if the kernel does not tell of changes "
        "before; 0 leaves it to the kernel where it can.",
        unit="s",
    )
    log_iw_size = Option(
        Integer(minimum=1),
        5000,
        doc="How many messages may be unacknowledged before reading waits; more than "
        "the reference's 100, because a position moves by whole reads.",
        unit="messages",
    )
    read_old_records = Option(
        YesNo(),
        default=True,
        doc="Also read what was in a file before it was seen for the first time.",
    )


class FileSourceOptions(FollowOptions):
    """``file()``."""

    title = "source file"

    path = Option(
        TextKind("a file name"),
        "",
        doc="The file to read, through rotations.",
        positional=True,
        required=True,
    )
    optional = Option(
        YesNo(), default=False, doc="Say nothing when the file does not exist."
    )
    recursive = Option(
        YesNo(),
        default=False,
        doc="An option of wildcard-file().",
        no_effect="file() reads one file",
    )
    force_directory_polling = Option(
        YesNo(),
        default=False,
        doc="An option of wildcard-file().",
        no_effect="file() reads one file",
    )
