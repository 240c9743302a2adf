"""Options of the ``file()`` destination."""

from __future__ import annotations

from logferry.config.kinds import Integer, Template, TextKind, YesNo
from logferry.config.schema import Option
from logferry.destinations.options import FilePermissionOptions, WriterOptions

__all__ = ["FileDestinationOptions"]


class FileDestinationOptions(WriterOptions, FilePermissionOptions):
    """
    Where to write and how.

    https://axoflow.com/docs/axosyslog-core/chapter-destinations/configuring-destinations-file/
    """

    title = "destination file"

    path = Option(
        Template("a file name"),
        None,
        doc="The file's name; macros make one file for each value.",
        positional=True,
        required=True,
    )
    fsync = Option(
        YesNo(), default=False, doc="Write through to the disk after every batch."
    )
    overwrite_if_older = Option(
        Integer(minimum=0),
        0,
        doc="Start a file anew that is older than this when it is opened.",
        unit="s",
    )
    symlink_as = Option(
        TextKind("a path"), "", doc="Keep a symbolic link to the current file here."
    )
    time_reap = Option(
        Integer(minimum=0),
        -1,
        doc="Close a file that was not written for so long; 0 is never. The default "
        "is the global time-reap() for names with macros and never for others.",
        unit="s",
    )
    optional = Option(
        YesNo(), default=False, doc="It is no error when the file cannot be opened."
    )
