"""Options of the ``wildcard-file()`` source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.kinds import Enum, Integer, Real, TextKind, YesNo
from logferry.config.schema import Option
from logferry.sources.file.options import FollowOptions

if TYPE_CHECKING:
    from logferry.config.schema import Scope

__all__ = ["WildcardFileOptions"]

_WINDOW_PER_FILE = 100


class WildcardFileOptions(FollowOptions):
    """``wildcard-file()``."""

    title = "source wildcard-file"

    base_dir = Option(
        TextKind("a directory"), "", doc="Where the files are.", required=True
    )
    filename_pattern = Option(
        TextKind("a name with * and ?"),
        "",
        doc="Which files: * stands for any text, ? for one character.",
        required=True,
        aliases=("file-pattern",),
    )
    exclude_pattern = Option(
        TextKind("a name with * and ?"), "", doc="Which of them not."
    )
    recursive = Option(
        YesNo(), default=False, doc="Look into the directories below as well."
    )
    max_files = Option(
        Integer(minimum=1), 100, doc="How many files are read at a time."
    )
    monitor_method = Option(
        Enum(("auto", "inotify", "poll")),
        "auto",
        doc="How new files are noticed: told by the kernel, or by looking.",
    )
    monitor_freq = Option(
        Real(0.0),
        1.0,
        doc="How often directories are looked at.",
        no_effect="files and directories are looked at together: follow-freq()",
    )
    force_directory_polling = Option(
        YesNo(), default=False, doc="The old form of monitor-method(poll)."
    )

    @property
    def is_polled(self) -> bool:
        """Tell whether the kernel is not asked."""
        return self.monitor_method == "poll" or self.force_directory_polling

    @property
    def window(self) -> int:
        """How many messages of all files may be unacknowledged: 100 each at least."""
        return max(self.log_iw_size, _WINDOW_PER_FILE * self.max_files)

    def check(self, scope: Scope) -> None:
        """Report a pattern that looks for a path."""
        super().check(scope)
        if "exit-on-eof" in self.flags:
            scope.diagnostics.warning(
                "flags(exit-on-eof) has no effect: another file may come at any time",
                self.given.get("flags", self.span),
                rule="no-effect",
            )
        for name in ("filename_pattern", "exclude_pattern"):
            if "/" in getattr(self, name):
                scope.diagnostics.error(
                    f"{name.replace('_', '-')}() is a file name, without '/'",
                    self.given[name],
                    "name the directory in base-dir()",
                )
