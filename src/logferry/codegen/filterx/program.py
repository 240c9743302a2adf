"""
The functions of ``filterx`` blocks in a program, and what becomes of failures.

An expression that fails ends its block, never the program. Failures are counted for
each block, and told to whoever listens (``MacroContext.note_failure``) with the place
of the statement, which is in a comment of the generated code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from logferry.codegen.filterx.block import block_function
from logferry.telemetry.counters import Counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.emit import Constants
    from logferry.codegen.macros import MacroContext
    from logferry.config.filterx.options import FilterxOptions
    from logferry.config.nodes import Span, Spec

__all__ = ["function_of"]

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


def _noter(
    counter: Counter, span: Span, note: Callable[[str, str], None] | None
) -> Callable[[Any], None]:
    """Return what is called with every ``Failure`` of a block."""

    def failed(failure: Exception) -> None:
        counter.value += 1
        if note is not None:
            note(_place_of(failure, span), str(failure))

    return failed


def _place_of(failure: Exception, span: Span) -> str:
    """Return the place of the statement that failed: the last comment before it."""
    import linecache

    trace = failure.__traceback__
    if trace is not None:
        name = trace.tb_frame.f_code.co_filename
        for number in range(trace.tb_lineno, 0, -1):
            match = _place.match(linecache.getline(name, number))
            if match is not None:
                return f"{span.file}:{match[1]}:{match[2]}"
    return f"{span.file}:{span.line}:{span.column}"
