"""
The ``pipe()`` source: lines from a FIFO, which is made when it is missing.

It is opened for reading and writing, so that it does not end when the last writer
goes away.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.config.kinds import TextKind, YesNo
from logferry.config.schema import Option, Scope
from logferry.config.versions import LOCAL_MESSAGES_HAVE_NO_HOST
from logferry.errors import TransportError
from logferry.message.model import Origin
from logferry.runtime.file_permissions import (
    FilePermissionOptions,
    make_folders,
    set_permissions,
)
from logferry.runtime.streams import describe_os_error
from logferry.sources.base import SourceKind
from logferry.sources.descriptor import DescriptorReader
from logferry.sources.file.events import FileNotReadable
from logferry.sources.multi_line import MultiLineOptions, make_text_framer
from logferry.sources.options import reception_of

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "PipeSource", "PipeSourceOptions"]


class PipeSourceOptions(MultiLineOptions, FilePermissionOptions):
    """``pipe()``."""

    title = "source pipe"

    path = Option(
        TextKind("a path"), "", doc="The FIFO.", positional=True, required=True
    )
    optional = Option(
        YesNo(), default=False, doc="It is no error when the FIFO cannot be opened."
    )

    def check(self, scope: Scope) -> None:
        """Give an older configuration the flag it means."""
        super().check(scope)
        if scope.version < LOCAL_MESSAGES_HAVE_NO_HOST:
            self._values["flags"] |= {"expect-hostname"}


class PipeSource:
    """The running ``pipe()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._options = cast("PipeSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._reader: DescriptorReader | None = None

    async def start(self) -> None:
        """Open the FIFO. Raises ``TransportError`` when that cannot be."""
        options, path = self._options, self._options.path
        try:
            descriptor = _open_fifo(path, options)
        except OSError as error:
            reason = describe_os_error(error)
            if not options.optional:
                raise TransportError(f"cannot open pipe {path}: {reason}") from error
            self._environment.log.emit(FileNotReadable(path, reason))
            return
        self._reader = DescriptorReader(
            asyncio.get_running_loop(),
            descriptor,
            make_text_framer(options),
            origin=Origin(
                source=self.id.encode(),
                transport=b"local+pipe",
                host=self._environment.host_name.encode(),
                local=True,
                file_name=path.encode(),
            ),
            intake=self._intake,
            limit=options.log_iw_size,
            flush_s=options.multi_line_timeout,
            on_end=self._on_end,
        )
        self._reader.start()

    def _on_end(self, error: OSError | None) -> None:
        """Say why reading ended: with a writer of our own it only does by an error."""
        self._reader = None
        reason = describe_os_error(error) if error is not None else "end of file"
        self._environment.log.emit(FileNotReadable(self._options.path, reason))

    async def stop(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _open_fifo(path: str, options: PipeSourceOptions) -> int:
    if options.create_dirs:
        make_folders(Path(path).parent, options)
    if not Path(path).exists():
        os.mkfifo(path, 0o600)
        set_permissions(path, options)
    if not stat.S_ISFIFO(Path(path).stat().st_mode):
        raise OSError(None, "not a FIFO")
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)


def _reception(spec: Spec) -> Reception:
    options = cast("PipeSourceOptions", spec.options)
    return reception_of(options, frozenset(), local=True)


KINDS = {"pipe": SourceKind(PipeSourceOptions, _reception, PipeSource)}
