"""
The functions of ``filterx`` blocks in a program, and what becomes of failures.

An expression that fails ends its block, never the program. Failures are counted for
each block, and told to whoever listens (``MacroContext.note_failure``) with the place
of the statement, which is in a comment of the generated code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.codegen.filterx.block import block_function
from logferry.telemetry.counters import Counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.emit import Constants
    from logferry.codegen.macros import MacroContext
    from logferry.config.filterx.options import FilterxOptions
    from logferry.config.nodes import Span, Spec

__all__ = ["Place", "function_of"]

_place = re.compile(r"\s*# (\d+):(\d+)$")


def function_of(spec: Spec, constants: Constants, context: MacroContext) -> str:
    """
    Return the name of the function of a block, which is written at its first use.

    Raises ``FilterxError``.
    """
    options: FilterxOptions = spec.options  # type: ignore[assignment]
    block = options.block
    key = id(block)
    name = constants.function_names.get(key)
    if name is not None:
        return name
    name = f"filterx_{len(constants.functions) + 1}"
    constants.function_names[key] = name
    source = block_function(name, block, constants, context, options.declared)
    constants.functions[name] = source
    span = block.span
    counter = context.metrics.counter(
        "filterx_failures_total", {"place": f"{span.file}:{span.line}"}, level=1
    )
    constants.values[f"{name}_failed"] = _noter(counter, span, context.note_failure)
    return name


class Place:
    """Where a statement failed; found out when somebody wants to read it."""

    def __init__(self, failure: Exception, span: Span) -> None:
        trace = failure.__traceback__
        self._span = span
        self._file = trace.tb_frame.f_code.co_filename if trace else ""
        self._line = trace.tb_lineno if trace else 0

    def __str__(self) -> str:
        """Return the place: the last comment before the line that failed."""
        import linecache

        for number in range(self._line, 0, -1):
            match = _place.match(linecache.getline(self._file, number))
            if match is not None:
                return f"{self._span.file}:{match[1]}:{match[2]}"
        return str(self._span)


def _noter(
    counter: Counter, span: Span, note: Callable[[object, str], None] | None
) -> Callable[[Exception], None]:
    """Return what is called with every ``Failure`` of a block."""

    def failed(failure: Exception) -> None:
        counter.value += 1
        if note is not None:
            note(Place(failure, span), str(failure))

    return failed
