"""Running one ``filterx`` block on one message."""

from __future__ import annotations

from typing import Any

from logferry.codegen.emit import Constants, compile_source
from logferry.codegen.filterx.block import block_function
from logferry.codegen.macros import MacroContext
from logferry.config.diagnostics import Diagnostics
from logferry.config.filterx.parse import parse_filterx
from logferry.config.nodes import Span
from logferry.message.model import Message, Origin, Stamp, UnixNanos

__all__ = ["Run", "new_message", "run_filterx"]


def new_message(text: bytes = b"it works") -> Message:
    """Return a message with the usual fields."""
    stamp = Stamp(UnixNanos(1_700_000_000_000_000_000), 3600)
    message = Message(Origin(), stamp, stamp)
    message.pri = 134
    message.host = b"web1"
    message.program = b"nginx"
    message.message = text
    return message


class Run:
    """What a block did."""

    def __init__(self, verdict: Any, message: Message, failures: list[str]) -> None:
        self.verdict = verdict
        self.message = message
        self.failures = failures


def compiled(
    text: str, context: MacroContext | None = None, failures: list[str] | None = None
) -> tuple[Any, str]:
    """Return the function of a block and its source. Raises ``FilterxError``."""
    diagnostics = Diagnostics()
    block = parse_filterx("{" + text + "\n}", Span("t.conf", 1, 1, 1, 1), diagnostics)
    diagnostics.raise_errors()
    constants = Constants()
    noted: list[str] = [] if failures is None else failures
    source = block_function(
        "filterx", block, constants, context or MacroContext(), block.declared
    )
    constants.values["filterx_failed"] = lambda failure: noted.append(str(failure))
    exec(compile_source(source, "<filterx>"), constants.values)
    return constants.values["filterx"], source


def run_filterx(
    text: str, message: Message | None = None, context: MacroContext | None = None
) -> Run:
    """Run the block ``text`` on ``message``."""
    failures: list[str] = []
    function, _ = compiled(text, context, failures)
    message = message or new_message()
    return Run(function(message), message, failures)
