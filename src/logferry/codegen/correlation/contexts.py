"""
Contexts: messages that were put together because they have a key in common.

Time follows the messages: a message's own time moves the clock of its table forward,
never beyond the wall clock, so that a file of last year is correlated as if it came
live. While no message comes, the wall clock moves it on by what has passed. A context
ends when its time lies behind: a timeout of 5 ends it in the sixth second after the
last message. Source: the reference's correlation state.

Limits: a table holds ``CORRELATION_CONTEXTS_MAX`` contexts with
``CORRELATION_MESSAGES_MAX`` messages and ``CORRELATION_BYTES_MAX`` of their text. What
would be more ends the context that would end next before its time, as if it had timed
out: nothing is lost, and it is counted.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from logferry.limits import (
    CORRELATION_BYTES_MAX,
    CORRELATION_CONTEXTS_MAX,
    CORRELATION_MESSAGES_MAX,
)
from logferry.message.batch import Receipt

if TYPE_CHECKING:
    from logferry.message.model import Message, UnixNanos

__all__ = ["SCOPES", "Context", "Contexts", "Key", "key_of", "put_key"]

_NS: Final = 1_000_000_000

SCOPES: Final = ("global", "host", "program", "process")
"""What a key holds besides its text; each has what the one before it has."""

Key: TypeAlias = tuple[bytes, ...]
"""The text of the key, and as far as the scope goes host, program and pid."""


def key_of(message: Message, text: bytes, scope: str) -> Key:
    """Return the key of a message."""
    match scope:
        case "global":
            return (text,)
        case "host":
            return (text, message.host)
        case "program":
            return (text, message.host, message.program)
        case _:
            return (text, message.host, message.program, message.pid)


def put_key(message: Message, key: Key) -> None:
    """Give ``message`` the host, program and pid that its context is about."""
    for attribute, value in zip(("host", "program", "pid"), key[1:], strict=False):
        if getattr(message, attribute) != value:
            setattr(message, attribute, value)
            if attribute != "host":
                message.header = b""


@dataclass(slots=True, eq=False)
class Context:
    """
    Messages with one key.

    Attributes:
        deadline_s: the second behind which it ends.
        order: contexts of the same second end in this order.
        size: bytes of text in it.
        receipts: what waits until the context's messages were delivered.
        memo: what else belongs to it: a rule, lines that were joined.

    """

    key: Key
    messages: list[Message] = field(default_factory=list)
    deadline_s: int = 0
    order: int = 0
    size: int = 0
    receipts: list[Receipt] = field(default_factory=list)
    memo: Any = None
    is_open: bool = True

    @property
    def id(self) -> bytes:
        """What ``$CONTEXT_ID`` prints."""
        return self.key[0]


class Contexts:
    """
    A table of contexts and its clock.

    Attributes:
        time_s: what time it is by the messages; 0 before the first one.
        ticked_ns: the wall clock at the last message or tick.
        message_count: messages in all contexts.
        size: bytes of text in all contexts.
        early_count: contexts that ended before their time for want of room.

    """

    def __init__(
        self,
        contexts_max: int = CORRELATION_CONTEXTS_MAX,
        messages_max: int = CORRELATION_MESSAGES_MAX,
        size_max: int = CORRELATION_BYTES_MAX,
    ) -> None:
        self.time_s = 0
        self.ticked_ns = 0
        self.message_count = 0
        self.size = 0
        self.early_count = 0
        self._contexts_max = contexts_max
        self._messages_max = messages_max
        self._size_max = size_max
        self._by_key: dict[Key, Context] = {}
        # Each context has one entry; one that was renewed is put back when found.
        self._queue: list[tuple[int, int, int, Context]] = []
        self._order = 0
        self._number = 0

    def __len__(self) -> int:
        """Return how many contexts there are."""
        return len(self._by_key)

    def all(self) -> list[Context]:
        """Return all contexts, the one that ends first first."""
        return sorted(
            self._by_key.values(), key=lambda item: (item.deadline_s, item.order)
        )

    def find(self, key: Key) -> Context | None:
        """Return the context with ``key``, if there is one."""
        return self._by_key.get(key)

    def open(self, key: Key, timeout_s: int) -> Context:
        """Return a new context; it takes the place of one with the same key."""
        old = self._by_key.get(key)
        if old is not None:
            self.close(old)
        context = Context(key)
        self._by_key[key] = context
        self.renew(context, timeout_s)
        self._number += 1
        heapq.heappush(
            self._queue, (context.deadline_s, context.order, self._number, context)
        )
        return context

    def renew(self, context: Context, timeout_s: int) -> None:
        """Let the timeout begin anew."""
        self._order += 1
        deadline_s = self.time_s + timeout_s
        if deadline_s < context.deadline_s:
            self._number += 1
            heapq.heappush(
                self._queue, (deadline_s, self._order, self._number, context)
            )
        context.deadline_s = deadline_s
        context.order = self._order

    def add(self, context: Context, message: Message) -> None:
        """Put ``message`` into ``context``."""
        context.messages.append(message)
        self.message_count += 1
        self.grow(context, len(message.message))

    def grow(self, context: Context, size: int) -> None:
        """Note that ``context`` holds so many bytes more."""
        context.size += size
        self.size += size

    def close(self, context: Context) -> None:
        """Forget ``context``; whoever ends it looks at its messages."""
        if context.is_open:
            context.is_open = False
            del self._by_key[context.key]
            self.message_count -= len(context.messages)
            self.size -= context.size

    def advance(self, message_ns: int, now: UnixNanos) -> list[Context]:
        """Move the clock to a message's time; return the contexts that ended."""
        self.ticked_ns = now
        self.time_s = max(self.time_s, min(message_ns, now) // _NS)
        queue = self._queue
        if queue and queue[0][0] < self.time_s:
            return self._ended()
        return []

    def tick(self, now: UnixNanos) -> list[Context]:
        """Move the clock on by the time that passed; return what ended."""
        passed_ns = now - self.ticked_ns
        if passed_ns < 0:  # the wall clock was put back
            self.ticked_ns = now
        elif passed_ns >= _NS and self.ticked_ns:
            self.time_s += passed_ns // _NS
            self.ticked_ns = now - passed_ns % _NS
        return self._ended()

    def _ended(self) -> list[Context]:
        ended = []
        while self._queue and self._queue[0][0] < self.time_s:
            context = self._pop(self.time_s)
            if context is not None:
                ended.append(context)
        return ended

    def _pop(self, before_s: int) -> Context | None:
        """Take the first entry; return its context if that has ended."""
        deadline_s, order, number, context = heapq.heappop(self._queue)
        if not context.is_open:
            return None
        if (deadline_s, order) != (context.deadline_s, context.order):
            if (deadline_s, order) < (context.deadline_s, context.order):
                entry = (context.deadline_s, context.order, number, context)
                heapq.heappush(self._queue, entry)
            return None
        assert deadline_s < before_s
        self.close(context)
        return context

    def make_room(self) -> list[Context]:
        """Return contexts that must end now, because there are too many."""
        ended: list[Context] = []
        while self._by_key and (
            len(self._by_key) > self._contexts_max
            or self.message_count > self._messages_max
            or self.size > self._size_max
        ):
            context = self._pop(self._queue[0][0] + 1)
            if context is not None:
                ended.append(context)
        self.early_count += len(ended)
        return ended

    def restore(self, context: Context) -> None:
        """Put back a context that was kept elsewhere, with its deadline and order."""
        old = self._by_key.get(context.key)
        if old is not None:
            self.close(old)
        context.is_open = True
        self._by_key[context.key] = context
        self._order = max(self._order, context.order)
        self.message_count += len(context.messages)
        self.size += context.size
        self._number += 1
        heapq.heappush(
            self._queue, (context.deadline_s, context.order, self._number, context)
        )
