"""
``db-parser()`` with contexts and actions.

A rule with ``context-id`` puts its messages into a context; its values and the
conditions and messages of its actions see all of them. Actions follow a match, or the
end of a context: then those of the last rule that put a message into it. Source: the
reference's pattern database.

``create-context`` begins a context with a message of its own. It ends after its own
``context-timeout``, as the documentation says; the reference takes that of the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.codegen.correlation.contexts import Context, Key, key_of
from logferry.codegen.correlation.correlator import Correlator
from logferry.codegen.correlation.synthesis import look
from logferry.codegen.parsers.db import Database, program_function
from logferry.codegen.values import set_value
from logferry.limits import CORRELATION_RATES_MAX
from logferry.message.copying import copy_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logferry.codegen.macros import MacroContext
    from logferry.codegen.parsers.db import DbOptions
    from logferry.codegen.parsers.patterndb import Action, Rule
    from logferry.message.model import Message, UnixNanos

__all__ = ["DbParser"]


class _Credit:
    """What is left of a rate; refilled with time, never beyond the whole."""

    def __init__(self, count: int, now_s: int) -> None:
        self._left = self._count = count
        self._at_s = now_s

    def take(self, period_s: int, now_s: int) -> bool:
        """Tell whether there is one left, and take it."""
        # In steps of 1/256 s, as the reference counts.
        step = max(1, (period_s << 8) // self._count)
        fresh = ((now_s - self._at_s) << 8) // step
        if fresh > 0:
            self._left = min(self._left + fresh, self._count)
            self._at_s = now_s
        if not self._left:
            return False
        self._left -= 1
        return True


class DbParser(Correlator):
    """One ``db-parser()``. Raises ``PatternError``."""

    def __init__(
        self,
        name: str,
        options: DbOptions,
        context: MacroContext,
        post: Callable[[Message], None],
    ) -> None:
        super().__init__(name, options.inject_mode, post)
        self._context = context
        self._database = Database(options.file, context, options.prefix)
        self._program_of = program_function(options, context)
        self._drops = options.drop_unmatched
        self._credits: dict[tuple[bytes, int, Key], _Credit] = {}

    def take(self, message: Message, text: bytes, now: UnixNanos) -> Iterable[Message]:
        """Classify the message; return what goes on."""
        rule = self._database.lookup(message, self._program_of(message), text)
        ended = self.contexts.advance(message.stamp.unix_ns, now)
        made = self._finish(ended, now) if ended else []
        if rule is None:
            return made if self._drops or self.holds else (*made, message)
        context = self._join(rule, message) if rule.context is not None else None
        if context is None:
            rule.synthesis.apply(message, (message,), b"")
        else:
            rule.synthesis.apply(message, context.messages, context.id)
        if rule.actions:
            made += self._inject(
                self._run(rule, context, message, now, on_timeout=False)
            )
        if context is not None:
            if not self.holds:  # what goes on may change
                context.messages[-1] = copy_message(message)
            made += self._finish(self.contexts.make_room(), now)
        return made if self.holds else (*made, message)

    def inherit(self, old: Correlator) -> None:
        """Go on with the contexts and rates of ``old``."""
        super().inherit(old)
        assert isinstance(old, DbParser)
        self._credits = old._credits
        # Rules look at what they were compiled with: from here on it is ours.
        rules = self._database.file.rules
        for context in self.contexts.all():
            if context.memo is not None:
                context.memo = rules.get(context.memo.id)

    def memo_row(self, memo: Any) -> Any:
        """Return the id of the rule."""
        return None if memo is None else memo.id.decode("latin-1")

    def memo_of(self, row: Any) -> Rule | None:
        """Return the rule, if the database still has it."""
        if row is None:
            return None
        return self._database.file.rules.get(row.encode("latin-1"))

    def _join(self, rule: Rule, message: Message) -> Context:
        """Put ``message`` into its context."""
        assert rule.context is not None
        text = rule.context.id_of(message)
        set_value(message, ".classifier.context_id", text)
        key = key_of(message, text, rule.context.scope)
        context = self.contexts.find(key)
        if context is None:
            context = self.contexts.open(key, rule.context.timeout_s)
        else:
            self.contexts.renew(context, rule.context.timeout_s)
        self.contexts.add(context, message)
        context.memo = rule
        self._note(context)
        return context

    def _made_of(self, context: Context, now: UnixNanos) -> Iterable[Message]:
        if context.memo is None or not context.messages:
            return ()
        return self._run(
            context.memo, context, context.messages[-1], now, on_timeout=True
        )

    def _run(
        self,
        rule: Rule,
        context: Context | None,
        message: Message,
        now: UnixNanos,
        *,
        on_timeout: bool,
    ) -> list[Message]:
        """Carry out the actions of a rule; return the messages they give out."""
        made = []
        for action in rule.actions:
            if action.on_timeout == on_timeout and self._may(
                action, rule, context, message
            ):
                synthesis = action.synthesis
                if context is None:
                    one = synthesis.of_message(message, now)
                else:
                    one = synthesis.of_context(context, now)
                if action.creates is None:
                    made.append(one)
                else:
                    self._create(action, rule, context, message, one)
        return made

    def _may(
        self, action: Action, rule: Rule, context: Context | None, message: Message
    ) -> bool:
        """Tell whether condition and rate let the action happen."""
        if action.condition is not None:
            messages = (message,) if context is None else context.messages
            id_ = b"" if context is None else context.id
            if not look(action.condition, messages, id_, self._context):
                return False
        if action.rate is None:
            return True
        scope = "process" if rule.context is None else rule.context.scope
        key = rule.id, action.number, key_of(message, b"", scope)
        now_s = self.contexts.time_s
        credit = self._credits.get(key)
        if credit is None:
            if len(self._credits) >= CORRELATION_RATES_MAX:
                del self._credits[next(iter(self._credits))]
            credit = self._credits[key] = _Credit(action.rate.count, now_s)
        return credit.take(action.rate.period_s, now_s)

    def _create(
        self,
        action: Action,
        rule: Rule,
        context: Context | None,
        message: Message,
        first: Message,
    ) -> None:
        """Begin the context that an action creates."""
        assert action.creates is not None
        messages = (message,) if context is None else context.messages
        id_ = b"" if context is None else context.id
        text = look(action.creates.id_of, messages, id_, self._context)
        key = key_of(first, text, action.creates.scope)
        created = self.contexts.open(key, action.creates.timeout_s)
        self.contexts.add(created, first)
        created.memo = rule
        self._note(created)
