"""
Reads any number of followed paths, a chunk at a time.

Looking (``stat``) happens when the kernel tells of a change and every
``follow-freq()``; reading goes round the paths that have something new, one chunk a
turn of the event loop, while the window has room. Positions are persisted a moment
after they moved, and at stop.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry.message.model import Origin
from logferry.sources.encoding import RecodingFramer, is_wide
from logferry.sources.file import events
from logferry.sources.file.accounts import FileAccount
from logferry.sources.file.followed import FileId, FollowedPath, Piece
from logferry.sources.multi_line import TextFramer, make_text_framer
from logferry.sources.window import Window

if TYPE_CHECKING:
    import asyncio

    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.sources.file.options import FollowOptions

__all__ = ["FilesReader"]

_SAVE_DELAY_S: Final = 0.1
_POLL_S: Final = 1.0
"""How often to look with ``follow-freq(0)``, which leaves it to the kernel."""


class _Path:
    """A followed path and what its messages share."""

    __slots__ = ("account", "followed", "is_ready", "origin")

    def __init__(
        self, followed: FollowedPath, origin: Origin, account: FileAccount
    ) -> None:
        self.followed = followed
        self.origin = origin
        self.account = account
        self.is_ready = False


class FilesReader:
    """
    Follows paths for one source driver.

    Args:
        driver: the driver's name and id, such as ``("file", "s_log#0")``.
        key: what persisted positions are named after; the path is added.

    """

    def __init__(
        self,
        driver: tuple[str, str],
        options: FollowOptions,
        environment: Environment,
        intake: Intake,
        *,
        window: int,
    ) -> None:
        self._driver, self._id = driver
        self._options = options
        self._environment = environment
        self._intake = intake
        self._window = Window(
            window, lambda: intake.is_flow_controlled, environment.clock
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._paths: dict[str, _Path] = {}
        self._by_name: dict[str, set[str]] = {}
        self._owners: dict[FileId, FollowedPath] = {}
        self._ready: deque[_Path] = deque()
        self._unsaved: set[FollowedPath] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._is_scheduled = False

    @property
    def poll_s(self) -> float:
        """How often files are looked at."""
        return self._options.follow_freq or _POLL_S

    @property
    def paths(self) -> tuple[str, ...]:
        """What is followed."""
        return tuple(self._paths)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to look at the paths."""
        self._loop = loop
        self._arm_poll()

    def follow(
        self, path: str, key: str, *, reads_old: bool, is_optional: bool = False
    ) -> None:
        """Read ``path`` too, from its persisted place."""

        def on_advance() -> None:
            self._note_advance(followed)

        followed = FollowedPath(
            path,
            key,
            self._environment,
            self._make_framer,
            on_advance,
            self._owners,
        )
        account = FileAccount(
            self._environment.metrics,
            (self._driver, self._id),
            path,
            self._environment.now,
        )
        self._paths[path] = _Path(followed, self._origin(path), account)
        self._by_name.setdefault(Path(path).name, set()).add(path)
        followed.start(reads_old=reads_old, is_optional=is_optional)
        self.check(path)

    def _make_framer(self) -> TextFramer:
        framer = make_text_framer(self._options)
        if is_wide(self._options.encoding):
            return RecodingFramer(framer, self._options.encoding)
        return framer

    def _origin(self, path: str) -> Origin:
        return Origin(
            source=self._id.encode(),
            transport=b"local+file",
            host=self._environment.host_name.encode(),
            local=True,
            file_name=path.encode("utf-8", "surrogateescape"),
        )

    # -- looking ------------------------------------------------------------------

    def _arm_poll(self) -> None:
        assert self._loop is not None
        self._timers["poll"] = self._loop.call_later(self.poll_s, self._poll)

    def _poll(self) -> None:
        self.check_all()
        self._arm_poll()

    def check_all(self) -> None:
        """Look at every path."""
        for path in tuple(self._paths):
            self.check(path)

    def check_named(self, names: set[str]) -> None:
        """Look at the paths that end with one of ``names``, in any directory."""
        meant = [path for name in names for path in self._by_name.get(name, ())]
        if any(name not in self._by_name for name in names):
            # Perhaps a file that was followed under the name it had before.
            meant += [
                path
                for path, item in self._paths.items()
                if item.followed.has_renamed and path not in meant
            ]
        for path in meant:
            self.check(path)

    def check(self, path: str) -> None:
        """Look at one path: rotation, truncation, news, messages that are over."""
        item = self._paths[path]
        followed = item.followed
        try:
            has_news = followed.check()
            idle_s = self._options.multi_line_timeout
            if idle_s and not has_news:
                while (piece := followed.flush(idle_s)) is not None:
                    self._deliver(item, piece)
            while (piece := followed.retire()) is not None:
                self._deliver(item, piece)
        except OSError as error:
            self._complain(path, error)
            return
        if has_news and not item.is_ready:
            item.is_ready = True
            self._ready.append(item)
        elif not has_news:
            self._note_end(followed)
        self._schedule()

    def _note_end(self, followed: FollowedPath) -> None:
        """Stop the daemon at the end of the file, if it is asked to."""
        is_asked = "exit-on-eof" in self._options.flags and self._driver == "file"
        if is_asked and not followed.is_gone:
            self._environment.stop()

    def _complain(self, path: str, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._environment.log.emit(events.FileNotReadable(path, reason))

    def drop_gone(self) -> list[str]:
        """Forget paths that name nothing any more and were read; return them."""
        gone = [
            path
            for path, item in self._paths.items()
            if item.followed.is_gone and item.followed.is_empty
        ]
        for path in gone:
            item = self._paths.pop(path)
            self._forget_name(path)
            self._unsaved.discard(item.followed)
            item.followed.save()
        return gone

    def _forget_name(self, path: str) -> None:
        name = Path(path).name
        paths = self._by_name[name]
        paths.discard(path)
        if not paths:
            del self._by_name[name]

    # -- reading ------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._ready and not self._is_scheduled and self._loop is not None:
            if not self._window.has_room:
                return  # a receipt or the next look comes back to it
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Read one chunk of the path whose turn it is."""
        self._is_scheduled = False
        if self._loop is None or not self._ready:
            return
        item = self._ready.popleft()
        try:
            piece = item.followed.read()
        except OSError as error:
            item.is_ready = False
            self._complain(item.followed.path, error)
        else:
            if piece is None:
                item.is_ready = False
                self._note_end(item.followed)
            else:
                self._ready.append(item)
                self._deliver(item, piece)
        self._schedule()

    def _deliver(self, item: _Path, piece: Piece) -> None:
        frames, settlement, end = piece
        if not frames and end == settlement.handed_on:
            return
        chunk = settlement.begin(end)
        if not frames:  # lines that no message is made of
            settlement.settle(chunk)
            return

        def on_settled(receipt: Receipt) -> None:
            is_oldest = settlement.deliver(chunk)
            self._window.give_back(receipt.message_count, is_progress=is_oldest)
            receipt.when_released(partial(settlement.settle, chunk))
            self._schedule()

        intake = self._intake
        if isinstance(frames, bytes):
            receipt = intake.lines(frames, item.origin, on_settled)
        else:
            receipt = intake.frames(frames, item.origin, on_settled)
        item.account.count(frames, receipt.message_count)
        self._window.take(receipt.message_count)

    # -- positions ----------------------------------------------------------------

    def _note_advance(self, followed: FollowedPath) -> None:
        if self._loop is None:  # stopped: what was on its way arrived
            followed.save()
            return
        self._unsaved.add(followed)
        if "save" not in self._timers:
            self._timers["save"] = self._loop.call_later(_SAVE_DELAY_S, self._save)

    def _save(self) -> None:
        self._timers.pop("save", None)
        for followed in self._unsaved:
            followed.save()
        self._unsaved.clear()

    def stop(self) -> None:
        """Stop reading, persist positions, close; settled receipts still count."""
        self._loop = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._save()
        for item in self._paths.values():
            item.followed.close()
        self._paths.clear()
        self._owners.clear()
        self._by_name.clear()
        self._ready.clear()
        self._is_scheduled = False
