"""
What ``file()`` reads as a stream: FIFOs, devices, the kernel's messages.

Streams have no position, but ``/dev/kmsg``: there the number of the last record that
arrived is kept, as long as the machine is not booted anew.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from logferry.message.model import Origin
from logferry.runtime.streams import describe_os_error
from logferry.sources.descriptor import DescriptorReader
from logferry.sources.file import events
from logferry.sources.file.kernel import KmsgFramer
from logferry.sources.file.opened import open_file
from logferry.sources.multi_line import make_text_framer

if TYPE_CHECKING:
    import asyncio

    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.sources.file.options import FileSourceOptions

__all__ = ["Device", "is_device"]

_KMSG: Final = "/dev/kmsg"
_TRANSPORTS: Final = {_KMSG: b"local+devkmsg", "/proc/kmsg": b"local+prockmsg"}
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_SAVE_S: Final = 1.0


def is_device(path: str) -> bool:
    """Tell whether ``path`` is there and no regular file."""
    try:
        mode = Path(path).stat().st_mode
        # A folder is in the way of a file, which may come yet.
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    except OSError:
        return False


class Device:
    """Reads one path as a stream."""

    def __init__(
        self,
        driver: str,
        options: FileSourceOptions,
        environment: Environment,
        intake: Intake,
    ) -> None:
        self._driver = driver
        self._options = options
        self._environment = environment
        self._intake = intake
        self._reader: DescriptorReader | None = None
        self._kmsg: KmsgFramer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read; what cannot be opened is reported."""
        self._loop = loop
        options, path = self._options, self._options.path
        framer = make_text_framer(options)
        if path == _KMSG:
            now, clock = self._environment.now(), self._environment.clock()
            framer = self._kmsg = KmsgFramer(
                self._saved_sequence(), now - round(clock * 1e9)
            )
        try:
            self._reader = DescriptorReader(
                loop,
                open_file(path),
                framer,
                origin=Origin(
                    source=self._driver.encode(),
                    transport=_TRANSPORTS.get(path, b"local+device"),
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
        except OSError as error:
            self._on_end(error)
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            return
        if self._kmsg is not None:
            self._timer = loop.call_later(_SAVE_S, self._save_soon)

    def _on_end(self, error: OSError | None) -> None:
        if error is not None:
            reason = describe_os_error(error)
            self._environment.log.emit(
                events.FileNotReadable(self._options.path, reason)
            )

    @property
    def _key(self) -> str:
        return f"file_source({self._options.persist_name or self._options.path})"

    def _saved_sequence(self) -> int:
        """Return the last record that arrived since the machine was booted, or -1."""
        saved = (self._environment.state.get(self._key) or b"").split()
        if len(saved) != 2 or saved[0] != _boot_id() or not saved[1].isdigit():
            return -1
        return int(saved[1])

    def _save_soon(self) -> None:
        assert self._loop is not None
        self._save()
        self._timer = self._loop.call_later(_SAVE_S, self._save_soon)

    def _save(self) -> None:
        """Keep the number of the last record, when nothing is on its way."""
        if self._kmsg is None or self._reader is None or self._kmsg.sequence < 0:
            return
        if not self._reader.unsettled_count:
            value = b"%b %d" % (_boot_id(), self._kmsg.sequence)
            self._environment.state.put(self._key, value)

    def stop(self) -> None:
        """Stop reading."""
        if self._timer is not None:
            self._timer.cancel()
        if self._reader is not None:
            self._save()
            self._reader.close()
            self._reader = None


def _boot_id() -> bytes:
    try:
        return _BOOT_ID.read_bytes().strip()
    except OSError:
        return b"unknown"
