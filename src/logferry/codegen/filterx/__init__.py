"""
What ``filterx { … }`` does: values, operators, functions, and code from trees.

``emit_filterx`` gives the call of a block's function in a program, ``check_filterx``
reports what is wrong in a block while the configuration is read. Both come late:
programs without ``filterx`` do not wait for this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.filterx.nodes import Control, parts_of

if TYPE_CHECKING:
    from logferry.codegen.emit import Constants
    from logferry.codegen.macros import MacroContext
    from logferry.config.diagnostics import Diagnostics
    from logferry.config.filterx.options import FilterxOptions
    from logferry.config.nodes import Spec

__all__ = ["check_filterx", "drops", "emit_filterx"]


def check_filterx(options: FilterxOptions, diagnostics: Diagnostics) -> None:
    """Report everything that is wrong in a block."""
    from logferry.codegen.emit import Constants
    from logferry.codegen.filterx.block import block_function
    from logferry.codegen.filterx.calls import FilterxError
    from logferry.codegen.macros import MacroContext

    def report(error: FilterxError) -> None:
        diagnostics.error(str(error), error.span, error.hint)

    try:
        block_function(
            "filterx",
            options.block,
            Constants(),
            MacroContext(),
            options.declared,
            report,
        )
    except RecursionError:
        diagnostics.error("filterx nests too deep", options.block.span)


def emit_filterx(spec: Spec, constants: Constants, context: MacroContext) -> str:
    """Return the call of the function that a block is; writes the function once."""
    from logferry.codegen.filterx.program import function_of

    return f"{function_of(spec, constants, context)}(m)"


def drops(spec: Spec) -> bool:
    """Tell whether a block may drop a message, which is no failure to match."""
    options: FilterxOptions = spec.options  # type: ignore[assignment]
    waiting = list(options.block.statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Control) and node.word == "drop":
            return True
        waiting += parts_of(node)  # type: ignore[arg-type]
    return False
