"""
``group-lines()``: messages with the same key are the lines of one message.

Each message is a line; ``multi-line-mode()`` says where a message of several lines
begins and ends, as it does for files, and so does ``timeout()``. The message that goes
on is the last of its lines, with the text of all. Source: the reference's
``group-lines()``.

Limits: a message of more than ``GROUPED_BYTES_MAX`` bytes ends where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from logferry.codegen.correlation.contexts import Context, Key, key_of
from logferry.codegen.correlation.correlator import Correlator
from logferry.codegen.multi_line import make_rule
from logferry.codegen.templates import template_function
from logferry.limits import GROUPED_BYTES_MAX
from logferry.syslog.multi_line import BREAK, LineRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logferry.codegen.correlation.options import GroupLinesOptions
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message, UnixNanos

__all__ = ["GroupLines", "Lines"]


@dataclass(slots=True)
class Lines:
    """The lines of a context, and the rule that judged them."""

    rule: LineRule
    lines: list[bytes] = field(default_factory=list)


class GroupLines(Correlator):
    """One ``group-lines()``. Raises ``TemplateError`` and ``PatternError``."""

    def __init__(
        self,
        name: str,
        options: GroupLinesOptions,
        context: MacroContext,
        post: Callable[[Message], None],
    ) -> None:
        super().__init__(name, "aggregate-only", post)
        assert options.key is not None
        self._options = options
        self._key_of = template_function(options.key, context)
        self._scope = options.scope
        self._timeout_s = options.timeout
        self._separator = options.line_separator.encode()

    def take(self, message: Message, text: bytes, now: UnixNanos) -> Iterable[Message]:
        """Take one line; return the messages that are complete."""
        ended = self.contexts.advance(message.stamp.unix_ns, now)
        made = self._finish(ended, now) if ended else []
        key = key_of(message, self._key_of(message), self._scope)
        context = self.contexts.find(key)
        if context is not None:
            verdict = context.memo.rule.following(text)
            if verdict == BREAK:
                made += self._close(context, now)
                context = None
        if context is None:
            context = self._open(key)
            verdict = context.memo.rule.first(text)
        self._add(context, message, text if verdict is None else text[:verdict])
        if verdict is not None or context.size > GROUPED_BYTES_MAX:
            made += self._close(context, now)
        else:
            made += self._finish(self.contexts.make_room(), now)
        return made

    def memo_row(self, memo: Any) -> Any:
        """Return the lines; the rule is found again by judging them."""
        return [line.decode("latin-1") for line in memo.lines]

    def memo_of(self, row: Any) -> Lines:
        """Return the lines and a rule that has judged them."""
        lines = [line.encode("latin-1") for line in row]
        rule = make_rule(self._options)
        for number, line in enumerate(lines):
            if number:
                rule.following(line)
            else:
                rule.first(line)
        return Lines(rule, lines)

    def _open(self, key: Key) -> Context:
        context = self.contexts.open(key, self._timeout_s)
        context.memo = Lines(make_rule(self._options))
        return context

    def _add(self, context: Context, message: Message, line: bytes) -> None:
        contexts = self.contexts
        contexts.renew(context, self._timeout_s)
        if context.messages:
            context.messages[0] = message  # only the last one is looked at
            contexts.grow(context, len(line))
        else:
            contexts.add(context, message)
        context.memo.lines.append(line)
        self._note(context)

    def _close(self, context: Context, now: UnixNanos) -> list[Message]:
        self.contexts.close(context)
        return self._finish((context,), now)

    def _made_of(self, context: Context, now: UnixNanos) -> Iterable[Message]:
        del now
        message = context.messages[0]
        message.message = self._joined(context.memo.lines)
        return (message,)

    def _joined(self, lines: list[bytes]) -> bytes:
        """Join lines; the separator stands behind text only, as in the reference."""
        while len(lines) > 1 and not lines[0]:
            lines = lines[1:]
        return self._separator.join(lines)
