"""
One followed path: the file it names now, and those it named before.

Rotation by rename: the path names another inode. The old file is read to its end
first, and stays open for :data:`LINGER_S` after its last byte, because programs go on
writing to it until they are told of the rotation. After a restart a renamed file is
found by its inode and first bytes among its neighbours, and read to its end too.

Rotation by copy and truncation (``copytruncate``): what was not read before the cut is
in the copy, which is found by its name, ours and something behind it, and by its first
bytes. It takes the place of what was cut, and is read to its end.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from logferry.sources.file import events
from logferry.sources.file.opened import OpenedFile, open_file
from logferry.sources.file.position import (
    HEAD_BYTES_MAX,
    Mark,
    Settlement,
    decode_marks,
    encode_marks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.runtime.environment import Environment
    from logferry.sources.multi_line import TextFramer
    from logferry.syslog.framing import Frames

__all__ = ["LINGER_S", "FileId", "FollowedPath", "Piece"]

LINGER_S: Final = 10.0
"""How long a file is read on after it was renamed or removed and nothing came."""

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z")

Piece = tuple["Frames", Settlement, int]
"""Frames, whose they are, and where they end in their file."""


_COPY_HEAD_BYTES_MIN: Final = 32
"""So many equal bytes at the beginning make a file the copy of another."""


FileId = tuple[int, int]
"""Device and inode."""


class FollowedPath:
    """
    Reads a path through rotations and truncations.

    Args:
        path: the file's name.
        key: the name its position is persisted under.
        make_framer: makes what cuts the text into frames.
        on_advance: called when the position moved.
        owners: which path of the source follows a file, whatever its name is now;
            shared by all of them.

    """

    def __init__(
        self,
        path: str,
        key: str,
        environment: Environment,
        make_framer: Callable[[], TextFramer],
        on_advance: Callable[[], None],
        owners: dict[FileId, FollowedPath] | None = None,
    ) -> None:
        self.path = path
        self.key = key
        self._environment = environment
        self._make_framer = make_framer
        self._on_advance = on_advance
        self._owners = {} if owners is None else owners
        self._files: list[OpenedFile] = []  # oldest first
        self._complaint = ""

    def start(self, *, reads_old: bool, is_optional: bool = False) -> None:
        """Find the place where reading goes on, in this file and renamed ones."""
        if is_optional:
            self._complaint = events.FileNotFound.__name__
        marks = decode_marks(self._environment.state.get(self.key))
        inherited = cast(
            "dict[tuple[int, int], Settlement]",
            self._environment.left_behind.pop(self.key, {}),
        )
        for mark in marks:
            self._resume(mark, inherited.get((mark.device, mark.inode)))
        if self._files:
            self._add_unmarked()
        self._open_current(reads_old=reads_old or bool(marks))
        self._on_advance()

    def _resume(self, mark: Mark, settlement: Settlement | None) -> None:
        descriptor = self._find(mark)
        if descriptor is None:
            descriptor = self._find_copy(mark)
        if descriptor is None:
            self._environment.log.emit(
                events.PositionLost(self.path, mark.inode, mark.offset)
            )
            return
        file = self._add(descriptor, settlement or Settlement(mark.offset))
        file.is_current = False  # until the path is looked at

    def _add_unmarked(self) -> None:
        """
        Find files that had our name after the marked ones, and lost it to rotation.

        The last place that was persisted may be a moment older than a crash: a file
        that came and went since then has no mark. It is younger than the last marked
        file, has our name with something behind it, and is not compressed.
        """
        last = self._files[-1]
        if self._is_named(last):
            return
        since = os.fstat(last.descriptor).st_mtime_ns
        known = {(file.device, file.inode) for file in self._files}
        for name in _rotated_since(self.path, since):
            try:
                descriptor = open_file(name)
            except OSError:
                continue
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) in known:
                os.close(descriptor)
            else:
                self._add(descriptor, Settlement(0)).is_current = False

    def _find(self, mark: Mark) -> int | None:
        """Open the marked file under its own name or that of a neighbour."""
        descriptor = _open_if_marked(self.path, mark)
        if descriptor is not None:
            return descriptor
        names: list[str] = []
        for folder in self._folders():
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                names += [
                    entry.path for entry in entries if entry.inode() == mark.inode
                ]
        for name in names:
            descriptor = _open_if_marked(name, mark)
            if descriptor is not None:
                return descriptor
        return None

    def _find_copy(self, mark: Mark) -> int | None:
        """Open the youngest copy of a marked file that was cut, if there is one."""
        if mark.head_bytes < _COPY_HEAD_BYTES_MIN:
            return None
        for name in reversed(_rotated_since(self.path, 0)):
            descriptor = _open_if_marked(name, mark, is_copy=True)
            if descriptor is None:
                continue
            status = os.fstat(descriptor)
            owner = self._owners.get((status.st_dev, status.st_ino))
            if owner is None or not owner.owns(status.st_dev, status.st_ino):
                return descriptor
            os.close(descriptor)
        return None

    def _folders(self) -> set[Path]:
        """Return where renamed files are: by us, and by the file a link leads to."""
        path = Path(self.path)
        folders = {path.parent}
        with contextlib.suppress(OSError, RuntimeError):
            folders.add(path.resolve().parent)
        return folders

    def _add(self, descriptor: int, settlement: Settlement) -> OpenedFile:
        now = self._environment.clock()
        file = OpenedFile(descriptor, settlement, self._make_framer, now)
        settlement.on_advance = self._on_advance
        self._files.append(file)
        self._owners[file.device, file.inode] = self
        self._environment.log.emit(events.FileOpened(self.path, settlement.handed_on))
        return file

    def _open_current(self, *, reads_old: bool) -> None:
        """Open what the path names now, unless it is open already."""
        try:
            descriptor = open_file(self.path)
        except FileNotFoundError:
            self._complain(events.FileNotFound(self.path))
            return
        except OSError as error:
            self._complain_of(error)
            return
        status = os.fstat(descriptor)
        for file in self._files:
            is_same = (file.device, file.inode) == (status.st_dev, status.st_ino)
            if is_same and file.is_open:
                file.is_current = True
                self._complaint = ""
                os.close(descriptor)
                return
        renamed = self._take_over(status.st_dev, status.st_ino)
        if renamed is not None:
            os.close(descriptor)
            renamed.is_current = True
            self._complaint = ""
            renamed.settlement.on_advance = self._on_advance
            self._files.append(renamed)
            self._owners[renamed.device, renamed.inode] = self
            self._on_advance()
            return
        try:
            self._add(descriptor, Settlement(0 if reads_old else status.st_size))
        except OSError as error:
            os.close(descriptor)
            self._complain_of(error)
            return
        self._complaint = ""
        # Persisted at once: after a restart the file is not new any more.
        self._on_advance()

    def _complain_of(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._complain(events.FileNotReadable(self.path, reason))

    def _complain(self, event: events.FileNotFound | events.FileNotReadable) -> None:
        """Say it once, until it is something else."""
        if self._complaint != type(event).__name__:
            self._complaint = type(event).__name__
            self._environment.log.emit(event)

    def _take_over(self, device: int, inode: int) -> OpenedFile | None:
        """Return a file that another path followed under the name it had before."""
        owner = self._owners.get((device, inode))
        return None if owner is None else owner.give_away(device, inode)

    def check(self) -> bool:
        """Look for rotation and truncation; true when there is something to read."""
        current = next((file for file in self._files if file.is_current), None)
        if current is None or not self._is_named(current):
            if current is not None:
                current.is_current = False
                self._environment.log.emit(events.FileMoved(self.path))
            self._open_current(reads_old=True)
        return self.has_news()

    def _is_named(self, file: OpenedFile) -> bool:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - looked at very often
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (file.device, file.inode)

    def give_away(self, device: int, inode: int) -> OpenedFile | None:
        """Let a file go that has another name now; the other path asks for it."""
        for file in self._files:
            is_it = (file.device, file.inode) == (device, inode) and file.is_open
            if is_it and not self._is_named(file):
                self._files.remove(file)
                self._on_advance()
                return file
        return None

    def has_news(self) -> bool:
        """Tell whether there is something to read."""
        return any(self._has_news(file) for file in self._files)

    def _has_news(self, file: OpenedFile) -> bool:
        try:
            return file.has_news()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            return self._open_stale(file)

    def _open_stale(self, file: OpenedFile) -> bool:
        """
        Open a file again whose server has forgotten it (NFS); true when there is news.

        What had not been read of a file that is nowhere any more is lost.
        """
        file.close()
        descriptor = self._find(file.place())
        if descriptor is not None:
            file.go_on(descriptor)
            return file.has_news()
        file.is_current = False
        self._environment.log.emit(
            events.FileStale(self.path, file.inode, file.settlement.handed_on)
        )
        return False

    def read(self) -> Piece | None:
        """Read once, from the oldest file that has something new."""
        for file in self._files:
            if file.is_open and self._has_news(file):
                if file.is_rewritten():
                    return self._begin_anew(file)
                frames, end = file.read(self._environment.clock())
                return frames, file.settlement, end
        return None

    def _begin_anew(self, file: OpenedFile) -> Piece:
        self._environment.log.emit(events.FileTruncated(self.path))
        old = file.settlement
        copy = self._find_copy(file.place())
        frames = file.begin_anew()
        if copy is None:
            return frames, old, old.handed_on
        # The message that was under way is in the copy, whole.
        found = self._add(copy, old)
        found.is_current = False
        self._files.insert(self._files.index(file), self._files.pop())
        return b"", old, old.handed_on

    def owns(self, device: int, inode: int) -> bool:
        """Tell whether a file is read here."""
        return any(
            (file.device, file.inode) == (device, inode) and file.is_open
            for file in self._files
        )

    def flush(self, idle_s: float) -> Piece | None:
        """Give out a message that was not gone on with for ``idle_s``."""
        oldest = self._environment.clock() - idle_s
        for file in self._files:
            if file.is_open and file.has_rest and file.changed_at <= oldest:
                frames, end = file.finish()
                return frames, file.settlement, end
        return None

    def retire(self) -> Piece | None:
        """
        Close files that the path does not name any more and nobody writes to.

        Returns the message that has no end in one of them; call again until
        ``None``.
        """
        oldest = self._environment.clock() - LINGER_S
        for file in self._files:
            is_over = not file.is_current and file.changed_at <= oldest
            if is_over and not self._has_news(file) and file.is_open:
                frames, end = file.finish()
                file.close()
                return frames, file.settlement, end
        self._forget_complete()
        return None

    def _forget_complete(self) -> None:
        """Forget closed files of which nothing is on its way."""
        kept = [
            file
            for file in self._files
            if file.is_open or not file.settlement.is_complete
        ]
        if len(kept) != len(self._files):
            for file in self._files:
                place = file.device, file.inode
                if file not in kept and self._owners.get(place) is self:
                    del self._owners[place]
            self._files = kept
            self._on_advance()

    @property
    def is_empty(self) -> bool:
        """Tell whether no file is open and nothing is on its way."""
        return not self._files

    @property
    def has_renamed(self) -> bool:
        """Tell whether a file is read that has another name now."""
        return any(not file.is_current for file in self._files)

    @property
    def is_gone(self) -> bool:
        """Tell whether the path names nothing any more."""
        return not any(file.is_current for file in self._files)

    def save(self) -> None:
        """Persist the position, or remove it when there is nothing to come back to."""
        marks = [file.mark() for file in self._files]
        if marks:
            self._environment.state.put(self.key, encode_marks(marks))
        else:
            self._environment.state.delete(self.key)

    def close(self) -> None:
        """Close the files; what is on its way still moves the position."""
        for file in self._files:
            file.close()
        self._environment.left_behind[self.key] = {
            (file.device, file.inode): file.settlement
            for file in self._files
            if not file.settlement.is_complete
        }
        self.save()


def _open_if_marked(name: str, mark: Mark, *, is_copy: bool = False) -> int | None:
    try:
        descriptor = open_file(name)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        head = os.pread(descriptor, HEAD_BYTES_MAX, 0)
    except OSError:
        os.close(descriptor)
        return None
    inode = mark.inode if is_copy else status.st_ino
    if mark.fits(status.st_dev, inode, status.st_size, head):
        return descriptor
    os.close(descriptor)
    return None


def _rotated_since(path: str, since_ns: int) -> list[str]:
    """Return younger files called ``path`` and something, oldest first."""
    found = []
    try:
        with os.scandir(Path(path).parent) as entries:
            for entry in entries:
                is_ours = entry.path.startswith(path) and entry.path != path
                if not is_ours or entry.path.endswith(_COMPRESSED):
                    continue
                if entry.is_file(follow_symlinks=False):
                    changed_ns = entry.stat().st_mtime_ns
                    if changed_ns >= since_ns:
                        found.append((changed_ns, entry.path))
    except OSError:
        return []
    return [name for _, name in sorted(found)]
