"""
``grouping-by()``: messages with the same key become one.

A context begins with the first message that passes ``where()`` and has a new key, and
ends with a message that makes ``trigger()`` true, or after ``timeout()`` without a
message. If ``having()`` is true then, ``aggregate()`` makes one message of it. The
filters see the context: ``$(context-length)``, ``${NAME}@1``. Source: the reference's
``grouping-by()``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from logferry.codegen.correlation.contexts import Context, key_of
from logferry.codegen.correlation.correlator import Correlator
from logferry.codegen.correlation.options import GroupingByOptions
from logferry.codegen.correlation.synthesis import (
    Synthesis,
    condition_function,
    look,
)
from logferry.codegen.templates import pair_function, template_function
from logferry.message.copying import copy_message

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import FilterExpression
    from logferry.message.model import Message, UnixNanos

__all__ = ["GroupingBy"]

_Test = Callable[["Message"], bool]


class GroupingBy(Correlator):
    """One ``grouping-by()``. Raises ``TemplateError`` and ``PatternError``."""

    def __init__(
        self,
        name: str,
        options: GroupingByOptions,
        context: MacroContext,
        post: Callable[[Message], None],
    ) -> None:
        super().__init__(name, options.inject_mode, post)
        assert options.key is not None
        assert options.aggregate is not None
        self._context = context
        self._key_of = template_function(options.key, context)
        self._scope = options.scope
        self._timeout_s = options.timeout
        self._where = _test(options.where, context)
        self._trigger = _test(options.trigger, context)
        self._having = _test(options.having, context)
        self._sort_key = (
            template_function(options.sort_key, context)
            if options.sort_key is not None
            else None
        )
        aggregate = options.aggregate
        self._synthesis = Synthesis(
            aggregate.inherit_mode,
            [tag.encode() for tag in aggregate.tags],
            [
                (
                    options.prefix + name,
                    pair_function(template.text, template.hint, context),
                )
                for name, template in aggregate.value
            ],
            context,
        )

    def take(self, message: Message, text: bytes, now: UnixNanos) -> Iterable[Message]:
        """Put the message into its context; return what goes on."""
        del text
        passing = () if self.holds else (message,)
        if self._where is not None and not self._where(message):
            return passing
        contexts = self.contexts
        ended = contexts.advance(message.stamp.unix_ns, now)
        made = self._finish(ended, now) if ended else []
        key = key_of(message, self._key_of(message), self._scope)
        context = contexts.find(key)
        if context is None:
            context = contexts.open(key, self._timeout_s)
        else:
            contexts.renew(context, self._timeout_s)
        contexts.add(context, message if self.holds else copy_message(message))
        if self._trigger is not None and self._is(self._trigger, context):
            contexts.close(context)
            made += self._finish((context,), now)
        else:
            self._note(context)
            made += self._finish(contexts.make_room(), now)
        return (*made, *passing) if made else passing

    def _is(self, test: _Test, context: Context) -> bool:
        return look(test, context.messages, context.id, self._context)

    def _made_of(self, context: Context, now: UnixNanos) -> Iterable[Message]:
        if self._sort_key is not None:
            context.messages.sort(key=self._sort_key)
        if self._having is not None and not self._is(self._having, context):
            return ()
        return (self._synthesis.of_context(context, now),)


def _test(expression: FilterExpression | None, context: MacroContext) -> _Test | None:
    return None if expression is None else condition_function(expression, context)
