"""Options of the ``file()`` destination."""

from __future__ import annotations

from logferry.config.kinds import Integer, Template, TextKind, YesNo
from logferry.config.nodes import NOWHERE, TemplateText
from logferry.config.schema import FromGlobal, Option
from logferry.destinations.options import (
    MARK_MODES,
    FilePermissionOptions,
    WriterOptions,
)

__all__ = ["ExampleDestinationOptions", "FileDestinationOptions"]


class FileDestinationOptions(WriterOptions, FilePermissionOptions):
    """
    Where to write and how.

    https://axoflow.com/docs/axosyslog-core/chapter-destinations/configuring-destinations-file/
    """

    title = "destination file"

    mark_mode = Option(MARK_MODES, "none", doc="When MARK messages are written.")

    path = Option[TemplateText](
        Template("a file name"),
        TemplateText("", NOWHERE),
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
        obsolete=("remove-if-older",),
    )
    symlink_as = Option(
        TextKind("a path"), "", doc="Keep a symbolic link to the current file here."
    )
    time_reap = Option(
        Integer(minimum=0),
        FromGlobal("time_reap"),
        doc="Close a file that was not written for so long; 0 is never. Files "
        "without macros in their names stay open unless this is given.",
        unit="s",
    )
    optional = Option(
        YesNo(), default=False, doc="Say nothing when the file cannot be written."
    )

    def reap_after_s(self) -> float:
        """Return how long an unused file stays open; 0 is for ever."""
        has_macros = "$" in self.path.text
        return self.time_reap if has_macros or "time_reap" in self.given else 0


class ExampleDestinationOptions(FileDestinationOptions):
    """``example-destination()``: a file, for trying things out."""

    title = "destination example-destination"

    path = Option[TemplateText](
        Template("a file name"),
        TemplateText("", NOWHERE),
        name="filename",
        doc="The file's name.",
        required=True,
    )
