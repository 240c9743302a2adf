"""
Messages of a correlation: what ``$(sum …)``, ``$(grep …)`` and ``${NAME}@1`` look at.

While ``grouping-by()`` and ``db-parser()`` render the templates of a correlation, its
messages stand in ``MacroContext.correlated``; otherwise a message is alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from logferry.codegen.fields import MessageFields

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["earlier", "emit_members"]


def emit_members(code: str, fields: Fields, context: MacroContext) -> str:
    """Return an iterable: the values of ``code`` over all messages of the context."""
    if not isinstance(fields, MessageFields):
        return f"({code},)"
    correlated = context.correlated

    def members(message: Message) -> Sequence[Message]:
        return correlated or (message,)

    return f"({code} for m in {fields.constants.bind(members, 'members')}(m))"


def earlier(
    function: Callable[[Message], bytes], back: int, context: MacroContext
) -> Callable[[Message], bytes]:
    """Return a function that looks ``back`` messages before the last."""
    correlated = context.correlated

    def read(message: Message) -> bytes:
        if back >= len(correlated):
            return function(message) if not back else b""
        return function(correlated[-1 - back])

    return read
