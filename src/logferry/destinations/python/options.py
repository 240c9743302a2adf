"""Options of the ``python()`` destination."""

from __future__ import annotations

from logferry.codegen.python.options import ClassOptions, check_class
from logferry.codegen.python.pairs_option import ValuePairsKind
from logferry.config.kinds import Integer, Seconds
from logferry.config.schema import FromGlobal, Option, Scope
from logferry.destinations.options import DestinationOptions, TemplateOptions

__all__ = ["PythonDestinationOptions"]


class PythonDestinationOptions(DestinationOptions, TemplateOptions, ClassOptions):
    """``python()``."""

    title = "destination python"

    value_pairs = Option[tuple[str, ...] | None](
        ValuePairsKind(),
        None,
        doc="Give send() a dict of these; without it, send() gets a LogMessage.",
    )
    batch_lines = Option(
        Integer(minimum=1), 100, doc="Messages between two calls of flush()."
    )
    retries = Option(
        Integer(minimum=1),
        3,
        doc="How often send() may report an error about one message"
        " before the message becomes a dead letter.",
    )
    time_reopen = Option(
        Seconds(minimum=0.001),
        FromGlobal("time_reopen"),
        doc="How long to wait before a failed destination is tried again.",
        unit="s",
    )

    def check(self, scope: Scope) -> None:
        """Find the class."""
        super().check(scope)
        check_class(self, self.class_, scope)
