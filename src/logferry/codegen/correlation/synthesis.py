"""
Messages that are made of others: ``aggregate()`` and the messages of actions.

A new message takes over what ``inherit-mode()`` says: nothing but a time stamp
(``none``), the last message (``last-message``), or the last message and every value
of the earlier ones that it does not have (``context``). Then it stands behind the
messages it is made of while its values are printed: ``${NAME}@0`` is the new message,
``${NAME}@1`` the last one before it.

Source: the reference's synthetic messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from logferry.codegen.correlation.contexts import put_key
from logferry.codegen.emit import Constants, compile_source
from logferry.codegen.fields import MessageFields
from logferry.codegen.filters import emit_filter
from logferry.codegen.values import SETTABLE, set_value
from logferry.message.copying import copy_message
from logferry.message.model import Message, Origin, Stamp

if TYPE_CHECKING:
    from logferry.codegen.correlation.contexts import Context
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import FilterExpression
    from logferry.message.model import UnixNanos

__all__ = ["INHERIT_MODES", "Synthesis", "condition_function", "look"]

_R = TypeVar("_R")

INHERIT_MODES: Final = ("none", "last-message", "context")

_Value = tuple[str, Callable[[Message], tuple[bytes, str]]]
_ATTRIBUTES = sorted(set(SETTABLE.values()) - {"raw", "header"})


def look(
    function: Callable[[Message], _R],
    messages: Sequence[Message],
    id_: bytes,
    context: MacroContext,
) -> _R:
    """Ask ``function`` of the last of ``messages``, which are its correlation."""
    correlated, context_id = context.correlated, context.context_id
    correlated[:] = messages
    context_id[0] = id_
    try:
        return function(messages[-1])
    finally:
        correlated.clear()
        context_id[0] = b""


def condition_function(
    expression: FilterExpression, context: MacroContext
) -> Callable[[Message], bool]:
    """Return a filter as a function. Raises ``PatternError`` and ``TemplateError``."""
    constants = Constants()
    code = emit_filter(expression, MessageFields(constants), context)
    source = f"def test(m):\n    return {code}\n"
    name = f"<condition at {expression.span}>"
    exec(compile_source(source, name), constants.values)  # noqa: S102 - our own source
    test: Any = constants.values["test"]
    return lambda message: bool(test(message))


class Synthesis:
    """
    How one kind of message is made.

    Args:
        inherit_mode: one of ``INHERIT_MODES``.
        tags: tags it gets.
        values: names, and what prints their value and type.
        context: what the templates were compiled with.

    """

    def __init__(
        self,
        inherit_mode: str,
        tags: Sequence[bytes],
        values: Sequence[_Value],
        context: MacroContext,
    ) -> None:
        self._inherit_mode = inherit_mode
        self._tags = tuple(tags)
        self._values = tuple(values)
        self._context = context

    def of_context(self, context: Context, now: UnixNanos) -> Message:
        """Return the message that ``context``, which has messages, makes."""
        made = self._begin(context.messages, now)
        put_key(made, context.key)
        self.apply(made, [*context.messages, made], context.id)
        return made

    def of_message(self, message: Message, now: UnixNanos) -> Message:
        """Return the message that one message makes, without a context."""
        made = self._begin((message,), now)
        self.apply(made, [message, made], b"")
        return made

    def apply(
        self, message: Message, correlated: Sequence[Message], id_: bytes
    ) -> None:
        """Give ``message`` the tags and values; templates see ``correlated``."""
        for tag in self._tags:
            if tag not in message.tags:
                message.tags.append(tag)
        for name, pair_of in self._values:
            value, kind = look(pair_of, correlated, id_, self._context)
            set_value(message, name, value, kind)

    def _begin(self, messages: Sequence[Message], now: UnixNanos) -> Message:
        last = messages[-1]
        if self._inherit_mode == "none":
            made = Message(
                Origin(local=True), last.stamp, Stamp(now, last.received.offset_s)
            )
            made.utf8 = True
            return made
        made = copy_message(last)
        if self._inherit_mode == "context":
            for earlier in reversed(messages[:-1]):
                _merge(made, earlier)
        return made


def _merge(made: Message, earlier: Message) -> None:
    """Take over what ``made`` does not have."""
    for attribute in _ATTRIBUTES:
        if not getattr(made, attribute):
            setattr(made, attribute, getattr(earlier, attribute))
    for name, value in earlier.values.items():
        if name not in made.values:
            made.values[name] = value
            kind = earlier.types.get(name)
            if kind is not None:
                made.types[name] = kind
    made.utf8 = made.utf8 and earlier.utf8
