"""
``hook-commands()``: commands that run beside the life of a driver.

``startup`` and ``shutdown`` belong to the process, ``setup`` and ``teardown`` to each
start and end of the driver, which a reload may bring about, too (one that did not
change goes on, and has neither). The order is the reference's: startup before setup,
teardown before shutdown. ``http()`` runs its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from logferry.config.hook_options import HookOptions
from logferry.records import record
from logferry.telemetry.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logferry.config.nodes import Spec
    from logferry.runtime.environment import Log

__all__ = ["HookFailed", "run_hooks"]

_RUN_S_MAX = 30.0
"""A driver waits for its commands, but not for ever."""


@record
class HookFailed(Event):
    """A command of ``hook-commands()`` failed."""

    level: ClassVar[Level] = Level.ERROR
    text: ClassVar[str] = "Hook command failed"

    command: str
    status: int
    driver: str


async def run_hooks(specs: Iterable[Spec], names: tuple[str, ...], log: Log) -> None:
    """Run the commands called ``names``, in order, of every driver in ``specs``."""
    for spec in specs:
        hooks = getattr(spec.options, "hook_commands", None)
        if not isinstance(hooks, HookOptions):
            continue
        for name in names:
            command = getattr(hooks, name)
            if command:
                status = await _run(command)
                if status:
                    log.emit(HookFailed(command, status, spec.id))


async def _run(command: str) -> int:
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_RUN_S_MAX):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
