"""
The ``program()`` source: lines from the standard output of a command.

The command is run by ``/bin/sh`` in a process group of its own. When it ends it is
started again after a second, unless the shell did not find it (127). At stop the
group gets TERM, and KILL after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final, cast

from logferry.config.kinds import TextKind, YesNo
from logferry.config.schema import Option
from logferry.message.model import Origin
from logferry.runtime.tasks import Tasks
from logferry.sources.base import SourceKind
from logferry.sources.descriptor import DescriptorReader
from logferry.sources.multi_line import MultiLineOptions, make_text_framer
from logferry.sources.options import reception_of
from logferry.sources.program.events import (
    ProgramEnded,
    ProgramNotFound,
    ProgramNotStarted,
)

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake
    from logferry.syslog.reception import Reception

__all__ = ["KINDS", "ProgramSource", "ProgramSourceOptions"]

_RESTART_DELAY_S: Final = 1.0
_RESTART_DELAY_S_MAX: Final = 30.0
_HEALTHY_S: Final = 10.0
"""A command that ran for so long, or ended well, is started again soon."""

_NOT_FOUND: Final = 127
_TERM_PATIENCE_S: Final = 2.0


def restart_delay_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, in seconds."""
    return min(_RESTART_DELAY_S_MAX, _RESTART_DELAY_S * 2.0 ** max(0, failures - 1))


class ProgramSourceOptions(MultiLineOptions):
    """``program()``."""

    title = "source program"

    command = Option(
        TextKind("a command"),
        "",
        doc="What /bin/sh runs.",
        positional=True,
        required=True,
    )
    inherit_environment = Option(
        YesNo(), default=True, doc="The command sees our environment variables."
    )


class ProgramSource:
    """The running ``program()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._options = cast("ProgramSourceOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._tasks = Tasks(environment.log)
        self._reader: DescriptorReader | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the command."""
        self._tasks.start(self._keep_running(), f"program of {self.id}")

    async def _keep_running(self) -> None:
        command, clock = self._options.command, self._environment.clock
        failures = 0
        while True:
            started = clock()
            try:
                status = await self._run()
            except OSError as error:  # no process or descriptor is left, say
                failures += 1
                reason = error.strerror or str(error)
                self._environment.log.emit(ProgramNotStarted(command, reason))
                await asyncio.sleep(restart_delay_s(failures))
                continue
            if "exit-on-eof" in self._options.flags:
                self._environment.stop()
                return
            if status == _NOT_FOUND:
                self._environment.log.emit(ProgramNotFound(command))
                return
            self._environment.log.emit(ProgramEnded(command, status))
            is_well = status == 0 or clock() - started >= _HEALTHY_S
            failures = 0 if is_well else failures + 1
            await asyncio.sleep(restart_delay_s(failures))

    async def _run(self) -> int:
        """Run the command once; return its exit status."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reading, False)
        reader = self._reader = self._make_reader(reading)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", self._options.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                start_new_session=True,
                env=None if self._options.inherit_environment else {},
            )
        except OSError:
            reader.close()
            self._reader = None
            raise
        finally:
            os.close(writing)
        reader.start()
        status = await self._process.wait()
        reader.drain()
        reader.close()
        self._reader = None
        return status

    def _make_reader(self, descriptor: int) -> DescriptorReader:
        options = self._options
        return DescriptorReader(
            asyncio.get_running_loop(),
            descriptor,
            make_text_framer(options),
            origin=Origin(
                source=self.id.encode(),
                transport=b"local+program",
                host=self._environment.host_name.encode(),
                local=True,
            ),
            intake=self._intake,
            limit=options.log_iw_size,
            flush_s=options.multi_line_timeout,
            on_end=_ignore,  # the end of the process is what counts
        )

    async def stop(self) -> None:
        """End the command and read its last words."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            _signal_group(process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(_TERM_PATIENCE_S):
                    await process.wait()
            except TimeoutError:
                _signal_group(process.pid, signal.SIGKILL)
                await process.wait()
        await self._tasks.cancel()
        if self._reader is not None:
            self._reader.drain()
            self._reader.close()
            self._reader = None


def _ignore(error: OSError | None) -> None:
    del error


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _reception(spec: Spec) -> Reception:
    options = cast("ProgramSourceOptions", spec.options)
    return reception_of(options, frozenset({"expect-hostname"}), local=True)


KINDS = {"program": SourceKind(ProgramSourceOptions, _reception, ProgramSource)}
