"""
The ``stdin()`` source: lines from standard input.

Useful in pipelines and tests. Reading stops while the window is full; at the end of
input the source ends, and with ``flags(exit-on-eof)`` the daemon stops too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, cast

from logferry.config.kinds import Real, YesNo
from logferry.config.schema import Option
from logferry.limits import READ_SIZE_BYTES
from logferry.message.model import Origin
from logferry.sources.base import SourceKind
from logferry.sources.multi_line import MultiLineOptions, make_text_framer
from logferry.sources.options import FileMakerOptions, reception_of

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "StdinOptions", "StdinSource"]


class StdinOptions(MultiLineOptions, FileMakerOptions):
    """``stdin()``."""

    title = "source stdin"

    follow_freq = Option(
        Real(0.0),
        1.0,
        doc="An option of file().",
        no_effect="standard input is read when something comes",
    )
    recursive = Option(
        YesNo(),
        default=False,
        doc="An option of wildcard-file().",
        no_effect="standard input is one stream",
    )
    force_directory_polling = Option(
        YesNo(),
        default=False,
        doc="An option of wildcard-file().",
        no_effect="standard input is one stream",
    )


class StdinSource:
    """The running ``stdin()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._options = cast("StdinOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._framer = make_text_framer(self._options)
        self._origin = Origin(
            source=spec.id.encode(),
            transport=b"local+stdin",
            host=environment.host_name.encode(),
            local=True,
        )
        self._task: asyncio.Task[None] | None = None
        self._unacked_count = 0
        self._has_room = asyncio.Event()

    async def start(self) -> None:
        """Begin to read."""
        self._has_room.set()
        self._task = asyncio.create_task(self._read(), name=f"stdin {self.id}")

    async def _read(self) -> None:
        # A thread reads: standard input may be a file, which no poller can watch.
        loop = asyncio.get_running_loop()
        descriptor = sys.stdin.fileno()
        flush_s = self._options.multi_line_timeout or None
        while True:
            await self._has_room.wait()
            reading = loop.run_in_executor(None, os.read, descriptor, READ_SIZE_BYTES)
            done, _ = await asyncio.wait((reading,), timeout=flush_s)
            if not done:  # a message that nobody goes on with
                self._deliver(self._framer.finish())
            data = await reading
            if not data:
                break
            self._deliver(self._framer.feed(data))
        self._deliver(self._framer.finish())
        if "exit-on-eof" in self._options.flags:
            self._environment.stop()

    def _deliver(self, frames: bytes | list[bytes]) -> None:
        if not frames:
            return
        if isinstance(frames, bytes):
            receipt = self._intake.lines(frames, self._origin, self._on_settled)
        else:
            receipt = self._intake.frames(frames, self._origin, self._on_settled)
        self._unacked_count += receipt.message_count
        if self._unacked_count >= self._options.log_iw_size:
            self._has_room.clear()

    def _on_settled(self, receipt: Receipt) -> None:
        self._unacked_count -= receipt.message_count
        if self._unacked_count < self._options.log_iw_size:
            self._has_room.set()

    async def stop(self) -> None:
        """Stop reading; a read that waits for input is left behind."""
        if self._task is not None:
            self._task.cancel()


def _reception(spec: Spec) -> Reception:
    options = cast("StdinOptions", spec.options)
    return reception_of(options, frozenset(), local=True)


KINDS = {"stdin": SourceKind(StdinOptions, _reception, StdinSource)}
