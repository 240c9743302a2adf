"""
What ``grouping-by()`` and ``group-lines()`` mean, slowly and obviously.

All contexts stand in one list, and every question looks at all of them. Filters and
templates are asked of the reference interpreter that owns the place.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from logferry.codegen.templates import pair_function, template_function
from logferry.codegen.values import set_value
from logferry.message.model import Message, Origin, Stamp, UnixNanos

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Spec

__all__ = ["NaivePlace"]

_ATTRIBUTES = ("host", "program", "pid", "msgid", "message")
_DEPTH = {"global": 0, "host": 1, "program": 2, "process": 3}


@dataclass
class _Group:
    key: tuple[bytes, ...]
    messages: list[Message]
    ends_after_s: int
    turn: int


@dataclass
class NaivePlace:
    """One place of the log paths where messages wait."""

    spec: Spec
    macros: MacroContext
    holds: Callable[[Any, Message], bool]
    groups: list[_Group] = field(default_factory=list)
    time_s: int = 0
    seen_ns: int = 0
    turns: int = 0

    @property
    def keeps(self) -> bool:
        """Whether messages end here."""
        options: Any = self.spec.options
        return self.spec.kind == "group-lines" or (
            options.inject_mode == "aggregate-only"
        )

    def take(self, message: Message, now: UnixNanos) -> list[Message]:
        """Return what goes on when ``message`` comes."""
        options: Any = self.spec.options
        passing = [] if self.keeps else [message]
        where = getattr(options, "where", None)
        if where is not None and not self.holds(where, message):
            return passing
        self.seen_ns = now
        self.time_s = max(self.time_s, min(message.stamp.unix_ns, now) // 1_000_000_000)
        made = self._end_old()
        text = template_function(options.key, self.macros)(message)
        parts = (text, message.host, message.program, message.pid)
        key = parts[: 1 + _DEPTH[options.scope]]
        group = next((item for item in self.groups if item.key == key), None)
        if self.spec.kind == "group-lines" and group is not None:
            # The only mode that is tried here: a line that is not indented begins.
            begins = message.message[:1] not in {b"", b" ", b"\t"}
            if begins:
                made += self._end(group)
                group = None
        if group is None:
            group = _Group(key, [], 0, 0)
            self.groups.append(group)
        group.messages.append(copy.deepcopy(message))
        self.turns += 1
        group.ends_after_s, group.turn = self.time_s + options.timeout, self.turns
        trigger = getattr(options, "trigger", None)
        if trigger is not None and self._with(group.messages, group, trigger):
            made += self._end(group)
        return made + passing

    def tick(self, now: UnixNanos) -> list[Message]:
        """Return what goes on because it is ``now``."""
        passed_s = (now - self.seen_ns) // 1_000_000_000
        if passed_s >= 1 and self.seen_ns:
            self.time_s += passed_s
            self.seen_ns += passed_s * 1_000_000_000
        return self._end_old()

    def _end_old(self) -> list[Message]:
        old = [group for group in self.groups if group.ends_after_s < self.time_s]
        old.sort(key=lambda group: (group.ends_after_s, group.turn))
        return [message for group in old for message in self._end(group)]

    def _with(self, messages: list[Message], group: _Group, test: Any) -> bool:
        self.macros.correlated[:] = messages
        self.macros.context_id[0] = group.key[0]
        try:
            return self.holds(test, messages[-1])
        finally:
            self.macros.correlated.clear()
            self.macros.context_id[0] = b""

    def _end(self, group: _Group) -> list[Message]:
        self.groups.remove(group)
        options: Any = self.spec.options
        last = group.messages[-1]
        if self.spec.kind == "group-lines":
            made = copy.deepcopy(last)
            lines = [message.message for message in group.messages]
            while len(lines) > 1 and not lines[0]:
                del lines[0]
            made.message = options.line_separator.encode().join(lines)
            return [self._made_here(made)]
        having = options.having
        if having is None or self._with(group.messages, group, having):
            return [self._made_here(self._aggregate(group, last))]
        return []

    def _made_here(self, message: Message) -> Message:
        message.origin = replace(message.origin, made_by=self.spec.id)
        return message

    def _aggregate(self, group: _Group, last: Message) -> Message:
        options: Any = self.spec.options
        mode = options.aggregate.inherit_mode
        if mode == "none":
            made = Message(Origin(local=True), last.stamp, Stamp(UnixNanos(0), 0))
        else:
            made = copy.deepcopy(last)
        if mode == "context":
            for message in reversed(group.messages):
                for name in _ATTRIBUTES:
                    if not getattr(made, name):
                        setattr(made, name, getattr(message, name))
                for name, value in message.values.items():
                    if name not in made.values:
                        set_value(made, name, value, message.types.get(name, ""))
        for name, value in zip(_ATTRIBUTES, group.key[1:], strict=False):
            if getattr(made, name) != value:
                set_value(made, name.upper(), value)
        for tag in options.aggregate.tags:
            if tag.encode() not in made.tags:
                made.tags.append(tag.encode())
        for name, template in options.aggregate.value:
            self.macros.correlated[:] = [*group.messages, made]
            self.macros.context_id[0] = group.key[0]
            pair = pair_function(template.text, template.hint, self.macros)(made)
            self.macros.correlated.clear()
            self.macros.context_id[0] = b""
            set_value(made, options.prefix + name, *pair)
        return made
