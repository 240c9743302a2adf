"""
The end of Python code of the configuration: ``deinit`` of every object, for a while.

Whoever never returns is left behind with a thread that does not keep the process.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

from logferry.codegen.python.code import take_components
from logferry.destinations.python.thread import PatientThread
from logferry.records import record
from logferry.telemetry.events import Event, EventLog, Level

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ComponentsLeft", "end_components"]

_END_S: Final = 2.0


@record
class ComponentsLeft(Event):
    """Python code of the configuration does not end."""

    level: ClassVar[Level] = Level.WARNING
    text: ClassVar[str] = "deinit() of Python code does not return, not waiting for it"

    seconds: str


async def end_components(log: EventLog) -> None:
    """Call ``deinit`` of all objects, side by side, and wait for a while."""
    ends = take_components()
    if not ends:
        return
    try:
        await asyncio.wait_for(asyncio.gather(*map(_end, ends)), _END_S)
    except TimeoutError:
        log.emit(ComponentsLeft(f"{_END_S:g}"))


async def _end(deinit: Callable[[], None]) -> None:
    thread = PatientThread("deinit")
    try:
        await thread.run(deinit)
    finally:
        thread.close(_nothing)


def _nothing() -> None:
    """End the thread."""
