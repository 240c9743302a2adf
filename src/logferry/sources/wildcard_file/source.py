"""
The ``wildcard-file()`` source: every file whose name matches, as it comes and goes.

Each file has a position of its own. A file that was there when the source first ran
is read from its beginning or, with ``read-old-records(no)``, from its end; one that
comes later is read whole. A file that gets another name that matches too (rotation of
``*.log*``) keeps its position. At most ``max-files()`` are read at a time; the next
one is taken when another is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from logferry.sources.base import SourceKind
from logferry.sources.file import events
from logferry.sources.file.reader import FilesReader
from logferry.sources.file.source import file_reception
from logferry.sources.file.watch import DirectoryWatch
from logferry.sources.wildcard_file.discovery import Discovery
from logferry.sources.wildcard_file.options import WildcardFileOptions

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake

__all__ = ["KINDS", "WildcardFileSource"]


class WildcardFileSource:
    """The running ``wildcard-file()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        options = self._options = cast("WildcardFileOptions", spec.options)
        self._environment = environment
        self._discovery = Discovery(options)
        self._reader = FilesReader(
            ("wildcard_file", spec.id),
            options,
            environment,
            intake,
            window=options.window,
        )
        self._key = _persist_name(spec)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: DirectoryWatch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_complained = False

    async def start(self) -> None:
        """Begin to read; a directory that does not exist is waited for."""
        self._loop = asyncio.get_running_loop()
        self._reader.start(self._loop)
        if not self._options.is_polled:
            try:
                self._watch = DirectoryWatch(self._loop, self._on_change)
            except OSError as error:
                self._complain(self._options.base_dir, error)
        was_here = self._environment.state.get(self._key) is not None
        self._discover(reads_old=self._options.read_old_records or was_here)
        self._environment.state.put(self._key, b"1")
        self._arm()

    def _complain(self, folder: str, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._environment.log.emit(events.InotifyUnavailable(folder, reason))

    def _arm(self) -> None:
        assert self._loop is not None
        self._timer = self._loop.call_later(self._reader.poll_s, self._poll)

    def _poll(self) -> None:
        self._discover(reads_old=True)
        self._arm()

    def _on_change(self, names_changed: bool, names: set[str]) -> None:
        if names_changed:
            self._discover(reads_old=True)
            self._reader.check_all()
        else:
            self._reader.check_named(names)

    def _discover(self, *, reads_old: bool) -> None:
        """Take new files up, let those go that are gone."""
        self._reader.drop_gone()
        found = self._discovery.look()
        self._watch_folders(found.folders)
        known = set(self._reader.paths)
        room = self._options.max_files - len(known)
        for path in found.files:
            if path in known:
                continue
            if room <= 0:
                self._note_too_many(path)
                return
            room -= 1
            key = f"{self._key}:{path}"
            self._reader.follow(path, key, reads_old=reads_old)
        self._has_complained = False

    def _note_too_many(self, path: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._environment.log.emit(
                events.FilesExceeded(self.id, path, self._options.max_files)
            )

    def _watch_folders(self, folders: list[str]) -> None:
        if self._watch is None:
            return
        for folder in folders:
            try:
                self._watch.add(folder)
            except OSError as error:
                # Out of watches (or the folder is gone again): looking goes on
                # every follow-freq().
                self._complain(folder, error)
                self._watch.close()
                self._watch = None
                return

    async def stop(self) -> None:
        """Stop reading and persist the positions."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._reader.stop()


def _persist_name(spec: Spec) -> str:
    options = cast("WildcardFileOptions", spec.options)
    place = f"{options.base_dir}/{options.filename_pattern}"
    return f"wildcard_file_source({options.persist_name or place})"


KINDS = {
    "wildcard-file": SourceKind(
        WildcardFileOptions,
        file_reception,
        WildcardFileSource,
        is_acknowledged=True,
        persist_name=_persist_name,
    )
}
