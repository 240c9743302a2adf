"""
The ``example-msg-generator()`` source: messages out of nothing, for trying things out.

One message every ``freq()`` seconds, at once and then on time: what a busy moment
delayed is made up for, so that the rate holds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from logferry.codegen.macros import MacroContext
from logferry.codegen.template_text import TemplateError
from logferry.codegen.templates import pair_function, template_function
from logferry.codegen.values import set_value
from logferry.config.kinds import Integer, Pairs, Seconds, Template
from logferry.config.schema import Option
from logferry.message.model import Message, Origin, Stamp
from logferry.message.timestamps import local_offset
from logferry.sources.base import SourceKind
from logferry.sources.options import SourceOptions
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.nodes import Spec, TemplateText
    from logferry.config.schema import Scope
    from logferry.message.batch import Receipt
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake

__all__ = ["KINDS", "GeneratorOptions", "GeneratorSource"]

_TEXT: Final = b"-- Generated message. --"
_TICK_S: Final = 0.01
"""More messages than one in this time are made several at a time."""
_MESSAGES_PER_TICK: Final = 1000


class GeneratorOptions(SourceOptions):
    """``example-msg-generator()``."""

    title = "source example-msg-generator"

    freq = Option(Seconds(), 1.0, doc="Time between two messages.", unit="s")
    num = Option(Integer(minimum=0), 0, doc="How many messages; 0: no end.")
    template = Option(
        Template(), None, doc="The text of the messages; macros are expanded."
    )
    values = Option(
        Pairs(), (), doc='Name-value pairs, "name" => "value"; type hints count.'
    )

    def check(self, scope: Scope) -> None:
        """Report templates that cannot be expanded."""
        for template in (self.template, *(value for _, value in self.values)):
            if template is None:
                continue
            try:
                template_function(template, MacroContext())
            except TemplateError as error:
                scope.diagnostics.error(str(error), template.span)


class GeneratorSource:
    """The running ``example-msg-generator()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._options = cast("GeneratorOptions", spec.options)
        self._environment = environment
        self._intake = intake
        self._origin = Origin(
            source=spec.id.encode(),
            host=environment.host_name.encode(),
        )
        context = MacroContext(
            host_name=environment.host_name.encode(), metrics=environment.metrics
        )
        template = self._options.template
        self._text = _function_of(template, context)
        self._values = tuple(
            (name, pair_function(value.text, value.hint, context))
            for name, value in self._options.values
        )
        self._tags = [tag.encode() for tag in self._options.tags]
        self._made_count = 0
        self._unsettled_count = 0
        self._started_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin with the first message."""
        self._loop = asyncio.get_running_loop()
        self._started_at = self._environment.clock()
        self._tick()

    def _tick(self) -> None:
        if self._loop is None:
            return
        due = self._due_count()
        if due and self._unsettled_count < self._options.log_iw_size:
            messages = [self._message() for _ in range(due)]
            self._made_count += due
            receipt = self._intake.messages(messages, self._on_settled)
            self._unsettled_count += receipt.message_count
        if not self._options.num or self._made_count < self._options.num:
            delay_s = max(self._options.freq, _TICK_S)
            self._timer = self._loop.call_later(delay_s, self._tick)

    def _due_count(self) -> int:
        """Return how many messages should have been made by now and are not."""
        freq = self._options.freq
        due = _MESSAGES_PER_TICK
        if freq:
            passed_s = self._environment.clock() - self._started_at
            due = int(passed_s / freq) + 1 - self._made_count
        if self._options.num:
            due = min(due, self._options.num - self._made_count)
        return max(0, min(due, _MESSAGES_PER_TICK))

    def _message(self) -> Message:
        now = self._environment.now()
        stamp = Stamp(now, local_offset(now))
        message = Message(self._origin, stamp, stamp)
        options = self._options
        host = options.host_override.encode() or self._origin.host
        message.host = host.lower() if options.normalize_hostnames else host
        message.program = options.program_override.encode()
        message.tags = list(self._tags)
        for name, value in self._values:
            set_value(message, name, *value(message))
        message.message = self._text(message)
        return message

    def _on_settled(self, receipt: Receipt) -> None:
        self._unsettled_count -= receipt.message_count

    async def stop(self) -> None:
        """Make no more."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()


def _plain_text(message: Message) -> bytes:
    del message
    return _TEXT


def _function_of(
    template: TemplateText | None, context: MacroContext
) -> Callable[[Message], bytes]:
    if template is None:
        return _plain_text
    return template_function(template, context)


def _reception(spec: Spec) -> Reception:
    del spec
    return Reception(local=True)


KINDS = {
    "example-msg-generator": SourceKind(GeneratorOptions, _reception, GeneratorSource)
}
