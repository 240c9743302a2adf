"""
The ``file()`` source: a file, followed through rotations, restarts and crashes.

Its persisted position moves only when every destination on its paths has settled what
was read before it: after a crash messages are read again, none is lost.

A name that is no regular file (a FIFO, ``/proc/kmsg``) is read as a stream.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.sources.base import SourceKind
from logferry.sources.encoding import is_wide
from logferry.sources.file import events
from logferry.sources.file.device import Device, is_device
from logferry.sources.file.kernel import KERNEL_PATHS
from logferry.sources.file.options import FileSourceOptions, FollowOptions
from logferry.sources.file.reader import FilesReader
from logferry.sources.file.watch import DirectoryWatch
from logferry.sources.options import reception_of

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "FileSource", "file_reception"]


class FileSource:
    """The running ``file()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._options = cast("FileSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._key = _persist_name(spec)
        self._reader = FilesReader(
            ("file", spec.id),
            self._options,
            environment,
            intake,
            window=self._options.log_iw_size,
        )
        self._watch: DirectoryWatch | None = None
        self._device: Device | None = None

    async def start(self) -> None:
        """Begin to read; a file that does not exist is waited for."""
        loop, path = asyncio.get_running_loop(), self._options.path
        if is_device(path):
            self._device = Device(
                self.id, self._options, self._environment, self._intake
            )
            self._device.start(loop)
            return
        self._reader.start(loop)
        folder = str(Path(path).parent)
        try:
            self._watch = DirectoryWatch(loop, self._on_change)
            self._watch.add(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            self._environment.log.emit(events.InotifyUnavailable(folder, reason))
        self._reader.follow(
            path,
            self._key,
            reads_old=self._options.read_old_records,
            is_optional=self._options.optional,
        )

    def _on_change(self, names_changed: bool, names: set[str]) -> None:
        del names_changed, names
        self._reader.check_all()

    async def stop(self) -> None:
        """Stop reading and persist the position."""
        if self._device is not None:
            self._device.stop()
            self._device = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._reader.stop()


def file_reception(spec: Spec) -> Reception:
    """Return how the messages of a followed file are parsed."""
    options = cast("FollowOptions", spec.options)
    is_kernel = getattr(options, "path", "") in KERNEL_PATHS
    own_flag = "kernel" if is_kernel else "expect-hostname"
    reception = reception_of(options, frozenset({own_flag}), local=True)
    if is_wide(options.encoding):
        flags = reception.flags | {"assume-utf8"}
        return replace(reception, encoding="", flags=flags)
    return reception


def _persist_name(spec: Spec) -> str:
    options = cast("FileSourceOptions", spec.options)
    return f"file_source({options.persist_name or options.path})"


KINDS = {
    "file": SourceKind(
        FileSourceOptions,
        file_reception,
        FileSource,
        is_acknowledged=True,
        persist_name=_persist_name,
    )
}
