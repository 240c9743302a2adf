"""
The ``application()`` source: messages that a Python program pushes (``embed.py``).

Every message is settled when all destinations on its way took responsibility for it:
delivered and acknowledged, or given up with a counted reason. In the daemon nobody
pushes, and the source is silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.message.model import Origin
from logferry.sources.base import SourceKind
from logferry.sources.options import SourceOptions
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.nodes import Spec
    from logferry.message.batch import Receipt
    from logferry.message.model import Message
    from logferry.runtime.environment import Environment
    from logferry.sources.base import Intake

__all__ = ["KINDS", "ApplicationOptions", "ApplicationSource"]


class ApplicationOptions(SourceOptions):
    """``application()``."""

    title = "source application"


class ApplicationSource:
    """The running ``application()`` driver."""

    def __init__(self, spec: Spec, environment: Environment, intake: Intake) -> None:
        self.id = spec.id
        self._intake = intake
        self._tags = [tag.encode() for tag in _tags_of(spec)]
        self.origin = Origin(
            source=spec.id.encode(),
            transport=b"local+application",
            host=environment.host_name.encode(),
            local=True,
        )

    async def start(self) -> None:
        """Be ready."""

    def push(
        self, messages: list[Message], on_settled: Callable[[Receipt], None]
    ) -> None:
        """Take messages in; ``on_settled`` is called when all are settled."""
        for message in messages:
            message.tags += [tag for tag in self._tags if tag not in message.tags]
        self._intake.messages(messages, on_settled)

    async def stop(self) -> None:
        """Take no more."""


def _tags_of(spec: Spec) -> tuple[str, ...]:
    options = spec.options
    assert isinstance(options, ApplicationOptions)
    return (f".source.{spec.id.partition('#')[0]}", *options.tags)


def _reception(spec: Spec) -> Reception:
    del spec
    return Reception(local=True)


KINDS = {
    "application": SourceKind(
        ApplicationOptions, _reception, ApplicationSource, is_acknowledged=True
    )
}
