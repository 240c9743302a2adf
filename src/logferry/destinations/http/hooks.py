"""
``hook-commands()``: commands that run beside the life of a destination.

``startup`` and ``shutdown`` belong to the process, ``setup`` and ``teardown`` to each
start and end of the driver, which a reload may bring about too. A driver does not know
why it is started, so both pairs run at its start and end here, in the reference's
order: startup before setup, teardown before shutdown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from logferry.destinations.http.events import HookFailed

if TYPE_CHECKING:
    from logferry.destinations.http.options import HookOptions, HttpDestinationOptions
    from logferry.runtime.environment import Environment

__all__ = ["Hooks"]

_TIMEOUT_S = 30.0


class Hooks:
    """The commands of one destination."""

    def __init__(
        self, options: HttpDestinationOptions, driver: str, environment: Environment
    ) -> None:
        self._options = cast("HookOptions | None", options.hook_commands)
        self._driver = driver
        self._environment = environment

    async def on_start(self) -> None:
        """Run ``startup`` and ``setup``."""
        if self._options is not None:
            await self._run(self._options.startup)
            await self._run(self._options.setup)

    async def on_stop(self) -> None:
        """Run ``teardown`` and ``shutdown``."""
        if self._options is not None:
            await self._run(self._options.teardown)
            await self._run(self._options.shutdown)

    async def _run(self, command: str) -> None:
        if not command:
            return
        process = await asyncio.create_subprocess_shell(
            command, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                status = await process.wait()
        except TimeoutError:
            process.kill()
            status = await process.wait()
        if status:
            self._environment.log.emit(HookFailed(command, status, self._driver))
